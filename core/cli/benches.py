"""What is measured, and how each row of it is told."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

from core.common import ParameterError, named


def _bench_epoch(options: argparse.Namespace) -> list[dict[str, Any]]:
    from core.bench.epoch import TASKS, bench_epoch

    rows = bench_epoch(options.tasks or tuple(TASKS), steps=options.steps)
    for row in rows:
        print(f"{row['task']}: port {row['port_ms']:.1f} ms, ours {row['ours_ms']:.1f} ms, ratio {row['ratio']:.2f}")
    return rows


def _printed(found: Iterable[dict[str, Any]], words: Callable[[Mapping[str, Any]], str]) -> list[dict[str, Any]]:
    """Rows as a list, each told as soon as it is there."""
    rows = []
    for row in found:
        print(words(row), flush=True)
        rows.append(row)
    return rows


def _bench_around(options: argparse.Namespace) -> list[dict[str, Any]]:
    from core.bench.around import bench_around

    return _printed(bench_around(options.tasks), lambda row: f"{row['piece']}: {row['words']}")


def _bench_ui(options: argparse.Namespace) -> list[dict[str, Any]]:
    from core.bench.large import bench_large
    from core.bench.ui import bench_ui

    pieces = {"lab": bench_ui, "large": bench_large}
    wanted = [named("piece", task, pieces) for task in options.tasks or pieces]
    return _printed((row for piece in wanted for row in piece()), _bounded)


def _bench_many(options: argparse.Namespace) -> list[dict[str, Any]]:
    from core.bench.many import bench_many

    return _printed(bench_many(), _bounded)


def _bounded(row: Mapping[str, Any]) -> str:
    bound = f"at most {row['at_most']:g}" if row["at_least"] is None else f"at least {row['at_least']:g}"
    return f"{row['what']}: {row['value']:.2f} ({bound}{'' if row['held'] else ', NOT HELD'})"


def _bench_sweep(options: argparse.Namespace) -> list[dict[str, Any]]:
    from core.bench.sweep import bench_sweep

    return _printed((ratio.to_dict() for ratio in bench_sweep()), lambda row: str(row["words"]))


def _bench_costs(options: argparse.Namespace) -> list[dict[str, Any]]:
    from core.bench.costs import bench_costs

    def words(row: Mapping[str, Any]) -> str:
        return f"{row['method']}, n = {row['n']}: " + (", ".join(row["seconds"]) or "not measured, it failed or took too long")

    return _printed(bench_costs(options.methods or ()), words)


def _bench_gpu_costs(options: argparse.Namespace) -> list[dict[str, Any]]:
    from core.bench.costs import bench_gpu_costs

    def words(row: Mapping[str, Any]) -> str:
        told = ", ".join(f"{stage} {1e3 * seconds:.2f} ms" for stage, seconds in row["seconds"].items())
        return f"{row['method']}: {told or 'not measured, it took too long'}"

    return _printed(bench_gpu_costs(), words)


def _bench_estimates(options: argparse.Namespace) -> list[dict[str, Any]]:
    from core.bench.costs import CHECKED, bench_estimates

    data = [spec for spec in CHECKED if not options.sets or spec.name in options.sets]
    rows = bench_estimates(options.methods or (), data)
    return _printed(({**asdict(row), "words": row.words} for row in rows), lambda row: str(row["words"]))


def _bench_faults(options: argparse.Namespace) -> list[dict[str, Any]]:
    from core.bench.faults import bench_faults

    rows = []
    for found in bench_faults(options.tasks, kills=10 if options.quick else options.kills):
        verdict = f"{len(found.failures)} failures" if found.failures else "ok"
        print(f"{found.piece:6s} {found.what:58s} {found.tried:4d} tried  {verdict:12s} {found.detail}", flush=True)
        for failure in found.failures:
            print(f"           {failure}", flush=True)
        rows.append(asdict(found))
    return rows


def _bench_table(options: argparse.Namespace) -> list[dict[str, Any]]:
    from core.bench import load_results, save_results
    from core.bench.remake import remake

    rows: list[dict[str, Any]] = []
    for name in options.tasks:
        results = load_results(Path(name))
        for place, remade in enumerate(remake(results)):
            row, before = remade.rows[place], results.rows[place]
            rows.append({"of": dict(row.of), **{key: score.mean for key, score in row.scores.items()}})
            told = ", ".join(f"{key} {score.mean} (before {before.scores[key].mean})" for key, score in row.scores.items())
            print(f"{' '.join(map(str, row.of.values()))}: {told}", flush=True)
            save_results(remade, Path(name))
    return rows


def _bench_scaling(options: argparse.Namespace) -> list[dict[str, Any]]:
    from core.bench.scaling import SIZES, TIMED, bench_scaling, draw

    wrong = [text for text in options.tasks if not text.isdecimal()]
    if wrong:
        raise ParameterError(f"bench scaling takes values of n. Got {wrong[0]!r} instead.")
    rows = bench_scaling([int(text) for text in options.tasks] or SIZES)
    for row in rows:
        told = (f"{title} {row[part]:.2f} s ({row[f'{part}_ratio']:.2f} per sample)" for part, title in TIMED.items())
        print(f"n = {row['n']}: {', '.join(told)}")
    print(draw(rows))
    return rows


def _bench_ablation(options: argparse.Namespace) -> list[dict[str, Any]]:
    from core.bench.ablation import bench_ablation

    rows = []
    for dataset in options.tasks or ["mnist_test"]:
        print(f"{dataset}: mean and deviation over {options.seeds} seeds")
        found = bench_ablation(dataset, n_samples=options.n_samples, preset=options.preset, seeds=range(options.seeds))
        for row in found:
            published = "" if row["paper"] is None else f"   paper ACC {row['paper']:.3f}"
            print(
                f"    {row['row']:<16} {row['labels']:<16} ACC {row['acc']:.3f} ± {row['acc_std']:.3f}"
                f"   NMI {row['nmi']:.3f} ± {row['nmi_std']:.3f}{published}"
            )
        rows += [{"dataset": dataset, **row} for row in found]
    return rows


def _bench_transfer(options: argparse.Namespace) -> list[dict[str, Any]]:
    from core.bench.transfer import METHODS, SETS, SMALL, bench_transfer, summary

    sets = options.sets or (SMALL if options.quick else tuple(SETS))
    seeds = range(1 if options.quick else options.seeds)
    rows = []
    for row in bench_transfer(options.methods or METHODS, sets, seeds, tuned=not options.quick):
        reached = row["trouble"] if row["acc"] is None else f"ACC {row['acc']:.3f} ± {row['acc_std']:.3f}"
        tuned = "" if row["tuned"] is None else f"   its preset {row['tuned']:.3f}"
        print(f"{row['method']:8s} {row['data']:14s} {reached}   spectral {row['spectral']:.3f}{tuned}", flush=True)
        rows.append(row)
    for told in summary(rows):
        print(_told(told))
    return rows


def _bench_regret(options: argparse.Namespace) -> list[dict[str, Any]]:
    from core.bench.transfer import SETS, SMALL, bench_regret, regrets

    def words(row: Mapping[str, Any]) -> str:
        costs = ", ".join(f"{name} {row[name]:.3f}" for name in ("suggested", "fixed", "chance"))
        return f"{row['constant']:15s} {row.get('data', 'mean'):14s} {costs}"

    rows = _printed(bench_regret(options.sets or (SMALL if options.quick else tuple(SETS))), words)
    for told in regrets(rows):
        print(f"{words(told)}, suggested at worst {told['worst']:.3f}")
    return rows


def _bench_clusters(options: argparse.Namespace) -> list[dict[str, Any]]:
    from core.bench.transfer import SETS, SMALL, bench_clusters, hits

    def words(row: Mapping[str, Any]) -> str:
        return f"{row['data']:14s} {row['classes']} classes, suggested {', '.join(map(str, row['suggested']))}"

    rows = _printed(bench_clusters(options.sets or (SMALL if options.quick else tuple(SETS))), words)
    found = hits(rows)
    print(f"{found['sets']} sets: right at once on {found['first']}, among the three on {found['among']}")
    return rows


def _bench_machines(options: argparse.Namespace) -> list[dict[str, Any]]:
    from core.bench.machines import bench_machines, moved

    def words(row: Mapping[str, Any]) -> str:
        return f"{row['task']}, {row['machine']}: " + " ".join(f"{value:.3f}" for value in row["acc"])

    rows = _printed(bench_machines(options.tasks, options.seeds), words)
    for told in moved(rows):
        print(
            f"{told['task']}: ± {told['over_seeds']:.3f} over seeds, ± {told['over_machines']:.3f} over machines "
            f"(at most {told['widest']:.3f}; means {told['of_means']:.3f})"
        )
    return rows


def _bench_consensus(options: argparse.Namespace) -> list[dict[str, Any]]:
    from core.bench.consensus import bench_consensus

    def words(row: Mapping[str, Any]) -> str:
        told = (f"{part} {fmean(row[part]):.3f} ± {pstdev(row[part]):.3f}" for part in ("alone", "agreed"))
        return f"{row['task']}: {', '.join(told)}"

    return _printed(bench_consensus(options.tasks, options.seeds), words)


def _bench_import(options: argparse.Namespace) -> list[dict[str, Any]]:
    from core.bench.importing import bench_import

    def words(row: Mapping[str, Any]) -> str:
        failed = f" FAILED: {'; '.join(row['failures'])}" if row["failures"] else ""
        return f"{row['what']:36s} {row['seconds']:6.1f} s, {row['peak_rss_mb']:6.0f} MB, told {row['told']} times{failed}"

    return _printed(bench_import(quick=options.quick), words)


def _told(summed: Mapping[str, Any]) -> str:
    """One method over all sets, in a line."""
    if summed["mean"] is None:
        return f"{summed['method']:8s} reached nothing"
    where, worst = summed["worst"]
    tuned = "" if summed["to_tuned"] is None else f"; to its presets {summed['to_tuned']:+.3f}"
    empty = f"; {summed['empty']} runs with an empty cluster" if summed["empty"] else ""
    failed = f"; failed on {', '.join(summed['failed'])}" if summed["failed"] else ""
    head = f"{summed['method']:8s} {summed['sets']} sets, to spectral {summed['mean']:+.3f}"
    return f"{head}, at worst {worst:+.3f} ({where}){tuned}{empty}{failed}"


TASKS: dict[str, Callable[[argparse.Namespace], list[dict[str, Any]]]] = {
    "epoch": _bench_epoch,
    "around": _bench_around,
    "scaling": _bench_scaling,
    "ablation": _bench_ablation,
    "table": _bench_table,
    "transfer": _bench_transfer,
    "regret": _bench_regret,
    "clusters": _bench_clusters,
    "machines": _bench_machines,
    "consensus": _bench_consensus,
    "import": _bench_import,
    "faults": _bench_faults,
    "ui": _bench_ui,
    "many": _bench_many,
    "sweep": _bench_sweep,
    "costs": _bench_costs,
    "gpu-costs": _bench_gpu_costs,
    "estimates": _bench_estimates,
}
