"""Taking the film of a run: frames of what is looked at anyway, and sketches of the codes in between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from core.datasets import Dataset
from core.methods import Clusterer
from core.runs.frames import Film
from core.runs.handle import RunHandle
from core.runs.looks import View
from core.runs.painter import Painter, loss_of
from core.runs.recorder import Recorder
from core.training import Step, to_host


class Filming:
    """Of one pass through a run."""

    def __init__(self, run: RunHandle, data: Dataset, method: Clusterer, record: Recorder) -> None:
        self._run, self._record = run, record
        self._terms = type(method).symbols
        self._painter = Painter(data, method.clusters(data.X))
        self._film = Film(run.folder)
        self._film.rewind(record.seq)

    def look(self, view: View, step: Step, scalars: Mapping[str, float]) -> None:
        """A frame of a look at the method, and its reconstructions."""
        self._add(self._facts(step, scalars, view.scores), self._painter.paint(view))
        self._keep_reconstructions(view)

    def wants(self, step: Step) -> bool:
        """Whether it is time for a sketch, if looking is allowed that."""
        return "Z" in step.arrays and step.total > 1 and self._film.due

    def sketch(self, step: Step, scalars: Mapping[str, float]) -> None:
        """A frame of where the codes are."""
        Z = to_host({"Z": step.arrays["Z"]})["Z"]
        self._add(self._facts(step, scalars, {}), self._painter.sketch(Z))

    def end(self, view: View) -> None:
        """The last frame."""
        facts = {"stage": "final", "step": 1, "total": 1, "seconds": self._record.elapsed(), "scores": dict(view.scores)}
        self._add(facts, self._painter.paint(view))
        self._keep_reconstructions(view)

    def _facts(self, step: Step, scalars: Mapping[str, float], scores: Mapping[str, float]) -> dict[str, Any]:
        return {
            "stage": step.stage,
            "step": step.step,
            "total": step.total,
            "seconds": self._record.elapsed(),
            "loss": loss_of(scalars, self._terms),
            "scores": dict(scores),
        }

    def _add(self, facts: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> None:
        if not arrays:
            return
        with self._record.lenient("picture", "A frame of the film"):
            self._run.asked()  # a run that is another process's by now is not written to
            self._film.add(self._record.seq + 1, facts, arrays)

    def _keep_reconstructions(self, view: View) -> None:
        found = self._painter.reconstructions(view)
        if found:
            with self._record.lenient("picture", "The live picture"):
                self._run.save_arrays("live", found)
