"""Other runs beside the one that is looked at: which there are, and what to call them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from time import localtime, strftime

from core import methods
from core.explore import by_all_but_seed
from core.runs import Run
from pages.ui.state import store

PARTNERS: Mapping[str, str] = {"grdnn": "ddae", "ddae": "grdnn"}
"""What a method is compared with first: with and without the graph."""


def runs_beside(run: Run) -> list[Run]:
    """All finished runs with scores on the same samples, the newest first and this one among them."""
    return [
        other
        for other in store().runs(references=True)
        if other.over and other.result.get("metrics") and other.result["fingerprint"] == run.result["fingerprint"]
    ]


def groups_like(shown: Sequence[Run]) -> list[list[Run]]:
    """For each kind of run among these all finished ones that differ in their seed alone, in the order of the first of them."""
    ids = [run.id for run in shown]
    groups = [group for group in by_all_but_seed(runs_beside(shown[0])) if not {run.id for run in group}.isdisjoint(ids)]
    return sorted(groups, key=lambda group: min(ids.index(run.id) for run in group if run.id in ids))


def partner(run: Run, others: Sequence[Run]) -> Run | None:
    """The newest run of the method that this one is compared with first, if possible one with the same seed."""
    rivals = [other for other in others if other.spec.method == PARTNERS.get(run.spec.method)]
    return min(rivals, key=lambda other: other.spec.seed != run.spec.seed, default=None)


def has_codes(run: Run) -> bool:
    """Whether Z of a run is a code and not the samples themselves."""
    cls = methods.method_class(run.spec.method)
    return cls.learns == "deep" or "reconstructs" in cls.shows


def _title(run: Run) -> str:
    preset = "" if run.spec.preset in ("defaults", methods.RULE, run.spec.data.name) else f", {run.spec.preset}"
    return f"{methods.method_class(run.spec.method).title}{preset}{' *' if run.spec.modified else ''}"


def _when(run: Run) -> str:
    return f" · {strftime('%d %b %H:%M:%S', localtime(run.created))}"


def dated_titles(runs: Sequence[Run]) -> dict[str, str]:
    """Title and time of each run, by id; a part of the id too where runs began within the same second."""
    names = {run.id: _title(run) + _when(run) for run in runs}
    count = Counter(names.values())
    return {key: name if count[name] == 1 else f"{name} ({key[-4:]})" for key, name in names.items()}


def distinct_titles(shown: Sequence[Run], run: Run) -> dict[str, str]:
    """A title for each run, by id; those that share one are told apart by their time."""
    count, dated = Counter(_title(other) for other in shown), dated_titles(shown)
    titles = {other.id: dated[other.id] if count[_title(other)] > 1 else _title(other) for other in shown}
    return titles | ({run.id: f"{titles[run.id]} (this run)"} if run.id in titles else {})
