"""What runs survive: kills at random instants, a full disk, a step of the clock, broken files.

Every piece works with real processes on a home of its own and yields rows; a row passes when it counts no failure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module

from core.bench.faults.scene import Outcome
from core.common import ParameterError

PIECES = {
    "kills": "kill -9 of workers, standbys, analysts, servers and command-line runs",
    "disk": "a command-line run whose files may not grow past a limit",
    "clock": "another process looks at a run that trains, by a clock that is wrong",
    "files": "files of each kind, broken in several ways, while a run is away",
}


def bench_faults(pieces: Sequence[str] = (), *, kills: int = 100, seed: int = 0) -> Iterator[Outcome]:
    """Try the named pieces, all by default.

    Raises
    ------
    ParameterError
        If there is no such piece, or the number of kills is not positive.
    """
    unknown = [piece for piece in pieces if piece not in PIECES]
    if unknown:
        raise ParameterError(f"bench faults takes {', '.join(PIECES)}. Got {unknown[0]!r} instead.")
    if kills < 1:
        raise ParameterError(f"--kills must be a positive integer. Got {kills} instead.")
    for piece in pieces or PIECES:
        yield from import_module(f"core.bench.faults.{piece}").campaign(kills=kills, seed=seed)
