"""What has been run: list, show, export, delete."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from core.cli.commands import Add, check_target, target_arguments
from core.cli.exits import EXIT_DONE
from core.common import InvalidInput
from core.papers import published
from core.runs import Run, RunStore, export_run


def add(command: Add) -> None:
    command("list", _list, "List all runs, newest first.")
    command("show", _show, "Show one run.").add_argument("run_id")
    export = command("export", _export, "Write one run to a .zip.")
    export.add_argument("run_id")
    export.add_argument("file", type=Path)
    target_arguments(export)
    asked = command("suggest", _suggest, "Choose a constant of a run's affinity without labels, on its stored C.")
    asked.add_argument("run_id")
    constants = ("dim", "exponent", "kept_neighbors", "smoothing")
    asked.add_argument("--of", choices=constants, default="dim", help="which constant")
    command("delete", _delete, "Delete one run with all its files.").add_argument("run_id")
    command("undelete", _undelete, "Bring back a run that was deleted less than ten minutes ago.").add_argument("run_id")


def result_json(run: Run) -> dict[str, Any]:
    """A finished run as the one JSON object that other programs read."""
    result = dict(run.result)
    return {
        "run_id": run.id, "status": str(run.status), "method": run.spec.method, "dataset": run.spec.data.name,
        "data": run.spec.to_dict()["data"], "preset": run.spec.preset, "modified": run.spec.modified,
        "params": result.get("params", dict(run.spec.params)), "taken": result.get("taken", {}), "seed": run.spec.seed,
        "device": result.get("device"), "n_samples": result.get("n_samples"), "n_labelled": result.get("n_labelled"),
        "metrics": result.get("metrics", {}),
        "spread": result.get("spread", {}), "best": result.get("best", {}), "seconds": result.get("seconds", {}),
        "peak_rss_mb": result.get("peak_rss_mb"), "gpu": result.get("gpu"), "peak_gpu_mb": result.get("peak_gpu_mb"),
        "pretrained": result.get("pretrained", {}),
        "start": result.get("start", {}),
        "used_labels": result.get("used_labels", False), "columns": result.get("columns", []),
        "alarms": run.alarms, "error": run.error,
        "published": [
            {"paper": found.table.paper, "table": found.table.name, "row": found.row.label, "scores": dict(found.scores)}
            for found in published(run.spec)
        ],
        "tags": run.tags, "notes": run.notes, "created": run.created,
    }  # fmt: skip


def print_run(run: Run, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result_json(run)))
        return
    print(f"{run.id}: {run.status}")
    for name, value in run.result.get("metrics", {}).items():
        spread = run.result.get("spread", {}).get(name)
        beside = (
            f"  (mean {spread['mean']:.4f}, std {spread['std']:.4f} over {spread['n']} repetitions of the last step)"
            if spread
            else ""
        )
        print(f"    {name:18s} {value:.4f}{beside}")
    if run.result.get("n_labelled"):
        print(f"    scores count the {run.result['n_labelled']} of {run.result['n_samples']} samples that have a label")
    for row in run.result.get("columns", []):
        what = f"{row['clusters']} clusters of {row['codes']}" if row["codes"] != "result" else "the result"
        column = f"label column {row['column']}" if row["column"] else "the classes"
        print(f"    {what} against {column}: ACC {row['acc']:.4f}, NMI (geometric) {row['nmi_geometric']:.4f}")
    for found in published(run.spec):
        print(f"    printed in {found.words}")
    for name, value in run.result.get("taken", {}).items():
        print(f"    {name} {value:g}, chosen without labels")
    best = run.result.get("best")
    if best:
        print(f"    best over the run   {best['acc']:.4f} at {best['stage']} {best['step']} (chosen with the labels)")
    for name, seconds in run.result.get("seconds", {}).items():
        print(f"    seconds {name:10s} {seconds:.2f}")
    for alarm in run.alarms:
        print(f"    alarm: {alarm['message']}")
    if run.error:
        print(f"error: {run.error['message']}", file=sys.stderr)


def _list(options: argparse.Namespace) -> int:
    store = settled_store()
    runs = store.runs()
    if options.json:
        print(json.dumps([result_json(run) | {"reference": run.reference} for run in runs]))
        return EXIT_DONE
    for run in runs:
        accuracy = run.result.get("metrics", {}).get("acc")
        shown = f"ACC {accuracy:.4f}" if accuracy is not None else ""
        print(f"{run.id:50s} {run.status:9s} {run.spec.method:12s} {run.spec.data.label:16s} {shown}")
    return EXIT_DONE


def settled_store() -> RunStore:
    """The store, after what killed processes left in it was put in order."""
    from core.common import read_only
    from core.runs import settle_lost, sweep

    store = RunStore()
    if not read_only():
        settle_lost(store)
        sweep(store)
    return store


def _show(options: argparse.Namespace) -> int:
    print_run(settled_store().get(options.run_id), options.json)
    return EXIT_DONE


def _suggest(options: argparse.Namespace) -> int:
    from core import explore

    store = settled_store()
    run = store.get(options.run_id)
    params, K = {**run.spec.params, **run.result.get("taken", {})}, run.result.get("n_clusters")
    constants = {name: params[name] for name in ("dim", "exponent", "power", "kept_neighbors") if name in params}
    if K is None or not constants:
        raise InvalidInput(f"The run {options.run_id} has no self-expression whose constants could be chosen.")
    _, facts = explore.suggest(store, run=options.run_id, name=options.of, n_clusters=K, **constants)
    if options.json:
        print(json.dumps({"of": options.of, **facts}))
        return EXIT_DONE
    for one in facts["tried"]:
        known = f"   ACC {one['acc']:.3f} (not looked at)" if "acc" in one else ""
        print(f"{options.of} {one['value']:g}: agreement {one['agreement']:.3f}{known}")
    print(f"suggested: {facts['chosen']:g}. {facts['regret']}")
    return EXIT_DONE


def _export(options: argparse.Namespace) -> int:
    store = RunStore()
    store.get(options.run_id)
    check_target(options.file, force=options.force)
    export_run(store, options.run_id, options.file)
    print(json.dumps({"run_id": options.run_id, "file": str(options.file)}) if options.json else options.file)
    return EXIT_DONE


def _delete(options: argparse.Namespace) -> int:
    settled_store().delete(options.run_id)
    back = f"deleted {options.run_id}; for ten minutes, undelete {options.run_id} brings it back"
    print(json.dumps({"deleted": options.run_id}) if options.json else back)
    return EXIT_DONE


def _undelete(options: argparse.Namespace) -> int:
    settled_store().undelete(options.run_id)
    print(json.dumps({"undeleted": options.run_id}) if options.json else f"{options.run_id} is back")
    return EXIT_DONE
