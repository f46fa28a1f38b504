"""How deep a coder is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from numpy.typing import NDArray

from core.common import Part, integer
from core.methods.sparse_coding.learnt_dictionary import DICTIONARY_GROUP

if TYPE_CHECKING:
    from core.methods.sparse_coding.neighbor_links import LinkedSamples
    from core.methods.sparse_coding.sparse_codes import SparseCodes
    from core.nets import TAGNet


@dataclass(frozen=True, kw_only=True)
class Layers(Part):
    """A coder of K_s + 1 layers, whose codes are all there to be seen."""

    n_stages: int = integer(
        2, symbol="K_s", low=1, high=50, soft=(1, 10), group=DICTIONARY_GROUP,
        help="Iterations after the first; the network has one more layer than this.",
    )  # fmt: skip

    @property
    def count(self) -> int:
        return self.n_stages + 1

    def unrolled(self, codes: SparseCodes, atoms: NDArray, graph: LinkedSamples) -> TAGNet:
        """The network that makes so many iterations of sparse coding."""
        from core.nets import TAGNet

        N = codes.step_bound(atoms, graph.matrix())
        return TAGNet(atoms, self.n_stages, lam=codes.lam, alpha=codes.alpha, N=N)

    @staticmethod
    def unrolled_parameters(m: int, p: int) -> int:
        """Numbers in W, S and theta."""
        return p * m + p * p + p
