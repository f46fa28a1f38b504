"""Many small images as one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GAP = 1


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
