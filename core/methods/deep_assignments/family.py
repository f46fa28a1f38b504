"""Deep clustering by a softmax: a network, a layer that says which cluster a code belongs to, and both trained together.

The stage "pretrain" trains the auto-encoder alone. k-means, or a graph of them, groups its codes, and the rows of the last
layer theta are the means, scaled to unit norm: p_ik = exp(theta_k^T z_i) / sum_l exp(theta_l^T z_i). The stage "finetune" goes
on in mini-batches towards what is known at the beginning of each epoch: for `start_epochs` these clusters, then p itself. A
sample belongs to its largest p. Terms are means over the samples of a batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from core.common import held, integer
from core.methods.contract import Clusterer, Cost, Labeller
from core.methods.deep_assignments import rules
from core.methods.deep_assignments.network import DenoisingNetwork
from core.methods.parts.first_clusters import FirstClusters
from core.methods.parts.joint import JointTraining
from core.methods.parts.kmeans import KMeansReadout
from core.methods.parts.network import own_weights
from core.methods.rules import Rule
from core.training import Arrays, Stages, Step, in_chunks

if TYPE_CHECKING:
    from torch import Tensor, nn

    from core.methods.deep_assignments.denoising import DenoisingOnData
    from core.methods.deep_assignments.problem import Batch

SMALLEST = 1e-12  # norm that a sum of codes is divided by


@dataclass(kw_only=True)
class DeepAssignments(Clusterer):
    """A method that trains a network and its softmax towards what that softmax says.

    A method gives the terms of its loss (`terms`), and may turn what is known of all samples into targets (`targets`) or train
    further networks (`helpers`).
    """

    family = "Deep assignments"
    learns = "deep"
    reads = "Z"
    uses_gpu = True
    shows = frozenset({"network"})
    rules: ClassVar[tuple[Rule, ...]] = (rules.network, rules.clustering)

    coder = held(DenoisingNetwork)

    joint = held(JointTraining, epochs=40, learning_rate=3e-3, min_change=0.0)
    first = held(FirstClusters)

    start_epochs: int = integer(
        10, symbol="T_s", low=0, high=100_000, soft=(0, 50), group="Training",
        help="How many of these passes learn the first clusters.",
    )  # fmt: skip
    train_batch_size: int = integer(
        100, symbol="B_1", low=2, high=1_000_000, soft=(32, 1024), group="Training", help="Samples per step in that stage."
    )

    coder_: DenoisingOnData = field(init=False, repr=False)
    head_: nn.Linear = field(init=False, repr=False)

    # ---- what a method says ------------------------------------------------------------------------------------------

    def terms(self, batch: Batch) -> Mapping[str, Tensor]:
        """The loss of a batch, term by term."""
        raise NotImplementedError  # pragma: no cover

    def targets(self, P: Tensor) -> Tensor:
        """What a whole epoch is trained towards, (n, K), from what is known of all samples at its beginning."""
        return P

    def helpers(self, sample_shape: tuple[int, ...]) -> Mapping[str, nn.Module]:
        """Networks that are trained beside, by name; their weights are drawn on the CPU."""
        return {}

    # ---- training ----------------------------------------------------------------------------------------------------

    def check_data(self, X: NDArray) -> None:
        self.coder.check(X)

    def iter_fit(self, X: NDArray, stages: Stages | None = None) -> Iterator[Step]:
        from core.methods.deep_assignments.problem import Problem

        stages = stages or Stages()
        K = self.clusters(X)
        self.check_data(X)
        on = self.coder_ = self.coder.on(X, random_state=self.random_state, device=self.device)
        yield from on.pretrain(self.coder.pretraining, stages)
        before = on.codes().cpu()
        first = self.first.of_codes(before.numpy(), K, self.random_state)[0]
        self.head_ = self._head(directions(before.numpy(), first, K))
        problem = Problem(self, on, first, K)
        yield from problem.trainer().run(stages, "finetune", self.joint.epochs)
        yield self.conclude({**problem.views(), "Z_pretrained": before})

    def _head(self, theta: NDArray) -> nn.Linear:
        """The last layer with the given weights (K, d)."""
        import torch
        from torch import nn

        head = nn.utils.skip_init(nn.Linear, theta.shape[1], theta.shape[0], bias=False)
        with torch.no_grad():
            head.weight.copy_(torch.from_numpy(np.asarray(theta, dtype=np.float32)))
        return head.to(self.device)

    def posterior(self, Z: Tensor) -> Tensor:
        """p (n, K) of codes, without gradients."""
        return in_chunks(lambda part: self.head_(part).softmax(1), Z)

    # ---- clusters, new samples ---------------------------------------------------------------------------------------

    def labeller(self, arrays: Arrays, affinity: NDArray | None) -> Labeller:
        """The largest p, whatever the seed; k-means while the auto-encoder is trained alone."""
        if "P" in arrays:
            labels = np.asarray(arrays["P"].argmax(axis=1), dtype=np.int64)
            return lambda seed: labels
        return KMeansReadout(n_init=1).labeller(arrays["Z"], self.K)

    def label_codes(self, Z: NDArray) -> NDArray[np.int64]:
        import torch

        P = self.posterior(torch.from_numpy(np.ascontiguousarray(Z)).to(self.device))
        return np.asarray(P.argmax(dim=1).cpu(), dtype=np.int64)

    def embed(self, X: NDArray) -> NDArray:
        return self.coder.embed(self.coder_, X)

    def restore(self, samples: NDArray, arrays: Arrays, weights: Arrays) -> Self:
        self.coder_ = self.coder.on(samples, random_state=self.random_state, device=self.device)
        self.coder_.load_weights(weights)
        self.head_ = self._head(np.asarray(own_weights(weights, "head")["weight"]))
        return super().restore(samples, arrays, weights)

    @classmethod
    def cost(cls, shape: tuple[int, ...], params: Mapping[str, Any]) -> Cost:
        coder, K = cls.coder.of(params), params["n_clusters"] or 10
        return coder.cost(shape).and_more({"what an epoch knows": 8 * shape[0] * K}, K * coder.code_size(shape[1:]))


def directions(Z: NDArray, labels: NDArray[np.int64], n_clusters: int) -> NDArray:
    """The mean code of each cluster, scaled to unit norm, (K, d); zeros where copies of samples leave a cluster empty."""
    sums = np.zeros((n_clusters, Z.shape[1]))
    np.add.at(sums, labels, Z)
    return np.asarray(sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), SMALLEST))
