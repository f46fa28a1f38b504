"""Clusters are read once off the same arrays, and anew off others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array

from core.methods import Clusterer
from core.methods.contract import Labeller
from core.methods.reading import Reading, digest
from core.runs import RunStore, execute, looks, make_spec
from tests.test_execute import DIGITS, TINY, started

C = np.arange(9.0).reshape(3, 3)


class Counting(Clusterer):
    """Reads C, and the rows it is of where there are any; never Z."""

    name = "t_counting"
    readings = 0

    def affinity(self, arrays: Any) -> NDArray | None:
        self.readings += 1
        return np.asarray(arrays["C"])

    def labeller(self, arrays: Any, affinity: NDArray | None) -> Labeller:
        rows = arrays["rows"] if "rows" in arrays else arrays.get("order")
        return lambda seed: np.arange(3 if rows is None else len(rows))


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        (lambda arrays: arrays | {"C": arrays["C"].copy(), "Z": np.ones(3)}, False),
        (lambda arrays: arrays | {"C": arrays["C"] + 1e-12}, True),
        (lambda arrays: arrays | {"C": arrays["C"][:2]}, True),
        (lambda arrays: arrays | {"rows": np.arange(2)}, True),
        (lambda arrays: arrays | {"order": np.arange(2)}, True),
        (lambda arrays: {"C": csr_array(arrays["C"])}, True),
    ],
    ids=["what was not asked for", "values", "shape", "a name that was not there", "one asked for by get", "sparse"],
)
def test_a_kept_reading_holds_for_the_arrays_that_it_asked_for(changed: Callable[[dict], dict], again: bool) -> None:
    method, arrays = Counting(n_clusters=2), {"C": C, "Z": np.zeros(3)}
    first = method.reading_of(arrays)
    assert first.affinity is not None and method.readings == 1
    method.keep(first)
    after = method.reading_of(changed(arrays))
    assert method.readings == 1 + again and (after is first) == (not again)
    method.reading_of(arrays)
    assert method.readings == 2 + again, "it is kept for once"


def test_what_a_last_step_asks_for_late_counts_too() -> None:
    """As the method of the README: it opens its arrays when it is asked for labels."""

    class Late(Counting):
        def labeller(self, arrays: Any, affinity: NDArray | None) -> Labeller:
            return lambda seed: np.asarray(arrays["P"]).argmax(1)

    method, P = Late(n_clusters=2), np.eye(3)
    first = method.reading_of({"C": C, "P": P})
    assert first.labeller(0).tolist() == [0, 1, 2]
    method.keep(first)
    assert method.reading_of({"C": C, "P": P[::-1]}).labeller(0).tolist() == [2, 1, 0]


def test_memory_that_the_next_step_changes_is_noticed() -> None:
    method, trained = Counting(n_clusters=2), C.copy()
    method.keep(method.reading_of({"C": trained}))
    trained += 1
    again = method.reading_of({"C": trained})
    assert method.readings == 2 and again.affinity is not None and np.array_equal(again.affinity, C + 1)


def test_a_sparse_matrix_is_known_again() -> None:
    one, other = csr_array(C), csr_array(C)
    assert digest(one) == digest(other) == digest(one.tocoo()) != digest(C)
    other.data[0] += 1
    assert digest(one) != digest(other) and digest(csr_array((2, 3))) != digest(csr_array((3, 2))) and digest(None)


def test_a_look_that_is_not_the_last_keeps_nothing() -> None:
    method = Counting(n_clusters=2)
    for _ in range(2):
        method.reading_of({"C": C})
    assert method.readings == 2


@pytest.mark.parametrize(("method", "few"), [("rgrl", TINY), ("udll", TINY), ("grdnn", {"epochs": 3})])
def test_what_the_last_look_has_read_is_not_read_again(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, method: str, few: dict[str, Any]
) -> None:
    """The cut of a dense affinity of 7,200 samples takes a minute and more of a core: once less for every run."""
    made, look = list[Reading](), looks.look

    def labels_of(*, keeping: bool) -> NDArray:
        monkeypatch.setattr(looks, "look", lambda *given, last=False: look(*given, last=last and keeping))
        run = execute(store, started(store, make_spec(method, DIGITS, preset="defaults", overrides=few, device="cpu")))
        return store.files.arrays(run.id, "final", ["labels"])["labels"]

    monkeypatch.setattr("core.methods.contract.Reading", lambda *given: made.append(Reading(*given)) or made[-1])
    kept = labels_of(keeping=True)
    once = len(made)
    anew = labels_of(keeping=False)
    assert len(made) == 2 * once + 1 and np.array_equal(kept, anew)
