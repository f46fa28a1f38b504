"""The cut of RCV1, on a corpus of our own: which stories, which words, which topics."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from core import datasets
from core.cli import EXIT_BAD_INPUT, EXIT_DONE, main
from core.common import DataError
from core.datasets import rcv1

NAMES = ["C11", "CCAT", "ECAT", "GCAT", "GSPO", "MCAT"]


@pytest.fixture
def corpus(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """60 stories of 40 words; every fifth has two topics, every seventh none of the four."""
    rng = np.random.default_rng(0)
    topics = np.zeros((60, len(NAMES)), dtype=int)
    topics[np.arange(60), [1 + i % 3 if i % 4 else 5 for i in range(60)]] = 1
    topics[::5, 1:3] = 1
    topics[::7, 1:] = 0
    weights = csr_matrix(rng.random((60, 40)) * (rng.random((60, 40)) < 0.4))
    made = SimpleNamespace(data=weights, target=csr_matrix(topics), target_names=np.array(NAMES))
    monkeypatch.setattr("sklearn.datasets.fetch_rcv1", lambda subset: made)
    monkeypatch.setattr(rcv1, "N_STORIES", 30)
    monkeypatch.setattr(rcv1, "N_WORDS", 12)
    monkeypatch.setenv("AFFINITY_LAB_DATA", "")
    return made


def test_stories_have_one_topic_and_the_heaviest_words(corpus: SimpleNamespace) -> None:
    X, y = rcv1.cut(corpus.data, corpus.target, NAMES)
    assert X.shape == (30, 12) and X.dtype == np.float32 and set(y) == {0, 1, 2, 3}
    dense, topics = corpus.data.toarray(), corpus.target.toarray()[:, [1, 2, 3, 5]]
    rows = [int(np.flatnonzero([np.isin(x[x > 0], dense[i].astype(np.float32)).all() for i in range(60)])[0]) for x in X]
    assert all(topics[row].sum() == 1 and topics[row].argmax() == label for row, label in zip(rows, y, strict=True))
    heaviest = np.sort(dense[rows].sum(axis=0))[-12:]
    np.testing.assert_allclose(np.sort(X.sum(axis=0)), heaviest, rtol=1e-5)


def test_rows_of_a_split_are_taken_as_they_are_or_refused(corpus: SimpleNamespace) -> None:
    good = np.flatnonzero(corpus.target.toarray()[:, [1, 2, 3, 5]].sum(axis=1) == 1)[::-1][:8]
    X, y = rcv1.cut(corpus.data, corpus.target, NAMES, good)
    assert len(X) == 8
    np.testing.assert_array_equal(y, corpus.target.toarray()[good][:, [1, 2, 3, 5]].argmax(axis=1))
    for bad in (np.array([0]), np.array([600])):
        with pytest.raises(DataError, match="do not fit the corpus"):
            rcv1.cut(corpus.data, corpus.target, NAMES, bad)


def test_fetching_makes_the_data_set_available(
    corpus: SimpleNamespace, lab_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not datasets.available("rcv1_10k")
    assert main(["fetch", "rcv1_10k"]) == EXIT_DONE
    assert str(lab_home) in capsys.readouterr().out and datasets.available("rcv1_10k")
    data = datasets.load("rcv1_10k")
    assert data.image_shape is None and data.X.shape == (30, 12)
    assert data.classes == ("Corporate", "Economics", "Government", "Markets")


def test_a_failed_download_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(subset: str) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("sklearn.datasets.fetch_rcv1", fail)
    assert main(["fetch", "rcv1_10k"]) == EXIT_BAD_INPUT
    assert "could not download RCV1: no route to host" in capsys.readouterr().err
