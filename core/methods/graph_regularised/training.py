"""How a stage is trained, and a path in stages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from core.methods.graph_regularised.phi import Phi
from core.methods.graph_regularised.problem import OneLayer, Problem, WholePath
from core.methods.graph_regularised.recipe import Plan, Recipe
from core.training import Arrays, Stages, Step

if TYPE_CHECKING:
    from core.nets import Pair
    from core.training.heldout import Split


@dataclass(frozen=True)
class Training:
    """What all stages of a run have in common."""

    stages: Stages
    recipe: Recipe
    split: Split

    def apart(self) -> Training:
        """The same with generators of its own: another path may be trained, and the data path does not notice."""
        return replace(self, split=self.split.apart())

    def path(self, pair: Pair, phi: Phi, views: Callable[[], Arrays], layer_views: Callable[[int], Arrays]) -> Iterator[Step]:
        """Stages one and two of a path: its layers one after the other, then all of them, from the tied weights."""
        for depth in range(len(pair.encoder.layers)):
            problem = OneLayer(pair, depth, phi)
            yield from self.stage(f"{pair.name} layer {depth + 1}", self.recipe.layer, problem, partial(layer_views, depth))
        pair.untie()
        yield from self.stage(f"{pair.name} path", self.recipe.path, WholePath(pair, phi.without_noise()), views)

    def stage(self, name: str, plan: Plan, problem: Problem, views: Callable[[], Arrays]) -> Iterator[Step]:
        """Train what the problem names, and forget what earlier stages kept of it."""
        from core.training.descent import Terms
        from core.training.schedules import Schedule
        from core.training.trainer import Trainer

        split, size = self.split, self.recipe.batch_size
        optimizer = self.recipe.descent(problem.learnt, plan.learning_rate)
        length = plan.epochs * -(-len(split.fitted) // size)
        parts, ends = self._early_end(problem, plan)
        yield from Trainer(
            networks=problem.networks, optimizer=optimizer, views=views, parts={**split.generators, **parts},
            schedule=Schedule(optimizer, plan.schedule, length=length, per="step"), batches=lambda: split.batches(size),
            terms=lambda rows: Terms(problem.terms(rows, split.noise)), **ends,
        ).run(self.stages, name, plan.epochs)  # fmt: skip
        for network in problem.networks:
            self.stages.forget(network, before=name)

    def _early_end(self, problem: Problem, plan: Plan) -> tuple[dict[str, Any], dict[str, Any]]:
        """What ends a stage once the held-out samples, as they are, get no better, and goes back to where they were best."""
        from core.training.heldout import Validation
        from core.training.stopping import EarlyStopping

        held = self.split.held
        if plan.factor is None or not len(held):
            return {}, {}
        stopping = EarlyStopping(problem.networks, self.recipe.patience, plan.factor)
        validation = Validation(held, problem.terms, problem.floor(held), stopping)
        return {"stopping": stopping}, {"after": validation, "finish": stopping.restore}
