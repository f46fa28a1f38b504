"""What several runs agree on."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from core.cli.commands import Add, check_target, target_arguments
from core.cli.exits import EXIT_DONE
from core.cli.records import settled_store
from core.common import atomic_write

PIXELS = 2  # of a picture that nobody looks at


def add(command: Add) -> None:
    asked = command("consensus", _consensus, "Cut the mean of the affinities of several runs, without labels.")
    asked.add_argument("runs", nargs="+", metavar="RUN", help="runs on the same samples; run --seeds 5 makes five of them")
    asked.add_argument("--out", type=Path, help="write the labels to this .csv")
    target_arguments(asked)


def _consensus(options: argparse.Namespace) -> int:
    from core import explore

    if options.out is not None:
        check_target(options.out, force=options.force)
    arrays, facts = explore.consensus(settled_store(), runs=options.runs, pixels=PIXELS)
    labels = arrays["labels"].tolist()
    if options.out is not None:
        with atomic_write(options.out) as file:
            file.write(explore.clusters_csv(labels).encode())
    if options.json:
        print(json.dumps({"runs": options.runs, **facts, "labels": labels}))
        return EXIT_DONE
    for run, accuracy in facts["alone"].items():
        print(f"    {run}: ACC {accuracy:.4f}")
    if facts["alone"]:
        alone = list(facts["alone"].values())
        print(f"    each alone         {np.mean(alone):.4f}  (std {np.std(alone):.4f} over {len(alone)} runs)")
    for name, value in facts["scores"].items():
        print(f"    {name:18s} {value:.4f}")
    return EXIT_DONE
