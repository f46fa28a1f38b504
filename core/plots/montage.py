"""Many small images as one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.plots.palette import CORRECT, WRONG, rgb

GAP = 1
FRAME = 3  # pixels around a marked image
_MARK = 11  # side of a check or cross, in pixels


def montage(images: NDArray[np.uint8], columns: int, *, min_side: int = 40, ground: int = 128) -> NDArray[np.uint8]:
    """Lay images out on a grid, row by row, enlarged by whole factors so that small ones can be seen.

    Parameters
    ----------
    images : (n, h, w) or (n, h, w, c)
    columns : int
        Images in a row; missing ones at the end are left grey.
    min_side : int
        The shorter side of each image is enlarged to at least this many pixels.
    """
    scale = max(1, -(-min_side // min(images.shape[1:3])))
    images = np.repeat(np.repeat(images, scale, axis=1), scale, axis=2)
    n, height, width, *channels = images.shape
    rows = -(-n // columns)
    sheet = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, *channels), ground, dtype=np.uint8)
    for i, image in enumerate(images):
        top, left = (i // columns) * (height + GAP), (i % columns) * (width + GAP)
        sheet[top : top + height, left : left + width] = image
    return sheet


def grey_levels(values: NDArray, low: float, high: float) -> NDArray[np.uint8]:
    """Values as 0..255, black at `low` and white at `high`; what lies outside is cut."""
    return np.clip(np.rint((values - low) * (255 / ((high - low) or 1))), 0, 255).astype(np.uint8)


def marked(image: NDArray[np.uint8], hit: bool | None, *, min_side: int = 64) -> NDArray[np.uint8]:
    """An image (h, w[, c]) as RGBA with a frame, and a check below it for a hit or a cross for a miss; both empty for None."""
    picture = montage(image[None], 1, min_side=min_side)
    if picture.ndim == 2:
        picture = np.repeat(picture[:, :, None], 3, axis=2)
    height, width = picture.shape[:2]
    tile = np.zeros((height + 2 * FRAME + _MARK + 4, width + 2 * FRAME, 4), dtype=np.uint8)
    inside = tile[: height + 2 * FRAME]
    if hit is not None:
        colour = (*rgb(CORRECT if hit else WRONG), 255)
        inside[:] = colour
        left = (tile.shape[1] - _MARK) // 2
        tile[-_MARK - 1 : -1, left : left + _MARK][_CHECK if hit else _CROSS] = colour
    inside[FRAME:-FRAME, FRAME:-FRAME, :3], inside[FRAME:-FRAME, FRAME:-FRAME, 3] = picture, 255
    return tile


def _strokes(*ends: tuple[tuple[float, float], tuple[float, float]]) -> NDArray[np.bool_]:
    """Lines from corner to corner of a square, about three pixels thick, as a mask."""
    rows, columns = np.mgrid[:_MARK, :_MARK]
    mask = np.zeros((_MARK, _MARK), dtype=bool)
    for (r0, c0), (r1, c1) in ends:
        for t in np.linspace(0, 1, 4 * _MARK):
            r, c = (_MARK - 1) * (r0 + t * (r1 - r0)), (_MARK - 1) * (c0 + t * (c1 - c0))
            mask |= (rows - r) ** 2 + (columns - c) ** 2 <= 1.6
    return mask


_CHECK = _strokes(((0.55, 0.05), (0.9, 0.35)), ((0.9, 0.35), (0.1, 0.95)))
_CROSS = _strokes(((0.1, 0.1), (0.9, 0.9)), ((0.1, 0.9), (0.9, 0.1)))
