"""Pictures of the last state of a run that take a while: its affinity in full detail, and projections by t-SNE and UMAP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.datasets import Dataset
from core.explore import MAX_POINTS, MOST_POINTS, Answer, packed_blocks, packed_layout
from core.runs import SHOWN_POINTS, Run
from pages.ui.beside import has_codes
from pages.ui.clusters import affinity_of
from pages.ui.lab.component import BINARY, address
from pages.ui.state import queue, store

PIXELS = 480
POLL_SECONDS = 0.4
KINDS = {"tsne": "t-SNE", "umap": "UMAP"}
SOURCES = {"spectral": "the spectral embedding", "Z": "the codes", "raw": "the samples"}


class Stills:
    """What can be shown besides the film, what of it is wanted now, and what has to be waited for."""

    def __init__(self, run: Run, data: Dataset) -> None:
        self._run, self._samples = run, data.n_samples
        stored = set(store().files.array_names(run.id, "final"))
        self._matrix = affinity_of(run, data)
        self._orders = ("cluster", "class") if data.y is not None else ("cluster",)
        self._order, self._layout = "cluster", ""
        self._span: list[int] | None = None
        sources = [
            *(["spectral"] if self._matrix == "affinity" else []),
            *(["Z"] if "Z" in stored and has_codes(run) else []),
            "raw",
        ]
        all_points = {f"pca:{source}": f"All points: PCA of {SOURCES[source]}" for source in sources[-1:]}
        self.offers = (all_points if data.n_samples > SHOWN_POINTS else {}) | {
            f"{kind}:{source}": f"{title} of {SOURCES[source]}" for source in sources for kind, title in KINDS.items()
        }

    def choose(self, asks: Mapping[str, Any]) -> None:
        """Take what the user looks at, as far as there is such a picture."""
        self._order = asks["order"] if asks.get("order") in self._orders else "cluster"
        self._layout = asks["layout"] if asks.get("layout") in self.offers else ""
        self._span = _span(asks.get("span"), self._samples)

    def addresses(self, place: str) -> dict[str, Any]:
        """Where the browser finds those that are ready."""
        found: dict[str, Any] = {"layouts": {}}
        matrix, layout = self._blocks(), self._projection()
        if matrix is not None and matrix.arrays:
            found["fine"] = address(packed_blocks(matrix.arrays, self._order, self._span), BINARY, f"{place}:fine")
        if layout is not None and layout.arrays:
            packed = packed_layout(layout.arrays["points"], layout.arrays["shown"])
            found["layouts"][self._layout] = address(packed, BINARY, f"{place}:layout")
        return found

    @property
    def waiting(self) -> bool:
        return any(answer is not None and answer.pending for answer in (self._blocks(), self._projection()))

    @property
    def words(self) -> str:
        """What is being worked out."""
        layout = self._projection()
        if layout is not None and layout.pending:
            done = f", iteration {layout.progress.done} of {layout.progress.total}" if layout.progress else ""
            return f"Working out {self.offers[self._layout]}, {layout.seconds:.0f} s{done}"
        return "Working out the affinity in full detail"

    @property
    def quality(self) -> str:
        """How far the projection that is looked at can be believed, in words; empty without one."""
        layout = self._projection()
        return quality_words(layout.facts.get("quality", {})) if layout is not None else ""

    def _blocks(self) -> Answer | None:
        if self._matrix is None:
            return None
        part = {} if self._span is None else {"span": self._span}
        return queue().analyst.ask(
            "matrix", run=self._run.id, which=self._matrix, order=self._order, pixels=PIXELS, clusters=None, **part
        )

    def _projection(self) -> Answer | None:
        if not self._layout:
            return None
        kind, source = self._layout.split(":")
        most = MAX_POINTS if self._samples <= MAX_POINTS else MOST_POINTS
        return queue().analyst.ask(
            "embedding", run=self._run.id, source=source, kind=kind, n_components=2, options={}, random_state=0, most=most
        )


def _span(asked: Any, n: int) -> list[int] | None:
    """A part of the matrix, rows from one position to another and columns alike; None for all, or for what is no such part."""
    if not isinstance(asked, list) or len(asked) != 4 or not all(isinstance(place, int) for place in asked):
        return None
    top, bottom, left, right = asked
    return asked if 0 <= top < bottom - 1 < n and 0 <= left < right - 1 < n else None


def quality_words(quality: Mapping[str, float]) -> str:
    """What a projection keeps of the neighbourhoods."""
    told = {
        "trustworthiness": "neighbours in the picture are neighbours in truth (trustworthiness)",
        "continuity": "true neighbours stay together (continuity)",
        "class_neighbors": "share of a point's ten neighbours in the picture that are of its class",
    }
    parts = [f"{meaning} {quality[name]:.2f}" for name, meaning in told.items() if name in quality]
    return f"How far to believe it: {'; '.join(parts)}." if parts else ""
