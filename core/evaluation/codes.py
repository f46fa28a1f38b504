"""Whether codes explain each other better or have only become smaller, which the loss of self-expression does not tell apart.

||Z - C Z||^2 falls to a hundredth when the codes are divided by ten, and the decoder undoes that without a trace (Haeffele, You
and Vidal, ICLR 2021). So the norm of the codes, the number of their directions and the error relative to ||Z||^2 are watched.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST_RANKED = 500  # samples: what a look may take is some hundredths of a second
ROUNDING = 1e-12  # of the largest eigenvalue: what double precision makes of none


def effective_rank(Z: NDArray) -> float | None:
    """How many directions codes (n, d) have (Roy and Vetterli, EUSIPCO 2007); None for codes that are zero.

    exp(H(p)) with H the entropy and p_i = sigma_i / sum_j sigma_j the shares of the singular values of Z, not centred, as
    self-expression takes it: 1 if all codes are multiples of one, r if r singular values are equal and the others zero.
    The singular values are the roots of the eigenvalues of the smaller of Z Z^T and Z^T Z, in double precision; of more than
    500 samples, 500 at equal steps are taken.
    """
    Z = np.asarray(Z[:: -(-len(Z) // MOST_RANKED)], dtype=np.float64)
    squares = np.linalg.eigvalsh(Z @ Z.T if len(Z) <= Z.shape[1] else Z.T @ Z)
    sigma = np.sqrt(squares[squares > ROUNDING * squares[-1]])
    if not sigma.size:
        return None
    p = sigma / sigma.sum()
    return float(np.exp(-(p * np.log(p)).sum()))


def code_signs(Z: NDArray, start: NDArray, unexplained: NDArray) -> dict[str, float]:
    """What tells apart codes that explain each other from codes that are small.

    Parameters
    ----------
    Z, start : (n, d)
        Codes now and at the start.
    unexplained : (n,)
        ||z_i - (C Z)_i||^2 of each.

    Returns
    -------
    dict
        ``code_norm``, ||Z||_F over that of the start; ``relative_error``, ||Z - C Z||_F^2 / ||Z||_F^2; ``effective_rank``.
        What is not defined, as the error relative to codes that are zero, is left out.
    """
    size, before = (float(np.square(codes, dtype=np.float64).sum()) for codes in (Z, start))
    signs = {
        "code_norm": (size / before) ** 0.5 if before else None,
        "relative_error": float(unexplained.sum(dtype=np.float64)) / size if size else None,
        "effective_rank": effective_rank(Z),
    }
    return {name: value for name, value in signs.items() if value is not None}
