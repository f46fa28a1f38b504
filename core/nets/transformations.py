"""Samples seen otherwise, which clusters should not depend on: images moved and lit, vectors with noise."""

from __future__ import annotations

from math import radians

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

TURN, SHIFT, ZOOM, LIGHT = radians(20), 0.18, 0.15, 0.1  # at most, either way; shares of a side, of the size, of the light
NOISE = 0.1  # of the deviation of the samples of a batch


def transformed(x: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Images (b, c, h, w) turned, shifted, zoomed and lit at random, each in its own way; vectors (b, m) with Gaussian noise.

    The ranges are those of DCCM's program, times `strength`, without its mirroring, which makes other digits of digits.
    """
    if x.ndim == 2:
        noise = torch.randn(x.shape, generator=generator, device=x.device)
        return x + strength * NOISE * x.std() * noise.to(x.dtype)
    drawn = strength * (2 * torch.rand(6, len(x), generator=generator, device=x.device) - 1).to(x.dtype)
    turn, zoom = TURN * drawn[0], 1 + ZOOM * drawn[1]
    cos, sin = zoom * turn.cos(), zoom * turn.sin()
    rows = [torch.stack([cos, -sin, 2 * SHIFT * drawn[2]], 1), torch.stack([sin, cos, 2 * SHIFT * drawn[3]], 1)]
    grid = affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    seen = grid_sample(x, grid, align_corners=False)
    light, lift = (LIGHT * d[:, None, None, None] for d in drawn[4:])
    return seen * (1 + light) + lift * x.std()
