"""The views of Explore, each with what it needs of a run; a new view is a row here, a new method touches nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from core import methods
from core.datasets import Dataset
from core.runs import Run
from pages.ui import views
from pages.ui.anchors import anchors_view
from pages.ui.atoms import codes_view
from pages.ui.branches import branch_view, moments_of
from pages.ui.confusion import confusion_view
from pages.ui.newsamples import new_samples_view
from pages.ui.papers import papers_view
from pages.ui.retrieval import retrieval_view
from pages.ui.scorecard import scores_view


@dataclass(frozen=True)
class View:
    """One view.

    Attributes
    ----------
    name, title
        Its name in links, and on the button, where the row is short.
    draw
        Draws it.
    needs
        What the run must have, one of these: arrays that it stored, what its method says that it `shows`, or ``moments``.
    """

    name: str
    draw: Callable[[Run, Dataset], None]
    title: str = ""
    needs: frozenset[str] = field(default_factory=frozenset)

    @property
    def label(self) -> str:
        return self.title or self.name


VIEWS: Sequence[View] = (
    View("Scores", scores_view),
    View("Embedding", views.embedding_view, title="Projections"),
    View("Affinity", views.affinity_view, title="Matrices"),
    View("Workbench", views.workbench_view, needs=frozenset({"affinity constants"})),
    View("Confusion", confusion_view),
    View("Reconstructions", views.reconstruction_view, title="Decoder"),
    View("Curves", views.curves_view),
    View("Retrieval", retrieval_view),
    View("Anchors", anchors_view, needs=frozenset({"S"})),
    View("Codes", codes_view, needs=frozenset({"D", "Z1"})),
    View("New samples", new_samples_view),
    View("Branch", branch_view, needs=frozenset({"moments"})),
    View("Figures", papers_view),
    View("Record", views.record_view),
)


def offered(run: Run, stored: Sequence[str]) -> dict[str, View]:
    """The views that fit a run with these stored arrays, by name."""
    has = {name.split(".")[0] for name in stored} | methods.method_class(run.spec.method).shows
    has |= {"moments"} if moments_of(run) else set()
    return {view.name: view for view in VIEWS if not view.needs or view.needs & has}
