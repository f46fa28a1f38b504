"""How often the number of clusters that is suggested without labels is the number of classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core import affinity
from core.bench.transfer.sets import read_set

NAMED = 3


def bench_clusters(sets: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Rows of the sets that are on this machine: ``data``, ``classes``, and ``suggested``, the three most likely K in order."""
    for name in sets:
        data = read_set(name)
        if data is not None:
            found = affinity.number_of_groups(data.X)
            yield {"data": name, "classes": data.n_classes, "suggested": [int(K) for K in found.ranked[:NAMED]]}


def hits(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """On how many ``sets``, on how many of them the ``first`` K is the number of classes, and ``among`` the three."""
    return {
        "sets": len(rows),
        "first": sum(row["suggested"][0] == row["classes"] for row in rows),
        "among": sum(row["classes"] in row["suggested"] for row in rows),
    }
