"""What deep self-expressive methods share: network and C trained together, from a pretrained auto-encoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.common import choice, integer, real
from core.graphs import nearest_of
from core.methods.contract import Cost
from core.methods.parts.pretrained import Autoencoding
from core.methods.parts.readout import SelfExpressive, square_bytes
from core.solvers import ridge_representation
from core.training import Arrays, Stages, Step

if TYPE_CHECKING:
    import torch

    from core.nets import AutoEncoder

OBJECTIVE, TRAINING = "Objective", "Training"


class FineTuning:
    """Network and C, which change, and data and constants, which do not.

    Parameters
    ----------
    method : DeepSelfExpressive
        Whose `terms` are minimised.
    net : AutoEncoder
    C : (n, n)
        Where C starts.
    X : (n, ...)
        Samples as the network takes them.
    constants : mapping
        What `terms` reads besides: a Laplacian, a Gram matrix.
    """

    def __init__(
        self, method: DeepSelfExpressive, net: AutoEncoder, C: torch.Tensor, X: torch.Tensor, **constants: Any
    ) -> None:
        import torch

        self.method, self.net, self.X, self.constants = method, net, X, constants
        if method.forbids_diagonal():
            C.fill_diagonal_(0)
        self.representation = torch.nn.ParameterDict({"C": C})
        groups = [
            {"params": [*net.parameters()], "lr": method.network_learning_rate},
            {"params": [self.C], "lr": method.learning_rate},
        ]
        self.optimizer = torch.optim.Adam(groups, fused=True)
        self.representation.register_buffer("still", torch.zeros((), dtype=torch.int64))  # steps at rest, in a row
        self._work: torch.Tensor | None = None

    @property
    def C(self) -> torch.Tensor:
        C: torch.Tensor = self.representation["C"]
        return C

    @property
    def work(self) -> torch.Tensor:
        """One n x n scratch matrix, for whoever needs it for a moment."""
        import torch

        if self._work is None:
            self._work = torch.empty_like(self.C, requires_grad=False)
        return self._work

    def descend(self) -> dict[str, Any]:
        """One Adam step; the values of the terms before it, and with a tolerance whether C has come to rest."""
        import torch

        terms = self.method.terms(self)
        self.optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        if self.method.forbids_diagonal() and self.C.grad is not None:
            self.C.grad.fill_diagonal_(0)  # with zero gradients Adam leaves the zero diagonal as it is
        before = self.work.copy_(self.C.detach()) if self.method.tolerance else None
        self.optimizer.step()
        values: dict[str, Any] = {name: term.detach() for name, term in terms.items()}
        return values if before is None else values | {"converged": self._at_rest(before)}

    def _at_rest(self, before: torch.Tensor) -> torch.Tensor:
        """||C_t - C_{t-1}||_F < tolerance ||C_{t-1}||_F twice in a row."""
        size = before.norm().double()
        change = before.sub_(self.C.detach()).norm().double()
        still = self.representation.get_buffer("still")
        still.copy_((still + 1) * (change < self.method.tolerance * size))
        return still >= 2


@dataclass(kw_only=True)
class DeepSelfExpressive(SelfExpressive, Autoencoding):
    """A method that trains an auto-encoder and a self-expression C together, Z ~ C Z, X ~ decoder(C Z).

    Stages: pretrain, graph (what the objective needs of the pretrained codes), finetune (one full-batch Adam step of
    network and C per epoch), spectral. With a subset (`scope`), pretraining sees all samples, fine-tuning those of the
    subset as one batch, and every other sample takes the cluster of its nearest neighbour among their codes.

    A subclass gives `terms`, whether it forbids the diagonal (`forbids_diagonal`), and, if it has any, `constants`.
    """

    family = "Deep subspace"

    epochs: int = integer(
        30, symbol="T", low=1, high=100_000, soft=(10, 3000), group=TRAINING,
        help="Full-batch steps on network and C together. C is far from converged when they end: it is a regulariser too.",
    )  # fmt: skip
    learning_rate: float = real(
        1e-3, symbol=r"\eta", low=1e-6, high=1, soft=(1e-5, 1e-1), log=True, group=TRAINING,
        help="Learning rate of Adam for C.",
    )  # fmt: skip
    network_learning_rate: float = real(
        1e-3, symbol=r"\eta_\theta", low=0, high=1, soft=(1e-5, 1e-1), log=True, group=TRAINING,
        help="Learning rate of Adam for the network; the papers use the same for both.",
    )  # fmt: skip
    start: str = choice(
        "constant", symbol=r"C^{(0)}", choices=("constant", "ridge", "ridge_unit", "ridge_samples"), group=TRAINING,
        help="C begins as a constant (the papers), or as the ridge solution with a zero diagonal on the pretrained codes, on "
        "these with unit norm, or on the samples with unit norm.",
    )  # fmt: skip
    ridge_strength: float = real(
        0.1, symbol=r"\lambda", low=1e-6, high=1e4, soft=(1e-3, 10), log=True, group=TRAINING,
        help="Penalty of the ridge start, relative to the mean squared norm of a code.",
    )  # fmt: skip
    initial_c: float = real(
        1e-8, symbol="C_0", low=0, high=1, soft=(1e-8, 1e-2), log=True, group=TRAINING,
        help="Value of every entry of C at the start, if it starts as a constant.",
    )  # fmt: skip
    tolerance: float = real(
        0.0, symbol=r"\epsilon", low=0, high=1, soft=(1e-8, 1e-3), log=True, group=TRAINING,
        help="Stop when the relative change of C is below this twice in a row; 0 never stops early.",
    )  # fmt: skip
    precision: str = choice(
        "float32", symbol=r"\mathrm{bits}", choices=("float32", "bfloat16"), group=TRAINING,
        help="Number format of the products with C; bfloat16 is faster where the processor has it.",
    )  # fmt: skip

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        n = cls.expressed(shape[0], params)
        network = cls.network_cost(shape, params)
        tuned = cls.network_cost((n, *shape[1:]), {**params, "batch_size": None})  # fine-tuning takes all at once
        squares = square_bytes(n, {"C, its gradient and Adam": 4, "constants, affinity and its decomposition": 5})
        codes = {"codes, C Z and their gradients": 6 * 4 * n * cls.code_size(shape[1:], params)}
        matrices = {**tuned.matrices, "data": network.matrices["data"], **codes, **squares}
        return Cost(parameters=network.parameters + n**2, matrices=matrices)

    def terms(self, problem: FineTuning) -> dict[str, torch.Tensor]:
        """The weighted terms of the objective, by name."""
        raise NotImplementedError  # pragma: no cover

    def forbids_diagonal(self) -> bool:
        """Whether diag(C) = 0 from the start to the end."""
        return False

    def constants(self, X: torch.Tensor, Z: NDArray) -> tuple[dict[str, Any], Arrays]:
        """What `terms` needs of the samples X and their pretrained codes Z (s, d), and what of it can be looked at."""
        return {}, {}

    def read(self, C: torch.Tensor) -> torch.Tensor:
        """The matrix that is clustered: C itself, unless a method says otherwise."""
        return C.detach()

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        stages = stages or Stages()
        self.clusters(X)
        data, net, generator = self.begin(X)
        yield from self.pretrain(net, data, generator, stages)

        rows = self.chosen_rows(len(X))
        known: dict[str, Any] = {"Z_pretrained": self.codes(net, data).cpu().numpy()}
        part, Z = (data, known["Z_pretrained"]) if rows is None else (self.part(data, rows), known["Z_pretrained"][rows])
        constants, seen = self.constants(part, Z)
        known |= seen
        yield Step("graph", 1, 1, {"edges": known["prior"].nnz} if "prior" in known else {}, known)

        if stages.stopping and not stages.reached("finetune"):
            return  # nothing to conclude from: spare the start of C, which may be a large inverse
        problem = FineTuning(self, net, self._initial_representation(part, Z), part, **constants)
        yield from self._finetune(problem, data, rows, stages)
        if stages.reached("finetune"):
            yield self.conclude({**known, **self._seen(problem, data, rows)})

    def _initial_representation(self, X: torch.Tensor, Z: NDArray) -> torch.Tensor:
        """C before the first step."""
        import torch

        if self.start == "constant":
            return torch.full((len(Z), len(Z)), self.initial_c, device=self.device)
        features = X.flatten(1).cpu().numpy() if self.start == "ridge_samples" else Z
        if self.start != "ridge":
            norms = np.linalg.norm(features, axis=1, keepdims=True)
            features = features / np.where(norms > 0, norms, 1)
        C = ridge_representation(features, self.ridge_strength)
        return torch.from_numpy(C.astype(np.float32)).to(self.device)

    def _finetune(self, problem: FineTuning, X: torch.Tensor, rows: NDArray[np.int64] | None, stages: Stages) -> Iterator[Step]:
        """Minimise the objective over the network and C."""

        def epoch(_: int) -> tuple[Mapping[str, Any], Arrays]:
            return problem.descend(), self._seen(problem, X, rows)

        parts = {"net": problem.net, "representation": problem.representation, "optimizer": problem.optimizer}
        yield from stages.run("finetune", self.epochs, parts, epoch)

    def _seen(self, problem: FineTuning, X: torch.Tensor, rows: NDArray[np.int64] | None) -> Arrays:
        """C as it is clustered, the codes, and the reconstructions decoder(C Z); computed only if somebody looks."""
        import torch

        from core.losses import combine

        def reconstructions() -> torch.Tensor:
            with torch.no_grad():
                return self.shown(problem.net.decode(combine(problem.C, problem.net.encode(problem.X))))

        views = {**self.views(problem.net, X), "C": lambda: self.read(problem.C)}
        if rows is None:
            return {**views, "X_hat": reconstructions}

        def nearest() -> NDArray[np.int64]:
            Z = self.codes(problem.net, X).cpu().numpy()
            return nearest_of(Z, Z[rows])

        return {**views, "rows": rows, "nearest": nearest}
