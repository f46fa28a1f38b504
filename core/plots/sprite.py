"""All samples of a data set as one picture, from which a browser cuts the one that is pointed at."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_PIXELS = 8_000_000


@dataclass(frozen=True)
class Sprite:
    """A PNG with a grid of small images: number i stands at column i % columns, row i // columns."""

    png: bytes
    width: int
    height: int
    columns: int


def sprite(images: NDArray[np.uint8]) -> Sprite:
    """Lay images (n, h, w[, c]) out on one grid; where that is very large, each loses every second pixel, or more.

    Raises
    ------
    ValueError
        If there are none.
    """
    from PIL import Image

    if not len(images):
        raise ValueError("A sprite needs at least one image.")
    step = 1
    while images[:, ::step, ::step].size > MOST_PIXELS and min(images.shape[1:3]) // (step + 1) >= 8:
        step += 1
    images = images[:, ::step, ::step]
    n, height, width, *channels = images.shape
    columns = max(1, int(np.ceil(np.sqrt(n * height / width))))
    rows = -(-n // columns)
    grid = np.zeros((rows * columns, height, width, *channels), dtype=np.uint8)
    grid[:n] = images
    sheet = grid.reshape(rows, columns, height, width, -1).transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, -1)
    pixels = sheet[:, :, 0] if sheet.shape[2] in (1, 2) else sheet[:, :, :3]
    target = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(target, format="PNG", compress_level=3)
    return Sprite(target.getvalue(), width, height, columns)
