"""Colours for 2 to 1,000 groups, and colour maps for matrices."""

from __future__ import annotations

import colorsys

import numpy as np
from numpy.typing import NDArray

# Ten colours that stay apart under the common colour-vision deficiencies and on light and dark grounds
# (Okabe and Ito's set and Tol's "muted" set, the near-black and near-white entries left out).
TEN = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#AA4499", "#999933", "#882255", "#44AA99")
CORRECT, WRONG = "#0072B2", "#D55E00"
BLOCKS = "Viridis"
DECADES = 4  # of a logarithmic scale


def colours(n_groups: int) -> list[str]:
    """One colour per group: ten chosen ones, beyond that hues at the golden angle in three lightnesses."""
    if n_groups <= len(TEN):
        return list(TEN[:n_groups])
    golden = 0.61803398875
    made = []
    for group in range(n_groups):
        lightness = (0.42, 0.56, 0.68)[group % 3]
        red, green, blue = colorsys.hls_to_rgb((group * golden) % 1.0, lightness, 0.62)
        made.append(f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}")
    return made


def heat_table() -> NDArray[np.uint8]:
    """The colours of matrices, (256, 3), from the smallest to the largest level."""
    return _VIRIDIS


def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue of "#rrggbb"."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def normalized(blocks: NDArray, *, log: bool = False) -> NDArray[np.float32]:
    """Values in [0, 1]: linear up to the 99.5th percentile of what is positive, or logarithmic over four decades."""
    values = np.abs(np.asarray(blocks, dtype=np.float32))
    top = full_brightness(values, log)
    if top == 0:
        return np.zeros_like(values)
    if log:
        return np.clip(1 + np.log10(np.maximum(values / top, 10.0**-DECADES)) / DECADES, 0, 1).astype(np.float32)
    return np.clip(values / top, 0, 1).astype(np.float32)


def log_levels(blocks: NDArray) -> tuple[NDArray[np.uint8], float]:
    """Values as 0..255 on the logarithmic scale of `normalized`, and the value that stands for 255."""
    values = np.abs(blocks)
    return np.rint(255 * normalized(values, log=True)).astype(np.uint8), full_brightness(values, log=True)


def scale_ticks(blocks: NDArray, *, log: bool = False) -> dict[float, str]:
    """Levels of `normalized` and the values that they stand for, for a colour bar."""
    top = full_brightness(np.abs(np.asarray(blocks, dtype=np.float32)), log)
    levels = np.linspace(0, 1, DECADES + 1)
    values = top * 10.0 ** (DECADES * (levels - 1)) if log else top * levels
    edge = {0.0: "≤ "} if log else {1.0: "≥ "}
    return {float(level): f"{edge.get(float(level), '')}{value:.2g}" for level, value in zip(levels, values, strict=True)}


def full_brightness(values: NDArray, log: bool) -> float:
    """The value shown at full brightness."""
    positive = values[values > 0]
    if positive.size == 0:
        return 0.0
    return float(positive.max() if log else np.percentile(positive, 99.5))


def _interpolate(anchors: list[tuple[int, int, int]], n: int) -> NDArray[np.uint8]:
    at = np.linspace(0, len(anchors) - 1, n)
    table = np.array(anchors, dtype=float)
    channels = [np.interp(at, np.arange(len(anchors)), table[:, c]) for c in range(3)]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8)


# Anchors of the perceptually uniform map "viridis".
_VIRIDIS = _interpolate(
    [(68, 1, 84), (72, 40, 120), (62, 74, 137), (49, 104, 142), (38, 130, 142), (31, 158, 137), (53, 183, 121),
     (109, 205, 89), (180, 222, 44), (253, 231, 37)],
    256,
)  # fmt: skip
