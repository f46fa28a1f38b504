"""Sparse matrices as tensors."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor


def sparse_tensor(A: Any, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Tensor:
    """A constant SciPy CSR matrix as a torch CSR tensor on the device."""
    with warnings.catch_warnings():  # torch announces that its CSR layout is in beta
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        rows, columns, values = (torch.from_numpy(part) for part in (A.indptr, A.indices, A.data))
        sparse = torch.sparse_csr_tensor(rows, columns, values.to(dtype), A.shape, check_invariants=True)
    return sparse.to(device)
