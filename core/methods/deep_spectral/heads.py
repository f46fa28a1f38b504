"""Heads that train side by side on fixed codes, of which the one with the lowest loss is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import cast

import torch
from torch import Tensor, nn

from core.affinity import spectral_labels
from core.graphs.batches import NeighborGraph
from core.losses import orthonormalize
from core.methods.deep_spectral.head import HeadRecipe
from core.nets import SpectralHead
from core.training import Arrays, Stages, Step, in_chunks
from core.training.descent import Terms
from core.training.restarts import Restarts, side_by_side

SOFTENED = 0.1  # of each label, spread over all clusters: the cut is not to be believed to the letter
READ_NEIGHBORS = 3  # of the graph whose cut may give the labels: the number that DSCDAN states


class Heads:
    """The stages "start" and "head": SpectralNet's step, and DSCDAN's second program.

    Some heads end in a worse minimum than others, and their losses tell which.

    Parameters
    ----------
    Z : (n, d)
        Codes, which stay as they are.
    graph
        That of all samples; it is filled here, if that is what joins batches.
    """

    def __init__(
        self, recipe: HeadRecipe, K: int, Z: Tensor, graph: NeighborGraph, generator: torch.Generator, random_state: int
    ) -> None:
        self.recipe, self.K, self.Z, self.graph, self.random_state = recipe, K, Z, graph, random_state
        made = [recipe.new_head(Z.shape[1], K, generator, str(Z.device)) for _ in range(recipe.head_starts)]
        for head in made:
            head.standardize(Z)
        self.heads = nn.ModuleList(made)
        self.restarts = Restarts()
        recipe.join(graph, Z)

    @property
    def best(self) -> SpectralHead:
        return cast(SpectralHead, self.heads[self.restarts.best])

    def train(self, stages: Stages, views: Arrays) -> Iterator[Step]:
        """Both stages; then a stage of no steps keeps the best head alone, which later stages start from."""
        recipe = self.recipe
        fixed = {**views, "A": cache(lambda: neighbors_of(self.Z))}

        def shown() -> Arrays:
            return {**fixed, **outputs_of(self.best, lambda: self.Z)}

        def terms(rows: Tensor) -> Terms:
            z = self.Z[rows]
            edges = recipe.edges(self.graph, rows, z)
            return side_by_side([recipe.terms(cast(SpectralHead, head), z, edges) for head in self.heads])

        for stage, epochs, found in (
            ("start", recipe.start_epochs, self._start_terms(stages)),
            ("head", recipe.head_epochs, terms),
        ):
            trainer = recipe.trainer(
                epochs, {"heads": self.heads}, found, self.graph, len(self.Z), self.restarts, shown,
                random_state=self.random_state,
            )  # fmt: skip
            yield from trainer.run(stages, stage, epochs)
        yield from stages.run("choice", 0, {"head": self.best}, lambda _: ({}, {}))
        stages.forget("heads")

    def _start_terms(self, stages: Stages) -> Callable[[Tensor], Terms]:
        """Cross-entropy to the clusters of the graph's normalised cut, softened."""
        cut = torch.empty(0, dtype=torch.int64)
        if stages.reached("start") < self.recipe.start_epochs and not (stages.over("start") or stages.stopping):
            A = self.graph.symmetric() if self.recipe.graph == "global" else neighbors_of(self.Z)
            found = spectral_labels(A, self.K, assign_labels="kmeans", random_state=self.random_state)
            cut = torch.from_numpy(found).to(self.Z.device)

        def loss(head: SpectralHead, rows: Tensor) -> Terms:
            logits = head.logits(self.Z[rows])
            return Terms({"cut": nn.functional.cross_entropy(logits, cut[rows], label_smoothing=SOFTENED)})

        return lambda rows: side_by_side([loss(cast(SpectralHead, head), rows) for head in self.heads])


def neighbors_of(Z: Tensor) -> object:
    """The symmetric graph of `READ_NEIGHBORS` neighbours of codes, with heat-kernel weights."""
    graph = NeighborGraph()
    graph.update(Z, READ_NEIGHBORS)
    return graph.symmetric()


def head_outputs(head: SpectralHead, Z: Tensor) -> Tensor:
    """Outputs of a head for codes (n, d), without gradients: p(y | z), or coordinates."""
    return in_chunks(head, Z)


def outputs_of(head: SpectralHead, codes: Callable[[], Tensor]) -> Arrays:
    """What a head says of all codes: the posterior P, and the spectral embedding Y with Y^T Y / n = I."""
    shown: Arrays = {"Y": lambda: orthonormalize(head_outputs(head, codes())).Y}
    return {"P": lambda: head_outputs(head, codes()), **shown} if head.output == "softmax" else shown
