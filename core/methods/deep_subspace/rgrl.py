"""RGRL: relation-guided representation learning (Kang, Lu, Liang, Bai and Xu, Neural Networks 2020).

Rows are samples, Z = encoder(X), Xr = decoder(C Z), C is (n, n):

    L = w [ ||X - Xr||_F^2 + 2 Tr(X^T L_n Xr) ] + alpha ||C||_p + beta/2 ||Z - C Z||_F^2 + gamma/2 ||X - C X||_F^2   (Eq. 6)

with S = (|C| + |C|^T)/2, D its degrees, L_n = I - D^-1/2 S D^-1/2, and ||C||_p the sum of |C_ij| (RGRL-L1) or of C_ij^2
(RGRL-L2). The first pair asks reconstructions to agree with the images of related samples (`core.losses.relation`
says why it is bounded below); RGRLsc replaces it by ||X - Xr||_F^2, which leaves subspace consistency alone.

For many samples (section 5) C is learnt on a subset; every other sample takes the cluster of its nearest neighbour
among the codes of the subset: see ``scope``, and ``network="dense"`` for the fully connected network.

What the paper leaves open, and how it is settled here

- The published program lets the gradient flow through L_n into C. Minimising the trace over the graph fights the
  self-expression: on ORL accuracy falls from about .86 to .50. So L_n is a constant of each step (``through_graph``
  off); on, it is the program's behaviour.
- The program adds the identity to S (``self_loops``), which keeps degrees away from 0 where C starts near 0.
- The paper demands diag(C) = 0; the program only counts the diagonal twice in the penalty. With alpha = 1e-4 nothing but
  the early end then keeps C from the identity. ``diagonal="zero"`` is the paper, "soft" the program.
- w is absent from the paper and 1 in the program, 3 to 5 on UMIST.
- beta and gamma are searched on grids by accuracy and not reported; the presets say what was chosen how.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from core.common import choice, flag, real, redeclared
from core.methods.contract import Preset
from core.methods.deep_subspace.family import OBJECTIVE, DeepSelfExpressive, FineTuning
from core.methods.parts import networks
from core.methods.parts.readout import affinity_constants
from core.methods.registry import register
from core.training import Arrays

if TYPE_CHECKING:
    import torch


def _objective(
    beta: float, gamma: float, epochs: int, *, alpha: float = 1e-4, rate: float = 1e-4, network_rate: float = 1e-4, **more: Any
) -> dict[str, Any]:
    """Weights and training of one data set; the published program trains C and network at 1e-4."""
    return {
        "alpha": alpha, "beta": beta, "gamma": gamma, "epochs": epochs,
        "learning_rate": rate, "network_learning_rate": network_rate, **more,
    }  # fmt: skip


_PUBLISHED_SCHEDULE = (
    "Network and schedule of the published program, with the zero diagonal and the constant Laplacian of this app. "
    "beta and gamma are not published; these are of the searched grid."
)
_WITH_LABELS = "Constants chosen with the labels"
_CARRIED = "The ridge solution on the pretrained codes carries the result."
_RIDGE = {"start": "ridge_unit", "ridge_strength": 10.0}
_COIL = {"alpha": 0.5, "weight": 0.5, "rate": 1e-3, "network_rate": 1e-3}  # the weights that UDLL uses on COIL-20
_RIDGE_LARGE = {"start": "ridge_unit", "ridge_strength": 0.1}
_LARGE = {
    "network": "dense", "scope": "subset", "subset_size": 5000, "laplacian": "random_walk",
    "batch_size": 256, "pretrain_learning_rate": 1e-3, "pretrain_schedule": "constant",
}  # fmt: skip

_PRESETS = {
    "coil20": Preset(
        title="COIL-20",
        dataset="coil20",
        params={**networks.COIL20, **_objective(1000, 10, 60, **_COIL), **affinity_constants(16, 6, 0.03, True)},
        note=f"{_WITH_LABELS}; the weights are those of UDLL, the affinity has diag(S) = 1 as DSC-Net and UDLL do.",
    ),
    "coil20-l1": Preset(
        title="COIL-20, L1",
        dataset="coil20",
        params={
            **networks.COIL20, **_objective(1000, 10, 60, **{**_COIL, "alpha": 1e-4}), "norm": "l1",
            **affinity_constants(16, 6, 0.03, True),
        },
        note=f"{_WITH_LABELS}, for the L2 variant.",
    ),
    "coil20-fast": Preset(
        title="COIL-20, fast: from the ridge solution",
        dataset="coil20",
        params={
            **networks.COIL20, **_objective(100, 10, 3), **affinity_constants(14, 7, 0.035, True), **_RIDGE,
        },
        note=f"{_WITH_LABELS}. {_CARRIED}",
    ),
    "coil20-code": Preset(
        title="COIL-20, L1, published schedule",
        dataset="coil20",
        params={**networks.COIL20, **_objective(100, 10, 120, norm="l1"), **affinity_constants(16, 6, 0.03)},
        source="code",
        note=_PUBLISHED_SCHEDULE,
    ),
    "coil40-fast": Preset(
        title="COIL-40, fast: from the ridge solution",
        dataset="coil40",
        params={**networks.COIL40, **_objective(30, 1e-3, 5), **affinity_constants(14, 7, 0.035, True), **_RIDGE},
        note=f"{_WITH_LABELS}. {_CARRIED}",
    ),
    "coil40-code": Preset(
        title="COIL-40, published schedule",
        dataset="coil40",
        params={**networks.COIL40, **_objective(30, 1e-3, 160), **affinity_constants(16, 6, 0.04)},
        source="code",
        note=_PUBLISHED_SCHEDULE,
    ),
    "orl-fast": Preset(
        title="ORL, fast: from the ridge solution",
        dataset="orl",
        params={
            **networks.ORL, **_objective(5, 0.5, 25, alpha=10, rate=1e-3), **affinity_constants(4, 2, 0.17),
            "start": "ridge", "ridge_strength": 0.1,
        },
        note=f"{_WITH_LABELS}. The ridge solution on the pretrained codes alone reaches as much.",
    ),
    "orl-cold": Preset(
        title="ORL, from C = 1e-5",
        dataset="orl",
        params={
            **networks.ORL, **_objective(100, 1, 300, alpha=90, rate=3e-3, network_rate=1e-5), **affinity_constants(4, 2, 0.17)
        },
        note=f"{_WITH_LABELS}, with a wider network than published.",
    ),
    "orl-code": Preset(
        title="ORL, published schedule",
        dataset="orl",
        params={**networks.ORL_CODE, "pixel_range": 1.0, **_objective(5, 0.5, 5000), **affinity_constants(3, 1.2, 0.18)},
        source="code",
        note=_PUBLISHED_SCHEDULE,
    ),
    "orl-paper": Preset(
        title="ORL, network of the paper",
        dataset="orl",
        params={**networks.ORL_PAPER, "pixel_range": 1.0, **_objective(5, 0.5, 5000), **affinity_constants(3, 1.2, 0.18)},
        source="paper",
        note=_PUBLISHED_SCHEDULE,
    ),
    "mnist_1000": Preset(
        title="MNIST-1000",
        dataset="mnist_1000",
        params={
            **networks.MNIST_1000, **_objective(10, 1, 100, alpha=1, rate=1e-3, network_rate=1e-3),
            **affinity_constants(14, 8, 0.08),
        },
        note=f"{_WITH_LABELS}, with a wider network than published.",
    ),
    "mnist_1000-fast": Preset(
        title="MNIST-1000, fast: from the ridge solution",
        dataset="mnist_1000",
        params={**networks.MNIST_1000, **_objective(1, 0.1, 3), **affinity_constants(8, 6, 0.08), **_RIDGE},
        note=f"{_WITH_LABELS}. {_CARRIED}",
    ),
    "mnist_1000-code": Preset(
        title="MNIST-1000, published schedule",
        dataset="mnist_1000",
        params={**networks.MNIST_1000_CODE, **_objective(0.1, 0.01, 130), **affinity_constants(4, 5, 0.12)},
        source="code",
        note=_PUBLISHED_SCHEDULE,
    ),
    "mnist_1000-paper": Preset(
        title="MNIST-1000, network of the paper",
        dataset="mnist_1000",
        params={**networks.MNIST_1000_PAPER, **_objective(0.1, 0.01, 130), **affinity_constants(4, 5, 0.12)},
        source="paper",
        note=_PUBLISHED_SCHEDULE,
    ),
    "yaleb-fast": Preset(
        title="Extended Yale B, fast: from the ridge solution",
        dataset="yaleb",
        params={
            **networks.YALEB, **_objective(10, 100, 3), **affinity_constants(6, 3.5, 0.12),
            "start": "ridge_samples", "ridge_strength": 0.03,
        },
        note=f"{_WITH_LABELS}. The ridge solution on the samples carries the result.",
    ),
    "yaleb-code": Preset(
        title="Extended Yale B, published schedule",
        dataset="yaleb",
        params={**networks.YALEB, **_objective(10, 100, 3000), **affinity_constants(4, 3.5, 0.12)},
        source="code",
        note=f"{_PUBLISHED_SCHEDULE} Takes hours on a CPU.",
    ),
    "umist": Preset(
        title="UMIST, as ORL",
        dataset="umist",
        params={
            **networks.UMIST, **_objective(5, 0.5, 25, alpha=10, rate=1e-3), **affinity_constants(5, 8, 0.08),
            "start": "ridge", "ridge_strength": 0.1,
        },
        note="Not tried here, as the data set could not be had: what worked on ORL, with the paper's affinity constants.",
    ),
    "umist-code": Preset(
        title="UMIST, published schedule",
        dataset="umist",
        params={
            **networks.UMIST_CODE, **_objective(6, 10, 200, alpha=1.0, weight=4.0, tolerance=1e-8),
            **affinity_constants(5, 8, 0.08),
        },
        source="code",
        note=f"{_PUBLISHED_SCHEDULE} Not tried here: the data set could not be had.",
    ),
    "umist-paper": Preset(
        title="UMIST, network of the paper",
        dataset="umist",
        params={
            **networks.UMIST_PAPER, **_objective(6, 10, 200, alpha=1.0, weight=4.0, tolerance=1e-8),
            **affinity_constants(5, 8, 0.08),
        },
        source="paper",
        note=f"{_PUBLISHED_SCHEDULE} Not tried here: the data set could not be had.",
    ),
    "digits": Preset(
        title="Digits",
        dataset="digits",
        params={**networks.DIGITS, **_objective(1000, 10, 40, **_COIL), **affinity_constants(8, 6, 0.06, True)},
        note=f"{_WITH_LABELS}; the objective is that of COIL-20.",
    ),
    "mnist": Preset(
        title="MNIST, 70,000 images (section 5)",
        dataset="mnist",
        params={
            **_LARGE, **_RIDGE_LARGE, "widths": (500, 500, 2000, 10), "pretrain_epochs": 20, **_objective(1, 0.1, 3),
            **affinity_constants(1, 40, 1), "assign_labels": "kmeans",
        },
        note=f"{_WITH_LABELS}, those of USPS. {_CARRIED}",
    ),
    "mnist-code": Preset(
        title="MNIST, 70,000 images, published schedule",
        dataset="mnist",
        params={
            **_LARGE, "widths": (500, 500, 2000, 10), "pretrain_epochs": 37, **_objective(1, 0.1, 20),
            **affinity_constants(4, 5, 0.12),
        },
        source="code",
        note=_PUBLISHED_SCHEDULE,
    ),
    "usps": Preset(
        title="USPS, 9,298 images (section 5)",
        dataset="usps",
        params={
            **_LARGE, **_RIDGE_LARGE, "widths": (500, 500, 2000, 10), "pretrain_epochs": 58, **_objective(1, 0.1, 3),
            **affinity_constants(1, 40, 1), "assign_labels": "kmeans",
        },
        note=f"{_WITH_LABELS}. {_CARRIED}",
    ),
    "usps-code": Preset(
        title="USPS, 9,298 images, published schedule",
        dataset="usps",
        params={
            **_LARGE, "widths": (500, 500, 2000, 10), "pretrain_epochs": 58, **_objective(1, 0.1, 10, norm="l1"),
            **affinity_constants(4, 5, 0.12),
        },
        source="code",
        note=_PUBLISHED_SCHEDULE,
    ),
    "rcv1_10k": Preset(
        title="RCV1, 10,000 stories (section 5)",
        dataset="rcv1_10k",
        params={
            **_LARGE, "widths": (500, 500, 2000, 4), "pretrain_epochs": 51, **_objective(1, 0.1, 15),
            **affinity_constants(4, 5, 0.12),
        },
        source="code",
        note=f"{_PUBLISHED_SCHEDULE} Not tried here: the data set could not be had.",
    ),
}  # fmt: skip


@register
class RGRL(DeepSelfExpressive):
    """Deep self-expression whose reconstructions follow the learnt relations."""

    name = "rgrl"
    title = "RGRL"
    summary = "Explains every code and image by the others, and asks reconstructions to agree with those of related samples."
    paper = "Kang, Lu, Liang, Bai and Xu, Neural Networks 2020"
    objective = (
        r"w \left[ \lVert X - \hat X \rVert_F^2 + 2\,\mathrm{Tr}(X^\top L_n \hat X) \right] + \alpha \lVert C \rVert_p"
        r" + \tfrac{\beta}{2} \lVert Z - CZ \rVert_F^2 + \tfrac{\gamma}{2} \lVert X - CX \rVert_F^2"
    )
    symbols = {
        "reconstruction": r"w\,[\lVert X - \hat X \rVert_F^2 + 2\,\mathrm{Tr}(X^\top L_n \hat X)]",
        "penalty": r"\alpha \lVert C \rVert_p",
        "self-expression": r"\tfrac{\beta}{2} \lVert Z - CZ \rVert_F^2",
        "raw self-expression": r"\tfrac{\gamma}{2} \lVert X - CX \rVert_F^2",
    }
    presets = _PRESETS
    published = {
        "mnist_1000": 0.8140, "yaleb": 0.9753, "orl": 0.8700, "coil20": 0.9701, "coil40": 0.8396, "umist": 0.8104,
        "mnist": 0.9127, "usps": 0.9170, "rcv1_10k": 0.6867,
    }  # fmt: skip

    alpha: float = real(
        1e-4, symbol=r"\alpha", low=0, high=1e7, soft=(1e-5, 100), log=True, group=OBJECTIVE,
        help="Weight of the penalty on C.",
    )  # fmt: skip
    beta: float = real(
        10.0, symbol=r"\beta", low=0, high=1e7, soft=(1e-4, 1000), log=True, group=OBJECTIVE,
        help="Weight of the self-expression of the codes.",
    )  # fmt: skip
    gamma: float = real(
        1.0, symbol=r"\gamma", low=0, high=1e7, soft=(1e-4, 1000), log=True, group=OBJECTIVE,
        help="Weight of the self-expression of the samples themselves.",
    )  # fmt: skip
    weight: float = real(
        1.0, symbol="w", low=0, high=1e6, soft=(0.01, 100), log=True, group=OBJECTIVE,
        help="Weight of the reconstruction and its relation to the graph.",
    )  # fmt: skip
    norm: str = choice(
        "l2", symbol="p", choices=("l1", "l2"), group=OBJECTIVE,
        help="Penalty on C: the sum of absolute values (RGRL-L1) or of squares (RGRL-L2).",
    )  # fmt: skip
    relation: str = choice(
        "graph", symbol=r"\mathrm{Tr}", choices=("graph", "none"), group=OBJECTIVE,
        help="Reconstructions follow the graph of C (RGRL), or only the samples (RGRLsc, subspace consistency alone).",
    )  # fmt: skip
    laplacian: str = choice(
        "symmetric", symbol="L_n", choices=("symmetric", "random_walk"), group=OBJECTIVE,
        help="Normalise the graph on both sides (paper), or by rows (the program's fully connected networks).",
    )  # fmt: skip
    self_loops: bool = flag(
        True, symbol="S + I", group=OBJECTIVE, help="Add the identity to the graph of C, as the program does."
    )
    through_graph: bool = flag(
        False, symbol=r"\partial L_n / \partial C", group=OBJECTIVE,
        help="Let the gradient reach C through the Laplacian, as the program does; usually much worse.",
    )  # fmt: skip
    diagonal: str = choice(
        "zero", symbol=r"C_{ii}", choices=("zero", "soft"), group=OBJECTIVE,
        help="Forbid a sample to explain itself (paper), or count the diagonal twice in the penalty (program).",
    )  # fmt: skip
    initial_c: float = redeclared(DeepSelfExpressive, "initial_c", 1e-5)
    tolerance: float = redeclared(DeepSelfExpressive, "tolerance", 1e-6)

    def forbids_diagonal(self) -> bool:
        return self.diagonal == "zero"

    def constants(self, X: torch.Tensor, Z: NDArray) -> tuple[dict[str, Any], Arrays]:
        """The samples as rows, and their Gram matrix where it is the cheaper way to ||X - CX||."""
        from core.losses import flat

        rows = flat(X)
        n, m = rows.shape
        gram = self.gamma > 0 and n < 2 * m
        return {"rows": rows, "raw": (rows @ rows.T if gram else rows) if self.gamma else None, "gram": gram}, {}

    def terms(self, problem: FineTuning) -> dict[str, torch.Tensor]:
        """The weighted terms of Eq. 6."""
        from core import losses

        X, C = problem.constants["rows"], problem.C
        Z = problem.net.encode(problem.X)
        Z_hat, penalty, error = losses.express(
            C, Z, norm=self.norm, doubled=not self.forbids_diagonal(), precision=self.precision,
            raw=problem.constants["raw"], gram=problem.constants["gram"],
        )  # fmt: skip
        Xr = losses.flat(problem.net.decode(Z_hat))
        if self.relation == "graph":
            fit = losses.relation(
                C, X, Xr, kind=self.laplacian, self_loops=self.self_loops, through=self.through_graph,
                work=problem.work, precision=self.precision,
            )  # fmt: skip
        else:
            fit = 2 * losses.reconstruction(X, Xr)
        return {
            "reconstruction": self.weight * fit,
            "penalty": self.alpha * penalty,
            "self-expression": 0.5 * self.beta * losses.self_expression(Z, Z_hat),
            "raw self-expression": self.gamma * error,
        }
