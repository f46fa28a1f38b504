"""Cluster centres that train with a network."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class Centroids(nn.Module):
    """K points among the codes, and how many codes each has taken in.

    Parameters
    ----------
    means : (K, d)
    counts : (K,)
        Codes that each is the mean of at the start.
    """

    counts: Tensor

    def __init__(self, means: NDArray, counts: NDArray) -> None:
        super().__init__()
        self.means = nn.Parameter(torch.from_numpy(np.asarray(means, dtype=np.float32)))
        self.register_buffer("counts", torch.from_numpy(np.asarray(counts, dtype=np.float32)))

    def nearest(self, Z: Tensor) -> Tensor:
        """Index of the nearest mean to each row of Z (n, d)."""
        with torch.no_grad():
            return torch.cdist(Z, self.means).argmin(dim=1)
