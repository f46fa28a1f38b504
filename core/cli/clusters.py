"""How many clusters: what data say of it without labels."""

from __future__ import annotations

import argparse
import json

from core.cli.commands import Add, data_arguments, data_spec
from core.cli.exits import EXIT_DONE


def add(command: Add) -> None:
    data_arguments(command("clusters", _clusters, "Suggest a number of clusters for data without labels."))


def _clusters(options: argparse.Namespace) -> int:
    from core import explore
    from core.runs import RunStore

    arrays, facts = explore.clusters(RunStore(), data=data_spec(options).to_dict())
    if options.json:
        print(json.dumps({name: array.tolist() for name, array in arrays.items()} | facts))
        return EXIT_DONE
    for K, gap, stability in zip(arrays["tried"], arrays["gaps"], arrays["stability"], strict=True):
        print(f"K {K:2d}: relative eigengap {gap:.3f}, stability {stability:.3f}")
    first, *others = facts["suggested"]
    print(f"suggested: {first}, else {' or '.join(map(str, others))}. {facts['known']}")
    return EXIT_DONE
