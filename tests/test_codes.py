"""Codes that explain each other better, and codes that are only smaller: what is watched, and when it is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from core import datasets, methods, runs
from core.datasets import DataSpec
from core.evaluation import code_signs, effective_rank
from core.evaluation.codes import MOST_RANKED
from core.methods.deep_subspace.problem import Problem
from core.runs import Run, RunStore, looks, this_process
from core.runs.recorder import Recorder

DIGITS = DataSpec("digits", n_samples=120)
SIGNS = {"code_norm", "relative_error", "effective_rank"}


def some(n: int = 40, d: int = 7, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d))


def literal_rank(Z: np.ndarray) -> float:
    sigma = np.linalg.svd(Z, compute_uv=False)
    p = sigma / sigma.sum()
    return float(np.exp(-(p[p > 0] * np.log(p[p > 0])).sum()))


@pytest.mark.parametrize("shape", [(40, 7), (7, 40), (1, 5), (9, 9)])
def test_the_effective_rank_is_that_of_the_singular_values(shape: tuple[int, int]) -> None:
    Z = some(*shape)
    assert effective_rank(Z) == pytest.approx(literal_rank(Z), rel=1e-6)
    assert effective_rank(1e-3 * Z.astype(np.float32)) == pytest.approx(literal_rank(Z), rel=1e-4), "whatever the scale"


def test_the_effective_rank_counts_directions() -> None:
    Q = np.linalg.qr(some(60, 5))[0]
    assert effective_rank(Q) == pytest.approx(5) and effective_rank(np.outer(some(60, 1), some(1, 9))) == pytest.approx(1)
    assert 1 < effective_rank(Q * [1, 1, 1, 1e-2, 1e-2]) < 5  # type: ignore[operator]
    low = (some(300, 3) @ some(3, 200, 1)).astype(np.float32)
    assert effective_rank(low) == pytest.approx(literal_rank(low.astype(np.float64)), rel=1e-3), "rounding is no direction"
    assert effective_rank(np.zeros((30, 4))) is None
    many = np.repeat(Q, 40, axis=0)
    assert len(many) > 2 * MOST_RANKED and effective_rank(many) == pytest.approx(5, abs=0.3), "a part of many tells the same"


def test_signs_tell_small_codes_from_explained_ones() -> None:
    Z, C = some(), some(40, 40, 1) / 40

    def signs(Z: np.ndarray) -> dict[str, float]:
        return code_signs(Z, some(), np.square(Z - C @ Z).sum(axis=1))

    as_it_is, small = signs(Z), signs(0.1 * Z)
    assert as_it_is["code_norm"] == pytest.approx(1) and small["code_norm"] == pytest.approx(0.1)
    assert as_it_is["relative_error"] == pytest.approx(np.square(Z - C @ Z).sum() / np.square(Z).sum())
    for name in ("relative_error", "effective_rank"):
        assert small[name] == pytest.approx(as_it_is[name]), "what C explains is the same"
    assert signs(0 * Z) == {"code_norm": 0.0} and "code_norm" not in code_signs(Z, 0 * Z, Z[:, 0])


# ---- in runs ---------------------------------------------------------------------------------------------------------


def trained(store: RunStore, method: str, **params: Any) -> Run:
    short = {"epochs": 6, "pretrain_epochs": 3, **params}
    spec = runs.make_spec(method, DIGITS, preset="defaults", overrides=short, device="cpu", snapshots=3, looking=1.0)
    run = runs.execute(store, store.create(spec, owner=this_process()).id)
    assert run.error is None
    return run


@pytest.mark.parametrize(
    ("method", "params"), [("dsc", {}), ("rgrl", {}), ("udll", {}), ("udll", {"scope": "subset", "subset_size": 60})]
)
def test_every_look_at_codes_that_are_learnt_with_c_has_the_signs(store: RunStore, method: str, params: dict[str, Any]) -> None:
    run = trained(store, method, **params)
    looked = [row for row in store.history(run.id) if "silhouette" in row.scalars and row.stage == "finetune"]
    assert len(looked) >= 2 and all(row.scalars.keys() >= SIGNS for row in looked)
    assert not any(SIGNS & row.scalars.keys() for row in store.history(run.id) if row not in looked)
    final = store.files.arrays(run.id, "final")
    rows = final.get("rows", np.arange(120)).astype(int)
    Z, start = final["Z"][rows], final["Z_pretrained"][rows]
    expected = {"code_norm": np.linalg.norm(Z) / np.linalg.norm(start), "effective_rank": literal_rank(Z.astype(float))}
    if method != "udll":  # which clusters another C than it trains
        expected["relative_error"] = np.square(Z - final["C"] @ Z).sum() / np.square(Z).sum()
    for name, value in expected.items():
        assert run.result["metrics"][name] == pytest.approx(value, rel=1e-3), name
        assert looked[-1].scalars[name] == pytest.approx(value, rel=1e-3), name
    assert set(methods.method_class(method).gauges) >= SIGNS


def test_what_is_unexplained_is_what_the_loss_says(store: RunStore) -> None:
    """Of the C that is trained, though UDLL clusters its symmetric part; each row has the loss of before its step."""
    run = trained(store, "udll", alpha=500.0, epochs=40, learning_rate=0.01, network_learning_rate=0.0)
    losses = [row.scalars["self-expression"] for row in store.history(run.id) if row.stage == "finetune"]
    final = store.files.arrays(run.id, "final")
    size = np.square(final["Z"], dtype=float).sum()
    share = losses[-1] / 500.0 / size
    assert run.result["metrics"]["relative_error"] == pytest.approx(share, rel=0.1)
    assert abs(np.square(final["Z"] - final["C"] @ final["Z"]).sum() / size / share - 1) > 0.3, "of the clustered C it is not"


def test_codes_divided_by_ten_divide_the_loss_by_a_hundred_and_change_nothing_else() -> None:
    """The scale trick of Haeffele et al.: ReLU of a tenth is a tenth of ReLU, and the decoder begins with a product."""
    method = methods.build("udll", n_clusters=10, channels="5", kernel_sizes="3", pretrain_epochs=2, epochs=2, alpha=1.0)
    X = datasets.load(DIGITS).samples
    list(method.iter_fit(X))
    net, C = method.coder_.net, torch.from_numpy(0.01 * some(120, 120).astype(np.float32))
    laplacian = torch.zeros((120, 120))

    def terms() -> dict[str, float]:
        problem = Problem(method, net, C.clone(), method.coder_.X, laplacian=laplacian)
        return {name: float(value.detach()) for name, value in method.terms(problem).items()}

    before = terms()
    with torch.no_grad():
        for part in (net.encoder_weights[-1], net.encoder_biases[-1]):
            part.mul_(0.1)
        net.decoder_weights[0].mul_(10)
    after = terms()
    assert after["self-expression"] == pytest.approx(before["self-expression"] / 100, rel=1e-3)
    for name in ("reconstruction", "penalty"):
        assert after[name] == pytest.approx(before[name], rel=1e-3)


# ---- the alarm -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("norm", "error", "first", "raised"),
    [
        (0.05, 0.6, 0.9, True),
        (0.05, 0.6, None, False),
        (0.2, 0.9, 0.9, False),
        (0.05, 0.2, 0.9, False),
        (0.05, 0.1, 0.1, True),
        (0.05, 0.7, 7.3, True),
        (0.05, 0.4, 7.3, False),
    ],
)
def test_the_alarm_is_for_codes_that_shrank_and_are_no_better_explained(
    norm: float, error: float, first: float | None, raised: bool
) -> None:
    scores = {"code_norm": norm, "relative_error": error}
    found = looks.history_alarms(0, None, scores, "finetune", 3, unexplained=first)
    assert [alarm.kind for alarm in found] == (["shrunk codes"] if raised else [])
    if raised:
        assert "because the codes shrank" in found[0].message and f"{norm:.1%}" in found[0].message


def test_the_first_error_outlives_a_checkpoint(store: RunStore) -> None:
    spec = runs.make_spec("udll", DIGITS, preset="defaults", device="cpu")
    record = Recorder(runs.RunHandle.open(store, store.create(spec, owner=this_process()).id))
    record.note("pretrain", {"reconstruction": 2.0})
    record.note("finetune", {"relative_error": 0.5})
    record.note("finetune", {"relative_error": 0.9})
    again = Recorder(runs.RunHandle.open(store, store.create(spec, owner=this_process()).id))
    state = record.state()
    again.restore(state)
    shrunk = {"code_norm": 0.01, "relative_error": 0.4}
    (alarm,) = again.history_alarms(shrunk, "finetune", 9)
    assert "leaves 40% of them unexplained" in alarm.message
    del state["unexplained"]  # as checkpoints of before had it
    again.restore(state)
    assert again.history_alarms(shrunk, "finetune", 9) == []
