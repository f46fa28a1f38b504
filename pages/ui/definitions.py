"""Which normalised mutual information is shown: that of the paper of the method, named; all others stay in the record."""

from __future__ import annotations

from collections.abc import Sequence

from core import methods
from core.runs import Run

NMI = {"geometric": "NMI", "arithmetic": "NMI (arithmetic)", "max": "NMI (max)"}
MEANINGS = {
    "geometric": "Normalised mutual information over the geometric mean of the entropies, as the paper of the method has it.",
    "arithmetic": "Normalised mutual information over the mean of the entropies, as the paper of the method has it.",
    "max": "Normalised mutual information over the larger of the two entropies, as the paper of the method has it.",
}


def nmi_of(method: str) -> tuple[str, str, str]:
    """The NMI of a method's paper: its name in records, for people, and what it means."""
    kind = methods.registered()[method].nmi if method in methods.registered() else "geometric"
    return f"nmi_{kind}", NMI[kind], MEANINGS[kind]


def shared_nmi(runs: Sequence[Run]) -> tuple[str, str]:
    """One NMI for all of these runs, so that they compare: that of their papers, or the geometric where these differ."""
    kinds = {nmi_of(method)[:2] for method in {run.spec.method for run in runs}}
    return kinds.pop() if len(kinds) == 1 else ("nmi_geometric", "NMI (geometric)")


def with_labels(runs: Sequence[Run]) -> dict[str, str]:
    """The scores that need labels, for runs that stand side by side."""
    score, title = shared_nmi(runs)
    return {"acc": "ACC", score: title, "ari": "ARI"}
