"""Broken files: what a run needs is made again or done without, what a command needs is named in a sentence."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

from core.bench.faults.scene import Outcome, Scene, patiently, scene, told
from core.runs.spec import CHECKPOINT, PREVIOUS

BREAKS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut in half": lambda content: content[: len(content) // 2],
    "zeros": lambda content: bytes(len(content)),
}
OWN = "runs/RUN/"
AWAY = (
    (OWN + CHECKPOINT,),
    (OWN + CHECKPOINT, OWN + PREVIOUS),
    (OWN + "live.npz",),
    ("pretrained/*/state.pt",),
    ("pretrained/*/about.json",),
)
KEPT = ("final.npz", "live.npz", "weights.safetensors")
LOOKS = (("show", "RUN"), ("list",), ("export", "RUN", "OUT", "--force"), ("predict", "RUN", "--dataset", "digits"))


def campaign(*, kills: int, seed: int) -> Iterator[Outcome]:
    """Break files of a run that was killed, then of one that is done."""
    for names in AWAY:
        with scene() as on:
            failures = [wrong for kind in BREAKS for wrong in _away(on, names, kind, seed)]
            yield Outcome("files", f"resume with {' and '.join(names)} broken", len(BREAKS), failures + on.faults())
    with scene() as on:
        run = on.store.create(on.spec(seed)).id
        on.core("worker", run)
        for name in KEPT:
            failures = [wrong for kind in BREAKS for wrong in _kept(on, run, name, kind)]
            yield Outcome("files", f"commands on a run with {name} broken", len(BREAKS) * len(LOOKS), failures)
        on.store.trash.put(run, on.store.get(run).status)


def _away(on: Scene, names: tuple[str, ...], kind: str, seed: int) -> Iterator[str]:
    """Kill a worker once it has two checkpoints, break files, and resume."""
    run = on.store.create(on.spec(seed)).id
    worker = on.start("-m", "core", "worker", run)
    if not patiently(lambda: len(on.store.files.checkpoints(run)) == 2 or worker.poll() is not None, 60):
        yield "there were no two checkpoints"
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    for path in (path for name in names for path in sorted(on.home.glob(name.replace("RUN", run)))):
        _break(path, kind)
    wrong = told(on.core("resume", run))
    if wrong:
        yield f"{kind}: resume {wrong}"


def _kept(on: Scene, run: str, name: str, kind: str) -> Iterator[str]:
    path = on.store.files.folder(run) / name
    whole = path.read_bytes()
    _break(path, kind)
    for look in LOOKS:
        words = [{"RUN": run, "OUT": str(on.home / "out.zip")}.get(word, word) for word in look]
        wrong = told(on.core(*words))
        if wrong:
            yield f"{kind}: {look[0]} {wrong}"
    path.write_bytes(whole)


def _break(path: Path, kind: str) -> None:
    path.write_bytes(BREAKS[kind](path.read_bytes()))
