"""Quick questions about runs, answered in processes of low priority."""

from __future__ import annotations

import json
import os
import queue
import threading
import time
from dataclasses import dataclass
from typing import Any

from core import evaluation, explore
from core.common import lines
from core.jobs.workers import WorkerProcess
from core.runs import ACTIVE, RunStore, Status

MAX_ASKED = 2
LANES = {
    "references": "references",
    "embedding": "embeddings",
    "retrieval": "embeddings",
    "preview": "previews",
    "unlabelled": "unlabelled",
}  # slow tasks do not hold up quick ones
IDLE_SECONDS = {"references": 60.0, "embeddings": 600.0}  # compiling UMAP anew takes 8 s, the others are soon back
USUAL_IDLE_SECONDS = 180.0
LOOK_SECONDS = 2.0


def _lane(question: explore.Question) -> str:
    """The process that answers; a picture of very many points takes minutes, and has its own."""
    large = question.arguments.get("most", 0) > explore.MAX_POINTS
    return "large" if large else LANES.get(question.task, "matrices")


@dataclass
class _Asked:
    """Which process was asked, how often a question was sent in all, and since when."""

    pid: int
    times: int
    since: float


class Analyst:
    """Answers questions about runs (projections, re-clustering, references) in processes of low priority.

    Answers are files that are named after the question, so asking twice costs nothing and survives a restart. The
    slow kinds, projections and reference runs, have a process each, so that quick questions need not wait for them.
    """

    def __init__(self, store: RunStore, *, immediate: bool = False) -> None:
        self.store = store
        self.immediate = immediate
        self._processes: dict[str, WorkerProcess] = {}
        self._asked: dict[str, _Asked] = {}
        self._lock = threading.Lock()

    def ask(self, task: str, **arguments: Any) -> explore.Answer:
        """The answer if it is there, else a pending one; the work is started once."""
        question = explore.Question(task, arguments)
        answer = explore.read_answer(self.store, question)
        if answer is not None:
            self._asked.pop(question.key, None)  # should the answer be dropped one day, it may be asked again
            return answer
        if self.immediate:
            explore.answer(self.store, question)
            return explore.read_answer(self.store, question) or explore.Answer(pending=True)
        with self._lock:
            return self._send(question)

    def stop(self, task: str, **arguments: Any) -> None:
        """Let the work on a question end without an answer, if its task can be stopped; asked again, it begins anew."""
        question = explore.Question(task, arguments)
        with self._lock:
            if self._asked.pop(question.key, None):
                explore.Watch(self.store, question.key).stop()

    def _send(self, question: explore.Question) -> explore.Answer:
        lane, watch = _lane(question), explore.Watch(self.store, question.key)
        process = self._processes.get(lane)
        if process is None or not process.alive:
            process = self._processes[lane] = WorkerProcess(self.store, "--analyst", lane, threads=1)
        asked = self._asked.setdefault(question.key, _Asked(0, 0, time.time()))
        if asked.pid != process.pid:  # never asked, or of a process that died over it
            if asked.times == MAX_ASKED:
                return explore.Answer(error=f"The process that worked on this died {MAX_ASKED} times.")
            asked.pid, asked.times = process.pid, asked.times + 1
            watch.clear()  # of whoever stopped it, or of a process that died
            try:
                process.send(question.to_json())
            except BrokenPipeError:
                pass  # it died just now; the next look asks its successor
        return explore.Answer(pending=True, seconds=time.time() - asked.since, progress=watch.read())

    def close(self) -> None:
        with self._lock:
            for process in self._processes.values():
                process.close()
            self._processes = {}


def serve_analyst(store: RunStore, lane: str) -> None:
    """Loop of the analyst process: one question per line, one answer file each, the newest question first.

    A slider that moves asks faster than answers come, and only the last question is still looked at. The process ends
    with the pipe of the app, whatever it is working on, or when it was asked nothing for minutes.
    """
    os.nice(10)
    heard, questions = lines(), list[str]()
    asked, to_warm = time.monotonic(), lane == "embeddings"
    while time.monotonic() - asked < IDLE_SECONDS.get(lane, USUAL_IDLE_SECONDS):
        try:
            if not questions:
                questions.append(heard.get(timeout=LOOK_SECONDS))
        except queue.Empty:
            if to_warm and not store.runs(status=[*ACTIVE, Status.QUEUED]):
                to_warm = False
                threading.Thread(target=evaluation.warm_up, args=("umap",), daemon=True).start()  # nobody need wait for it
            continue
        while not heard.empty():
            questions.append(heard.get())
        explore.answer(store, explore.Question.from_json(json.loads(questions.pop())))
        asked = time.monotonic()
