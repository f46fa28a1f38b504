"""RCV1, ten thousand news stories in four topics, made from scikit-learn's copy of the corpus.

The cut that RGRL and deep k-means use: stories of exactly one of the topics CCAT, ECAT, GCAT, MCAT; of their tf-idf
weights (cosine-normalised by the corpus) the 2,000 words with the largest sums.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import DataError, data_folders, home

TOPICS = ("CCAT", "ECAT", "GCAT", "MCAT")
N_STORIES, N_WORDS = 10_000, 2_000
FILE, ROWS_FILE = "rcv1_10k.npz", "rcv1_10k_rows.npz"


def fetch_rcv1_10k() -> Path:
    """Download RCV1 through scikit-learn (656 MB, once), cut it, and keep the cut in ``<home>/data``.

    The rows are those of the published split if a data folder holds ``rcv1_10k_rows.npz``, else a random draw.

    Raises
    ------
    DataError
        If the corpus cannot be had, or the rows do not fit it.
    """
    from sklearn.datasets import fetch_rcv1

    try:
        corpus = fetch_rcv1(subset="all")
    except OSError as error:
        raise DataError(f"scikit-learn could not download RCV1: {error}") from error
    X, y = cut(corpus.data, corpus.target, list(corpus.target_names), _published_rows())
    target = home() / "data" / FILE
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{FILE}")
    with draft.open("wb") as file:
        np.savez_compressed(file, X=X, y=y)
    draft.replace(target)
    return target


def cut(
    weights: Any, topics: Any, names: list[str], rows: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Stories x words and their topics.

    Parameters
    ----------
    weights : (n, words), SciPy sparse
        tf-idf.
    topics : (n, topics), SciPy sparse
        One where a story has a topic.
    names : list of str
        Of the topics.
    rows : (10000,), optional
        Which stories; without it a random draw, with the seed 0, of those with exactly one of the four topics.
    """
    chosen = np.asarray(topics[:, [names.index(topic) for topic in TOPICS]].todense()) > 0
    alone = chosen.sum(axis=1) == 1
    if rows is None:
        known = np.flatnonzero(alone)
        rows = np.sort(np.random.default_rng(0).choice(known, min(N_STORIES, len(known)), replace=False))
    elif rows.max() >= len(alone) or not alone[rows].all():
        raise DataError(f"The rows in {ROWS_FILE} do not fit the corpus: some have none or several of {', '.join(TOPICS)}.")
    part = weights[rows]
    words = np.sort(np.argsort(-np.asarray(part.sum(axis=0)).ravel(), kind="stable")[:N_WORDS])
    return np.asarray(part[:, words].todense(), dtype=np.float32), chosen[rows].argmax(axis=1).astype(np.int64)


def _published_rows() -> NDArray[np.int64] | None:
    path = next((folder / ROWS_FILE for folder in data_folders() if (folder / ROWS_FILE).is_file()), None)
    if path is None:
        return None
    with np.load(path, allow_pickle=False) as stored:
        rows: NDArray[np.int64] = stored["rows"]
    return rows
