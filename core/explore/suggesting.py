"""What a choice without labels would take for a constant of the read-out, on the C of a finished run."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from core import affinity, evaluation
from core.explore.matrices import full_representation, graphs_beside
from core.runs import RunStore


def suggest(
    store: RunStore, *, run: str, name: str, n_clusters: int, **constants: Any
) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Try the values of a constant, and take the one whose clusters agree best with the others'.

    Returns
    -------
    facts
        ``tried``, for each its ``value``, ``agreement`` and, where there are classes, the ``acc`` that no choice has seen;
        ``chosen`` and the known ``regret``, in words.
    """
    home = str(store.home)
    C, beside = full_representation(home, run), graphs_beside(home, run)
    found = affinity.try_values(C, name, list(beside.values()), n_clusters=n_clusters, constants=constants)
    final = store.files.arrays(run, "final", ("y", "nearest"))
    tried = []
    for one in found:
        labels = one.labels[final["nearest"].astype(int)] if "nearest" in final else one.labels
        scores = {"acc": evaluation.evaluate(*evaluation.known(final["y"], labels))["acc"]} if "y" in final else {}
        tried.append({"value": one.value, "agreement": one.agreement, **scores})
    return {}, {"tried": tried, "chosen": affinity.most_agreed(found).value, "regret": affinity.REGRET[name]}
