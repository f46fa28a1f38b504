"""What a choice without labels costs: a constant of the read-out by agreement, against the best that was tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import affinity, evaluation, methods
from core.bench.transfer.sets import read_set
from core.runs import facts_of

CONSTANTS = {"dim": 6, "exponent": 0.5, "power": affinity.SHARPENED, "kept_neighbors": 5}  # as the rules have them
FIXED = {**CONSTANTS, "smoothing": 0.03}  # which no rule speaks of: its default


def bench_regret(sets: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Rows of every constant for which a value is suggested, on one C of ridge for each set that is on this machine.

    Yields
    ------
    dict
        ``constant``, ``data``, and in points of ACC below the best value that was tried: ``suggested``, ``fixed`` (the value of
        the rules, or the default) and ``chance`` (the mean over all values).
    """
    for name in sets:
        data = read_set(name)
        if data is None:
            continue
        cls = methods.method_class("ridge")
        method = methods.build("ridge", **{**cls.by_rule(facts_of(data)).values, "n_clusters": data.n_classes})
        C: NDArray = getattr(method.fit(data.samples), "representation_matrix_")  # noqa: B009
        beside = [affinity.sample_graph(data.samples)]
        for constant in affinity.TRIED:
            found = affinity.try_values(C, constant, beside, n_clusters=int(data.n_classes or 0), constants=CONSTANTS)
            assert data.y is not None
            reached = {one.value: evaluation.evaluate(data.y, one.labels)["acc"] for one in found}
            best, chosen = max(reached.values()), affinity.most_agreed(found).value
            yield {
                "constant": constant, "data": name, "suggested": best - reached[chosen],
                "fixed": best - reached[FIXED[constant]], "chance": best - float(np.mean(list(reached.values()))),
            }  # fmt: skip


def regrets(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of each constant over the sets: mean and worst regret of what is suggested, and the means of the others."""
    told = []
    for constant in dict.fromkeys(row["constant"] for row in rows):
        own = [row for row in rows if row["constant"] == constant]
        means = {name: float(np.mean([row[name] for row in own])) for name in ("suggested", "fixed", "chance")}
        told.append({"constant": constant, "sets": len(own), **means, "worst": max(row["suggested"] for row in own)})
    return told
