"""Try the faults of the list in copies of the tree, and print those that no test finds.

    python -m tests.mutants [--jobs 2] [WORD ...]     all, or those whose file or reason holds one of the words

Ends with 1 if one survives, with 2 if an edit does not fit the code or the tests fail without any.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from tests.mutants.catalogue import ROOT, Mutant, catalogue

LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__")
PASSED, FAILED = 0, 1  # of pytest
DATA = os.environ.get("AFFINITY_LAB_DATA", str(ROOT.parent / "shared" / "data"))


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description="Which faults do the tests not find?")
    parser.add_argument("words", nargs="*", help="faults whose file or reason holds one of these words; all by default")
    parser.add_argument("--jobs", type=int, default=2, help="copies of the tree that are tested at a time")
    chosen = parser.parse_args(arguments)
    words = [word.lower() for word in chosen.words] or [""]
    mutants = [mutant for mutant in catalogue() if any(word in f"{mutant.file} {mutant.why}".lower() for word in words)]
    with tempfile.TemporaryDirectory() as folder:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(chosen.jobs):
            copies.put(Path(shutil.copytree(ROOT, Path(folder, str(number)), ignore=LEFT_OUT)))
        with ThreadPoolExecutor(chosen.jobs) as pool:
            return report(mutants, lambda work, things: pool.map(lambda thing: _apart(copies, work, thing), things))


def report(mutants: Sequence[Mutant], each: Callable[[Callable[[Path, Any], int], Sequence[Any]], Iterator[int]]) -> int:
    """Try each fault once its tests are known to pass without it; returns the exit code."""
    suites = sorted({mutant.tests for mutant in mutants})
    broken = [suite for suite, code in zip(suites, each(run, suites), strict=True) if code != PASSED]
    if broken:
        print("These tests fail without any fault:", *map(" ".join, broken), sep="\n  ")
        return 2
    words = {PASSED: "SURVIVES", FAILED: "found   "}
    codes = []
    for mutant, code in zip(mutants, each(attempt, mutants), strict=True):
        print(words.get(code, f"pytest ended with {code}:"), mutant.file, "-", mutant.why, flush=True)
        codes.append(code)
    survivors, unclear = codes.count(PASSED), sum(code not in words for code in codes)
    print(f"{len(codes)} faults: {survivors} survive, {unclear} are unclear")
    return 2 if unclear else 1 if survivors else 0


def attempt(root: Path, mutant: Mutant) -> int:
    """How the tests end with a fault in the tree."""
    with mutant.within(root):
        return run(root, mutant.tests)


def run(root: Path, tests: Sequence[str]) -> int:
    """How tests end in a tree. No byte code is kept: an edit of equal length within a second would go unseen."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "AFFINITY_LAB_DATA": DATA, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, check=False).returncode


def _apart(copies: SimpleQueue[Path], work: Callable[[Path, Any], int], thing: Any) -> int:
    """Work on something in a copy of the tree that nobody else uses meanwhile."""
    root = copies.get()
    try:
        return work(root, thing)
    finally:
        copies.put(root)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
