"""What a user waits for beside the method itself, as ratios against the old way of doing it, which is kept here.

A piece is a module of this folder with a `measure` that yields its ratios; `PIECES` lists them. Old and new are measured in
turn within one run, so that a ratio means the same on any machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

from core.bench.around.ratio import Ratio, cpu_seconds
from core.common import ParameterError
from core.runs.threads import limited_threads

PIECES = {
    "cut": "the last step: one decomposition for all seeds, sparse neighbour graphs, affinities that fall apart",
    "spread": "how far k-means varies, from a pool of single starts",
    "looking": "looking and scoring as a share of a run",
    "arithmetic": "fine-tuning with products of matrices in the fastest way the machine has, against exact ones",
    "coding": "dictionary and start codes of TAGnet and its relatives, and a whole run of it on COIL-20",
    "queue": "many runs through the queue: what a run costs, what a second worker brings, how soon a launch trains",
    "projections": "t-SNE and UMAP of 5,000 to 70,000 principal components of MNIST, against the t-SNE of scikit-learn",
}


def bench_around(pieces: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """The ratios of the named pieces, all by default, one at a time.

    Yields
    ------
    dict
        ``piece``, and the attributes of a `Ratio`.

    Raises
    ------
    ParameterError
        If there is no such piece.
    """
    unknown = [piece for piece in pieces if piece not in PIECES]
    if unknown:
        raise ParameterError(f"bench around measures {', '.join(PIECES)}. Got {unknown[0]!r} instead.")
    for piece in pieces or PIECES:
        with limited_threads(1):  # CPU seconds of threads that wait for each other would say nothing
            yield from ({"piece": piece, **ratio.to_dict()} for ratio in import_module(f"core.bench.around.{piece}").measure())


__all__ = ["PIECES", "Ratio", "bench_around", "cpu_seconds"]
