"""Train a method, and label new samples by a finished run."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from core import datasets, methods
from core.cli.commands import Add, check_target, data_arguments, data_spec, parse_settings, target_arguments
from core.cli.engine import asked_crew, carry_out, crew_arguments, exit_code
from core.cli.exits import EXIT_DONE, EXIT_FAILED, EXITS
from core.cli.records import print_run, result_json, settled_store
from core.cli.signals import interrupted_by_sigterm
from core.common import atomic_write, demand_writable
from core.datasets import SCALINGS
from core.runs import ARITHMETICS, LOOKS, RunSpec, RunStore
from core.runs.execution import Load, Prepared
from core.sweeps import LOSS, SECONDS, Sweep, keep, over_seeds
from core.training import Step


def add(command: Add) -> None:
    run = command("run", _run, "Train a method and print its scores.")
    run_arguments(run)
    run.add_argument("--seeds", type=int, default=1, help="whole runs with so many seeds, from --seed on: mean and deviation")
    crew_arguments(run)
    command("resume", _resume, "Go on with a run that is lost or has failed, from its last checkpoint.").add_argument("run_id")
    branch = command("branch", _branch, "Go on from a kept moment of a run with other weights, rates or noise, as a new run.")
    branch.add_argument("run_id")
    branch.add_argument("--at", type=int, help="steps of the run before the moment; without it the moments are listed")
    branch.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="what changes there")
    predict = command("predict", _predict, "Label new samples by a finished run.")
    predict.add_argument("run_id")
    data_arguments(predict)
    predict.add_argument("--out", type=Path, help="write the labels to this .csv")
    target_arguments(predict)


def run_arguments(sub: argparse.ArgumentParser) -> None:
    """What a run, or the base of several, is made of."""
    sub.add_argument("method")
    data_arguments(sub)
    sub.add_argument("--scaling", default="unit", choices=SCALINGS)
    sub.add_argument(
        "--preset",
        default="auto",
        help="name, its ending ('fast'), 'rule' (by what can be seen of the data), 'defaults', or 'auto': the one named like "
        "the data set, or its fast one, else by rule",
    )
    sub.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="set a hyperparameter")
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    sub.add_argument("--snapshots", type=int, default=LOOKS, help="how often a stage is scored while it trains")
    sub.add_argument(
        "--arithmetic",
        default="auto",
        choices=ARITHMETICS,
        help="exact: all products of matrices in float32",
    )
    sub.add_argument("--looking", type=float, default=0.2, help="share of the time of a stage that this may take")


def asked_spec(options: argparse.Namespace, load: Load = datasets.load) -> RunSpec:
    """The spec that `run_arguments` describe; `load` is asked where rules must see the data."""
    from core import runs

    return runs.make_spec(
        options.method, data_spec(options, options.scaling), preset=options.preset, seed=options.seed, device=options.device,
        overrides=parse_settings(options.method, options.set), snapshots=options.snapshots, looking=options.looking,
        arithmetic=options.arithmetic, load=load,
    )  # fmt: skip


def _run(options: argparse.Namespace) -> int:
    from core import runs
    from core.runs import this_process

    demand_writable("a new run")
    load = cache(datasets.load)  # the rules and the run see the same data
    spec = asked_spec(options, load)
    if options.seeds != 1:
        return _run_seeds(options, spec)
    prepared = runs.prepare(spec, load)  # whatever cannot be used is refused here, before anything is stored
    print(f"{spec.method} on {spec.data.label}: preset {spec.preset}, seed {spec.seed}", file=sys.stderr)
    _tell(prepared.data.notes)
    _tell(_rules_told(spec, prepared))
    cls = methods.method_class(spec.method)
    words = cls.scope_words(prepared.data.n_samples, spec.params)
    if words:
        print(words, file=sys.stderr)
    store = RunStore()
    record = store.create(spec, owner=this_process())
    return _train(store, record.id, options.json, prepared)


def _rules_told(spec: RunSpec, prepared: Prepared) -> list[str]:
    """Which rule gave which value that the run has."""
    from core.runs import facts_of

    if spec.preset != methods.RULE:
        return []
    ruled = methods.method_class(spec.method).by_rule(facts_of(prepared.data, spec.params["n_clusters"]))
    told = []
    for rule, values in ruled.told():
        kept = {name: value for name, value in values.items() if spec.params[name] == value}
        told += [f"rule {rule.title!r}: {methods.in_words(kept)}"] if kept else []
    return told


def _run_seeds(options: argparse.Namespace, spec: RunSpec) -> int:
    """Whole runs that differ in their seed; those that the store has are taken."""
    crew, store = asked_crew(options), settled_store()
    sweep = Sweep(base=spec, seeds=tuple(range(spec.seed, spec.seed + options.seeds)))
    record, rows = carry_out(store, keep(store, sweep), crew)
    spreads = {name: spread for name, spread in over_seeds(rows).items() if not name.startswith(LOSS)}
    if options.json:
        told = {name: asdict(spread) for name, spread in spreads.items() if name != SECONDS}
        first = result_json(store.get(record.runs[0]))
        print(json.dumps({**first, "sweep_id": record.id, "runs": record.runs, "over_seeds": told}))
        return exit_code(rows)
    for row in rows:
        print(f"    seed {row.seed:<6d} {row.status:9s} {row.run}")
    for name, spread in spreads.items():
        print(f"    {name:18s} {spread.mean:.4f}  (std {spread.std:.4f} over {len(spread.values)} seeds)")
    return exit_code(rows)


def _resume(options: argparse.Namespace) -> int:
    from core.runs import claim_for_this_process

    store = settled_store()
    store.requeue(options.run_id)
    claim_for_this_process(store, options.run_id)
    return _train(store, options.run_id, options.json)


def _branch(options: argparse.Namespace) -> int:
    from core.runs import branch, branching_points, changeable, claim_for_this_process

    store = settled_store()
    parent = store.get(options.run_id)
    if options.at is None:
        moments = branching_points(store, parent)
        if options.json:
            print(json.dumps([{**asdict(m), "can_change": list(changeable(parent.spec.method, m))} for m in moments]))
        else:
            print("\n".join(f"    --at {m.seq:<7d} {m.label}" for m in moments) or "    of this run no moment is kept")
        return EXIT_DONE
    run = branch(store, parent.id, options.at, parse_settings(parent.spec.method, options.set))
    claim_for_this_process(store, run.id)
    return _train(store, run.id, options.json)


def _train(store: RunStore, run_id: str, as_json: bool, prepared: Prepared | None = None) -> int:
    """Work on a claimed run in this process; SIGTERM ends it like Ctrl-C, with what was reached."""
    from core import runs

    with interrupted_by_sigterm(), _Progress() as progress:
        run = runs.execute(store, run_id, prepared=prepared, on_step=progress)
    print_run(run, as_json)
    return EXITS.get(run.status, EXIT_FAILED)


def _predict(options: argparse.Namespace) -> int:
    from core.runs import label_new, to_csv

    if options.out is not None:
        check_target(options.out, force=options.force)
    new = label_new(RunStore(), options.run_id, data_spec(options))
    _tell(new.data.notes)
    if options.out is not None:
        with atomic_write(options.out) as file:
            file.write(to_csv(new.labels, new.nearest, new.distances).encode())
    sizes = {str(cluster): int(size) for cluster, size in enumerate(np.bincount(new.labels)) if size}
    if options.json:
        result = {"run_id": options.run_id, "n_samples": new.data.n_samples, "metrics": new.scores(), "cluster_sizes": sizes}
        print(json.dumps({**result, "labels": new.labels.tolist()}))
        return EXIT_DONE
    for name, value in new.scores().items():
        print(f"    {name:18s} {value:.4f}")
    print("samples by cluster: " + ", ".join(f"{cluster}: {size}" for cluster, size in sizes.items()))
    return EXIT_DONE


def _tell(notes: Sequence[str]) -> None:
    """What was taken for what in a file."""
    for note in notes:
        print(note, file=sys.stderr)


class _Progress:
    """Progress of a run on stderr, one bar per stage."""

    def __enter__(self) -> _Progress:
        self._bar: Any = None
        self._stage = ""
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, step: Step, scalars: Mapping[str, float]) -> None:
        from tqdm import tqdm

        if step.stage != self._stage:
            self.__exit__()
            self._bar, self._stage = (
                tqdm(total=step.total, desc=step.stage, file=sys.stderr, mininterval=0.5),
                step.stage,
            )
        if "acc" in scalars:
            self._bar.set_postfix(acc=f"{scalars['acc']:.3f}", refresh=False)
        self._bar.update(step.step - self._bar.n)
