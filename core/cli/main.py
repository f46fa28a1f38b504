"""The command line: the same stores, specs and workers as the app, for scripts and other programs.

Results go to stdout, progress to stderr. Exit codes: 0 done, 1 failed, 2 bad arguments or data, 130 stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import stat
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from core import datasets, methods
from core.common import AffinityLabError, InvalidInput, ParameterError, UnknownName, atomic_write
from core.datasets import DataSpec, Scaling
from core.methods import Clusterer
from core.runs import Run, RunStore, Status, export_run
from core.training import Step

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_STOPPED = 130
_EXITS = {Status.DONE: EXIT_DONE, Status.STOPPED: EXIT_STOPPED}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    options.words = sys.argv[1:] if arguments is None else arguments
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except InvalidInput as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except AffinityLabError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_STOPPED
    except BrokenPipeError:  # the reader of our output has gone, as in ``... | head``
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m core", description="Affinity Lab from the command line.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], help: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help, description=help)
        sub.add_argument("--json", action="store_true", help="print one JSON value on the last line")
        sub.set_defaults(command=run)
        return sub

    command("methods", _methods, "List the methods with their parameters and presets.")
    command("datasets", _datasets, "List the data sets, and how to get those that are not here.")
    command("fetch", _fetch, "Make a data set that a library downloads.").add_argument("name", choices=("rcv1_10k",))
    _run_arguments(command("run", _run, "Train a method and print its scores."))
    predict = command("predict", _predict, "Label new samples by a finished run.")
    predict.add_argument("run_id")
    _data_arguments(predict)
    predict.add_argument("--out", type=Path, help="write the labels to this .csv")
    command("list", _list, "List all runs, newest first.")
    command("show", _show, "Show one run.").add_argument("run_id")
    export = command("export", _export, "Write one run to a .zip.")
    export.add_argument("run_id")
    export.add_argument("file", type=Path)
    command("delete", _delete, "Delete one run with all its files.").add_argument("run_id")
    worker = command("worker", _worker, "Work on a queued run; this is what the app starts.")
    worker.add_argument("run_id", nargs="?")
    worker.add_argument("--standby", action="store_true", help="import first, then read the run from standard input")
    worker.add_argument("--analyst", action="store_true", help="answer questions about runs, one JSON line each")
    bench = command("bench", _bench, "Measure speed, as ratios within one process, or what the parts of an objective add.")
    bench.add_argument(
        "what", choices=("epoch", "scaling", "ablation", "sensitivity"),
        help="a step against the published programs; cost against n, drawn into assets/; what the parts of DSCDAN add; "
        "how a method depends on a hyperparameter or on the data",
    )  # fmt: skip
    bench.add_argument(
        "tasks", nargs="*",
        help="epoch: method and data, as udll-orl; scaling: values of n; both all by default; ablation: data sets; "
        "sensitivity: a method and a data set",
    )  # fmt: skip
    bench.add_argument("--steps", type=int, default=15, help="epoch: measured steps of each side")
    bench.add_argument("--n-samples", type=int, help="ablation, sensitivity: random subset of that size")
    bench.add_argument("--preset", default="auto", help="ablation, sensitivity: constants, as in run")
    bench.add_argument("--seeds", type=int, default=3, help="ablation, sensitivity: how many seeds")
    bench.add_argument(
        "--over", nargs="+", default=[], metavar=("KEY", "VALUE"),
        help="sensitivity: a hyperparameter, or n_classes, n_samples or noise, and the values that it takes",
    )  # fmt: skip
    bench.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="sensitivity: as in run")
    bench.add_argument("--draw", type=Path, metavar="FILE", help="sensitivity: draw the rows into this .svg")
    bench.add_argument("--results", type=Path, metavar="FILE", help="write the rows to this .json, as those in assets/results/")
    return parser


def _run_arguments(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("method")
    _data_arguments(sub)
    sub.add_argument("--scaling", default="unit", choices=("unit", "standard", "l2", "none"))
    sub.add_argument(
        "--preset",
        default="auto",
        help="name, its ending ('fast'), 'defaults', or 'auto': the one named like the data set, or its fast one",
    )
    sub.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="set a hyperparameter")
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    sub.add_argument("--snapshots", type=int, default=5, help="how often a stage is scored while it trains")


def _data_arguments(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--dataset", required=True, help="name, or file (.npz, .csv, .parquet, .mat)")
    sub.add_argument("--n-samples", type=int, help="random subset of that size")
    sub.add_argument("--per-class", type=int, help="that many samples of each class")
    sub.add_argument("--n-classes", type=int, help="only the first classes")
    sub.add_argument("--n-test", type=int, help="hold out so many samples, of the published test part where there is one")
    sub.add_argument("--noise", type=float, default=0.0, help="standard deviation of Gaussian noise, added after scaling")
    sub.add_argument("--data-seed", type=int, default=0, help="seed of the subset, and of the noise")


# ---- commands ----------------------------------------------------------------------------------------------------------


def _methods(options: argparse.Namespace) -> int:
    known = methods.registered()
    if options.json:
        print(json.dumps([describe_method(cls) for cls in known.values()]))
        return EXIT_DONE
    for name, cls in known.items():
        print(f"{name}: {cls.title}. {cls.summary} [{cls.paper}]")
        print(f"    presets: {', '.join(cls.presets) or 'none'}")
        for param in cls.declared().values():
            print(f"    {param.name} = {_text(param.default)}  ({param.allowed}) {param.help}")
    return EXIT_DONE


def describe_method(cls: type[Clusterer]) -> dict[str, Any]:
    """A method as plain data."""
    presets = {
        name: {"title": p.title, "dataset": p.dataset, "params": dict(p.params), "source": p.source, "note": p.note}
        for name, p in cls.presets.items()
    }
    return {
        "name": cls.name, "title": cls.title, "summary": cls.summary, "paper": cls.paper, "objective": cls.objective,
        "family": cls.family, "learns": cls.learns, "uses_gpu": cls.uses_gpu, "presets": presets,
        "parameters": [param.describe() for param in cls.declared().values()],
    }  # fmt: skip


def _datasets(options: argparse.Namespace) -> int:
    rows = [describe_dataset(entry) for entry in datasets.entries()]
    if options.json:
        print(json.dumps(rows))
        return EXIT_DONE
    for row in rows:
        size = f"{row['n_samples']} x {'x'.join(map(str, row['shape']))}, {row['n_classes']} classes"
        size += "".join(f", label column {name}" for name in row["label_columns"])
        print(f"{row['name']}: {row['title']}, {size}, {'here' if row['available'] else 'not here'}")
        if not row["available"]:
            print(f"    {row['how_to_get']}")
    for path in datasets.uploads():
        print(f"{path.stem}: uploaded")
    return EXIT_DONE


def _fetch(options: argparse.Namespace) -> int:
    from core.datasets.rcv1 import fetch_rcv1_10k

    path = fetch_rcv1_10k()
    print(json.dumps({"name": options.name, "file": str(path)}) if options.json else path)
    return EXIT_DONE


def describe_dataset(entry: datasets.Entry) -> dict[str, Any]:
    """A data set of the catalogue as plain data."""
    return {
        "name": entry.name, "title": entry.title, "summary": entry.summary, "n_samples": entry.n,
        "shape": list(entry.shape), "n_classes": entry.n_classes, "available": datasets.available(entry.name),
        "how_to_get": entry.how_to_get, "terms": entry.terms, "label_columns": list(entry.attributes),
    }  # fmt: skip


def _run(options: argparse.Namespace) -> int:
    from core import runs
    from core.runs import this_process

    spec = runs.make_spec(
        options.method, _data_spec(options, options.scaling), preset=options.preset, seed=options.seed, device=options.device,
        overrides=parse_settings(options.method, options.set), snapshots=options.snapshots,
    )  # fmt: skip
    prepared = runs.prepare(spec)  # whatever cannot be used is refused here, before anything is stored
    print(f"{spec.method} on {spec.data.label}: preset {spec.preset}, seed {spec.seed}", file=sys.stderr)
    cls = methods.method_class(spec.method)
    words = cls.scope_words(prepared.data.n_samples, spec.params)
    if words:
        print(words, file=sys.stderr)
    store = RunStore()
    record = store.create(spec, owner=this_process())
    with _Progress() as progress:
        run = runs.execute(store, record.id, prepared=prepared, on_step=progress)
    _print_run(run, options.json)
    return _EXITS.get(run.status, EXIT_FAILED)


def _data_spec(options: argparse.Namespace, scaling: Scaling = "unit") -> DataSpec:
    name = options.dataset
    if name not in datasets.dataset_names() and Path(name).is_file():
        name = str(Path(name).resolve())  # the record must find the file from anywhere
    return DataSpec(
        name=name, n_samples=options.n_samples, per_class=options.per_class, n_classes=options.n_classes,
        seed=options.data_seed, scaling=scaling, n_test=options.n_test, noise=options.noise,
    )  # fmt: skip


def _predict(options: argparse.Namespace) -> int:
    from core.runs import label_new, to_csv

    if options.out is not None:
        _check_target(options.out)
    new = label_new(RunStore(), options.run_id, _data_spec(options))
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


def parse_settings(method: str, settings: Sequence[str]) -> dict[str, Any]:
    """Read ``key=value`` pairs as values of a method's hyperparameters."""
    cls = methods.method_class(method)
    declared = cls.declared()
    values = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise ParameterError(f"--set takes KEY=VALUE. Got {setting!r} instead.")
        if key not in declared:
            raise UnknownName(f"parameter of {method}", key, declared)
        values[key] = declared[key].parse(text, method)
    return values


def result_json(run: Run) -> dict[str, Any]:
    """A finished run as the one JSON object that other programs read."""
    result = dict(run.result)
    return {
        "run_id": run.id, "status": str(run.status), "method": run.spec.method, "dataset": run.spec.data.name,
        "data": run.spec.to_dict()["data"], "preset": run.spec.preset, "modified": run.spec.modified,
        "params": result.get("params", dict(run.spec.params)), "seed": run.spec.seed,
        "device": result.get("device"), "n_samples": result.get("n_samples"), "metrics": result.get("metrics", {}),
        "spread": result.get("spread", {}), "best": result.get("best", {}), "seconds": result.get("seconds", {}),
        "peak_rss_mb": result.get("peak_rss_mb"), "pretrained": result.get("pretrained", {}),
        "used_labels": result.get("used_labels", False), "columns": result.get("columns", []),
        "alarms": run.alarms, "error": run.error,
        "tags": run.tags, "notes": run.notes, "created": run.created,
    }  # fmt: skip


def _print_run(run: Run, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result_json(run)))
        return
    print(f"{run.id}: {run.status}")
    for name, value in run.result.get("metrics", {}).items():
        spread = run.result.get("spread", {}).get(name)
        beside = (
            f"  (mean {spread['mean']:.4f}, std {spread['std']:.4f} over {spread['n']} seeds of the last step)"
            if spread
            else ""
        )
        print(f"    {name:18s} {value:.4f}{beside}")
    for row in run.result.get("columns", []):
        what = f"{row['clusters']} clusters of {row['codes']}" if row["codes"] != "result" else "the result"
        column = f"label column {row['column']}" if row["column"] else "the classes"
        print(f"    {what} against {column}: ACC {row['acc']:.4f}, NMI (geometric) {row['nmi_geometric']:.4f}")
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
    store = _settled_store()
    runs = store.runs()
    if options.json:
        print(json.dumps([result_json(run) | {"reference": run.reference} for run in runs]))
        return EXIT_DONE
    for run in runs:
        accuracy = run.result.get("metrics", {}).get("acc")
        shown = f"ACC {accuracy:.4f}" if accuracy is not None else ""
        print(f"{run.id:50s} {run.status:9s} {run.spec.method:12s} {run.spec.data.label:16s} {shown}")
    return EXIT_DONE


def _settled_store() -> RunStore:
    from core.runs import settle_lost

    store = RunStore()
    settle_lost(store)
    return store


def _show(options: argparse.Namespace) -> int:
    _print_run(_settled_store().get(options.run_id), options.json)
    return EXIT_DONE


def _export(options: argparse.Namespace) -> int:
    store = RunStore()
    store.get(options.run_id)
    _check_target(options.file)
    export_run(store, options.run_id, options.file)
    print(json.dumps({"run_id": options.run_id, "file": str(options.file)}) if options.json else options.file)
    return EXIT_DONE


def _check_target(file: Path) -> None:
    if not file.resolve().parent.is_dir():
        raise InvalidInput(f"The folder {file.parent} does not exist.")
    if file.is_dir():
        raise InvalidInput(f"{file} is a folder; give the name of a file in it.")


def _delete(options: argparse.Namespace) -> int:
    _settled_store().delete(options.run_id)
    print(json.dumps({"deleted": options.run_id}) if options.json else f"deleted {options.run_id}")
    return EXIT_DONE


def _bench(options: argparse.Namespace) -> int:
    tasks = {
        "epoch": _bench_epoch, "scaling": _bench_scaling, "ablation": _bench_ablation, "sensitivity": _bench_sensitivity
    }  # fmt: skip
    if options.results is not None:
        _check_target(options.results)
    rows = tasks[options.what](options)
    if options.results is not None:
        print(_keep(options, rows))
    if options.json:
        print(json.dumps(rows))
    return EXIT_DONE


def _keep(options: argparse.Namespace, rows: list[dict[str, Any]]) -> Path:
    from core.bench import save_results
    from core.bench.tables import Asked, tabulate

    asked = Asked(
        command=shlex.join(["python", "-m", "core", *options.words]), tasks=options.tasks, over=next(iter(options.over), ""),
        preset=options.preset, seeds=range(options.seeds),
    )  # fmt: skip
    return save_results(tabulate(options.what, rows, asked), options.results)


def _bench_epoch(options: argparse.Namespace) -> list[dict[str, Any]]:
    from core.bench.epoch import TASKS, bench_epoch

    rows = bench_epoch(options.tasks or tuple(TASKS), steps=options.steps)
    for row in rows:
        print(f"{row['task']}: port {row['port_ms']:.1f} ms, ours {row['ours_ms']:.1f} ms, ratio {row['ratio']:.2f}")
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


def _bench_sensitivity(options: argparse.Namespace) -> list[dict[str, Any]]:
    from core.bench.sensitivity import bench_sensitivity, draw

    if len(options.tasks) != 2 or len(options.over) < 2:
        raise ParameterError(
            "bench sensitivity takes a method and a data set, and --over KEY VALUE [VALUE ...]. "
            f"Got {' '.join(options.tasks) or 'nothing'} and --over {' '.join(options.over) or 'nothing'}."
        )
    if options.draw is not None:
        _check_target(options.draw)
    (method, dataset), (over, *values) = options.tasks, options.over
    found = bench_sensitivity(
        method, DataSpec(dataset, n_samples=options.n_samples), over, values, preset=options.preset,
        changes=parse_settings(method, options.set), seeds=range(options.seeds),
    )  # fmt: skip
    rows = []
    print(f"{method} on {dataset}: mean and deviation over {options.seeds} seeds")
    for row in found:
        print(f"    {over} = {row['value']!s:<8} {_sensitivity_words(row)}", flush=True)
        rows.append(row)
    if options.draw is not None:
        print(draw(rows, over, f"{methods.method_class(method).title} on {dataset}", options.draw))
    return rows


def _sensitivity_words(row: dict[str, Any]) -> str:
    if row["acc"] is None:
        return "diverged"
    scores = f"ACC {row['acc']:.3f} ± {row['acc_std']:.3f}   NMI (max) {row['nmi_max']:.3f} ± {row['nmi_max_std']:.3f}"
    return f"{scores}   {row['filled']} of {row['clusters']} clusters hold samples"


# ---- the worker --------------------------------------------------------------------------------------------------------


def _worker(options: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, _interrupt)
    store = RunStore()
    if options.analyst:
        from core.jobs import serve_analyst

        serve_analyst(store)
        return EXIT_DONE
    run_id = options.run_id
    if options.standby:
        _warm_up(store)
        run_id = sys.stdin.readline().strip()
        if not run_id:  # the app has gone before it had work
            return EXIT_DONE
    if run_id is None:
        raise InvalidInput("worker takes a RUN_ID, --standby or --analyst.")
    return _work(store, run_id)


def _work(store: RunStore, run_id: str) -> int:
    from core import runs
    from core.runs import claim_for_this_process

    run = store.get(run_id)
    if run.pid != os.getpid():  # the app claims a run for the worker it sends it to
        claim_for_this_process(store, run_id)
    _end_with_the_app()
    log = os.open(store.files.folder(run_id) / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, sys.stderr.fileno())
    run = runs.execute(store, run_id)
    return _EXITS.get(run.status, EXIT_FAILED)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _warm_up(store: RunStore) -> None:
    """Pay for imports and first calls before there is work, by training on noise, and tell the app about the machine."""
    import numpy as np
    import torch

    noise = np.random.default_rng(0).random((32, 8, 8), dtype=np.float32)
    methods.build("udll", n_clusters=2, pretrain_epochs=2, epochs=2).fit(noise)
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    store.notices.post("machine", {"cuda": gpu is not None, "gpu": gpu, "cores": os.cpu_count()})


def _end_with_the_app() -> None:
    """End this process when the pipe from the app closes; a terminal or a batch system has no such pipe."""
    if not stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        return

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 4096):  # unbuffered: a buffer's lock would be held while the process ends
            pass
        os._exit(EXIT_STOPPED)  # the record stays active without a process, so it will be shown as lost

    threading.Thread(target=watch, daemon=True).start()


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


def _text(value: Any) -> str:
    return "-".join(map(str, value)) if isinstance(value, tuple) else str(value)
