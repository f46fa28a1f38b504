"""What every registered method promises, whoever wrote it: run over all of them."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import clone

from core import datasets, methods
from core.common import Param, ParameterError, UnknownName, check_all
from core.methods import Clusterer
from core.runs import RunHandle, RunStore, make_spec
from core.runs.checkpoints import load_checkpoint, save_checkpoint
from core.runs.recorder import Recorder
from core.training import Stages, Step, to_host

ROOT = Path(__file__).resolve().parent.parent
METHODS = list(methods.registered())
DEEP = [name for name, cls in methods.registered().items() if cls.learns == "deep"]
NOT_BY_SAMPLE = {"anchors", "H", "centroids", "D"}
COUNTERS = {"edges", "residual", "converged", "changed"}
SMALL: Mapping[str, Any] = {
    "pretrain_epochs": 3, "epochs": 4, "channels": (4, 3), "kernel_sizes": (3, 3), "widths": (12, 6), "n_init": 3,
    "graph_widths": (10,), "layer_epochs": 3, "path_epochs": 3, "max_iter": 30, "batch_size": 32,
    "min_change": 0.0, "head_widths": (12,), "head_epochs": 3, "latent_size": 6, "train_batch_size": 64, 
    "n_atoms": 24, "sweeps": 2, "iterations": 50, "solver_iterations": 10,
}  # fmt: skip


_OURS = {"head_output": "softmax", "agreement": 0.3, "start_epochs": 3}
SWITCHES: Mapping[str, Any] = {
    "grdnn": ({}, {"base": "cdae"}),
    "dscdan": ({}, _OURS),
    "spectralnet": ({}, _OURS),
    "tagnet": ({"loss": "mml", "agreement": 1.0},),
    "dtagnet": ({"loss": "mml", "agreement": 1.0},),
    "be": ({"loss": "mml", "agreement": 1.0},),
    "sc_clustering": ({"loss": "mml", "agreement": 1.0},),
}  # that show every term of a loss


def digits() -> NDArray[np.float32]:
    return datasets.load("digits", per_class=12).samples


def vectors() -> NDArray[np.float32]:
    """Three planes in 20 dimensions, 24 samples each: no images."""
    rng = np.random.default_rng(5)
    parts = [rng.uniform(0.2, 1, (24, 2)) @ rng.uniform(0, 1, (2, 20)) for _ in range(3)]
    X = np.concatenate(parts)
    return (X / X.max()).astype(np.float32)


DATA: Mapping[str, Callable[[], NDArray[np.float32]]] = {"digits": digits, "vectors": vectors}


def small(name: str, kind: str = "digits", **params: Any) -> Clusterer:
    """A method that trains in a moment."""
    declared = methods.method_class(name).declared()
    chosen = {key: value for key, value in SMALL.items() if key in declared} | {"n_clusters": 10 if kind == "digits" else 3}
    return methods.build(name, **{**chosen, **params})


def steps_of(method: Clusterer, X: NDArray, stages: Stages | None = None) -> list[Step]:
    return list(method.iter_fit(X, stages))


@dataclass
class Fitted:
    """A method that was trained once, for all tests of what came of it."""

    method: Clusterer
    X: NDArray[np.float32]
    stages: Stages
    steps: list[Step]
    gradients: list[bool]  # after each step, whether they were on


NETWORKS = [name for name in METHODS if "network" in methods.method_class(name).declared()]  # with layers to suit the samples
KINDS = [(name, "digits") for name in METHODS] + [(name, "vectors") for name in NETWORKS]


@pytest.fixture(scope="module", params=KINDS, ids="-".join)
def fitted(request: pytest.FixtureRequest) -> Fitted:
    name, kind = request.param
    found = Fitted(small(name, kind), DATA[kind](), Stages(), [], [])
    for step in found.method.iter_fit(found.X, found.stages):
        found.steps.append(step)
        found.gradients.append(torch.is_grad_enabled())
    return found


# ---- what comes out --------------------------------------------------------------------------------------------------


def test_labels_affinity_and_losses_are_what_the_contract_says(fitted: Fitted) -> None:
    method, X, steps = fitted.method, fitted.X, fitted.steps
    again = digits() if X.ndim == 3 else vectors()
    np.testing.assert_array_equal(X, again, err_msg="a method must not write into its data")
    assert all(fitted.gradients), "a yield inside no_grad leaks into the caller"

    labels = method.labels_
    assert labels.shape == (len(X),) and labels.dtype == np.int64
    assert labels.min() >= 0 and labels.max() < method.clusters(X)
    assert np.unique(labels).size > 1

    affinity = getattr(method, "affinity_matrix_", None)
    assert (affinity is None) == (method.reads == "Z")
    if affinity is not None:
        assert affinity.shape == (len(X), len(X))
        dense = affinity.toarray() if issparse(affinity) else affinity
        assert np.isfinite(dense).all() and (dense >= 0).all() and dense.max() > 0
        np.testing.assert_array_equal(dense, dense.T)

    assert steps and steps[-1].stage == "spectral"
    for step in steps:
        assert 1 <= step.step <= step.total
        assert all(math.isfinite(float(value)) for value in step.scalars.values()), (step.stage, step.scalars)
    for name_, value in to_host(steps[-1].arrays).items():
        assert name_ in NOT_BY_SAMPLE or value.shape[0] == len(X), name_
        assert np.isfinite(value.data if hasattr(value, "tocsr") else value).all(), name_


@pytest.mark.parametrize("name", DEEP)
def test_the_losses_of_deep_methods_have_symbols_and_move(name: str) -> None:
    steps = [step for params in SWITCHES.get(name, ({},)) for step in steps_of(small(name, **params), digits())]
    method = methods.method_class(name)
    named = {key for step in steps for key in step.scalars} - COUNTERS - set(method.gauges)
    assert named and named == set(method.symbols)
    assert all(symbol and symbol.count("{") == symbol.count("}") for symbol in method.symbols.values())
    for key in named:
        assert len({float(step.scalars[key]) for step in steps if key in step.scalars}) > 1, f"{key} never changes"


def test_steps_are_counted_stage_by_stage(fitted: Fitted) -> None:
    params = fitted.method.get_params()
    counts: dict[str, list[int]] = {}
    for step in fitted.steps:
        counts.setdefault(step.stage, []).append(step.step)
    planned = {"pretrain": params.get("pretrain_epochs"), "finetune": params.get("epochs")}
    for stage, seen in counts.items():
        assert seen == sorted(set(seen))
        if stage in planned:
            assert seen == list(range(1, len(seen) + 1)) and planned[stage] in (None, len(seen))


# ---- the same again --------------------------------------------------------------------------------------------------


def test_the_seed_alone_decides(fitted: Fitted) -> None:
    np.random.seed(2)
    torch.manual_seed(2)
    np.testing.assert_array_equal(fitted.method.labels_, clone(fitted.method).fit_predict(fitted.X))


def test_the_training_samples_get_their_own_labels(fitted: Fitted) -> None:
    method, X = fitted.method, fitted.X
    np.testing.assert_array_equal(method.predict(X), method.labels_)
    np.testing.assert_array_equal(method.predict(X[7:12]), method.labels_[7:12])


@pytest.mark.parametrize("name", DEEP)
def test_another_seed_starts_from_another_network(name: str) -> None:
    first = [
        next(
            float(step.scalars["reconstruction"])
            for step in small(name, random_state=seed).iter_fit(digits())
            if "reconstruction" in step.scalars
        )
        for seed in (0, 1)
    ]
    assert first[0] != first[1]


@pytest.mark.journey
def test_another_process_finds_the_same_labels(worker_env: Callable[..., dict[str, str]]) -> None:
    code = (
        "import torch; torch.set_num_threads(1)\n"
        "from tests.test_contract import METHODS, digits, small\n"
        "for name in METHODS: print('LABELS', name, *small(name, random_state=3).fit_predict(digits()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=worker_env(PYTHONHASHSEED="77"), capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = {line.split()[1]: line.split()[2:] for line in done.stdout.splitlines() if line.startswith("LABELS")}
    assert set(found) == set(METHODS)
    for name, labels in found.items():
        assert [int(label) for label in labels] == small(name, random_state=3).fit_predict(digits()).tolist(), name


# ---- declarations ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", METHODS)
def test_clone_and_get_params_reproduce_the_method(name: str) -> None:
    method = small(name, random_state=9)
    copy = clone(method)
    assert copy is not method and copy.get_params() == method.get_params()
    assert {**method.get_params(), "device": "cpu"} == method.get_params()
    assert not hasattr(copy, "labels_")
    assert method.set_params(n_clusters=4).n_clusters == 4 and copy.n_clusters == 10


@pytest.mark.parametrize("name", METHODS)
def test_defaults_and_large_numbers_can_be_cloned_too(name: str) -> None:
    method = methods.build(name, random_state=123_456, n_clusters=321)
    assert clone(method).get_params() == method.get_params()


@pytest.mark.parametrize("name", METHODS)
def test_a_method_says_what_it_is(name: str) -> None:
    cls = methods.method_class(name)
    for text in (cls.title, cls.summary, cls.paper, cls.objective, cls.__doc__ or ""):
        assert text.strip()
    assert cls.summary.endswith(".") and re.search(r"\d{4}", cls.paper)
    assert cls.reads in {"Z", "C", "A"} and cls.learns in {"instant", "deep"}


@pytest.mark.parametrize("name", METHODS)
def test_hyperparameters_say_what_they_are_and_keep_their_own_rules(name: str) -> None:
    for param in methods.method_class(name).declared().values():
        keeps_its_rules(name, param)


def keeps_its_rules(name: str, param: Param) -> None:
    assert param.symbol.strip() and param.group and param.help.endswith(".") and len(param.help) > 10
    assert param.optional or param.default is not None
    checked = param.check(param.default, name)
    assert checked == param.default
    if param.kind in ("real", "integer"):
        assert param.low < param.high
        low, high = param.soft
        assert param.low <= low < high <= param.high
        assert not param.log or low > 0, "a slider in powers of ten cannot show 0"
        for outside in (param.low - 1, param.high + 1, math.nan):
            with pytest.raises(ParameterError, match=re.escape(repr(param.name))):
                methods.build(name, **{param.name: outside})
    elif param.kind == "choice":
        assert len(set(param.choices)) >= 2
    elif param.kind == "sizes":
        for outside in ((), (param.low - 1,), (param.high + 1,)):
            with pytest.raises(ParameterError, match=re.escape(repr(param.name))):
                methods.build(name, **{param.name: outside})


@pytest.mark.parametrize("name", METHODS)
def test_presets_fit_the_declarations_and_name_a_data_set(name: str) -> None:
    cls = methods.method_class(name)
    for key, preset in cls.presets.items():
        assert preset.title and preset.params and preset.source in {"paper", "code", "ours"}, key
        assert check_all(cls.declared(), preset.params, name) == dict(preset.params), key
        assert preset.dataset in {entry.name for entry in datasets.entries()}, key
        spec = make_spec(name, datasets.DataSpec(preset.dataset), preset=key)
        assert spec.preset == key and {k: spec.params[k] for k in preset.params} == dict(preset.params)


@pytest.mark.parametrize("name", METHODS)
def test_unusable_requests_are_refused_by_name(name: str) -> None:
    with pytest.raises(UnknownName, match="bogus"):
        methods.build(name, bogus=1)
    with pytest.raises(ParameterError, match="n_clusters"):
        methods.build(name).fit(digits())
    with pytest.raises(ParameterError, match=r"n_clusters.*10"):
        small(name).fit(digits()[:10])


def test_the_announced_cost_is_that_of_the_network(fitted: Fitted) -> None:
    cost = type(fitted.method).cost(fitted.X.shape, fitted.method.get_params())
    trained = {key: value for key, value in fitted.stages.weights().items() if value.is_floating_point()}
    assert cost.parameters == pytest.approx(sum(value.numel() for value in trained.values()), rel=0.02)
    assert all(size > 0 for size in cost.matrices.values())
    assert cost.bytes >= fitted.X.nbytes or fitted.method.learns != "deep"


@pytest.mark.parametrize("name", METHODS)
def test_more_samples_never_cost_less(name: str) -> None:
    cls = methods.method_class(name)
    params = {key: param.default for key, param in cls.declared().items()}
    few, many = cls.cost((100, 8, 8), params), cls.cost((1000, 8, 8), params)
    assert many.bytes >= few.bytes >= 0 and many.parameters >= few.parameters
    assert cls.learns != "deep" or (few.parameters > 0 and many.bytes > few.bytes > 0)


# ---- stop, close, resume ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", METHODS)
def test_training_can_be_closed_after_the_first_step(name: str) -> None:
    steps = small(name).iter_fit(digits())
    assert isinstance(steps, Iterator)
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert next(steps, None) is None
    assert torch.is_grad_enabled(), "a yield inside no_grad leaks into the caller"


def last_stage(name: str) -> str:
    """The stage of a deep method that comes last."""
    declared = methods.method_class(name).declared()
    if "layer_epochs" in declared:
        return "joint"
    return "finetune" if "epochs" in declared else "head" if "head_epochs" in declared else "pretrain"


@pytest.mark.parametrize("name", DEEP)
def test_a_stop_skips_the_rest_and_still_concludes(name: str) -> None:
    X, stages = digits(), Stages()
    last = last_stage(name)
    method = small(name, **{{"head": "head_epochs", "pretrain": "pretrain_epochs"}.get(last, "epochs"): 50})
    seen = []
    for step in method.iter_fit(X, stages):
        seen.append(step.stage)
        if step.stage == last and step.step == 2:
            stages.stop()
    assert seen.count(last) == 2 and seen[-1] == "spectral"
    assert method.labels_.shape == (len(X),)


def stop_before(store: RunStore, stage: str, step: int, method: Clusterer, X: NDArray) -> RunHandle:
    """Train up to a step, write the checkpoint of a run, and go away; returns the run."""
    run = store.create(make_spec(method.name, datasets.DataSpec("digits")))
    stages = Stages()
    steps = method.iter_fit(X, stages)
    for seen in steps:
        if (seen.stage, seen.step) == (stage, step):
            break
    else:
        pytest.fail(f"{stage} {step} was never reached")
    handle = RunHandle.open(store, run.id)
    save_checkpoint(handle, stages, Recorder(handle))
    for _ in range(2):  # what was done after the checkpoint is lost
        next(steps, None)
    steps.close()  # type: ignore[attr-defined]
    return handle


LAYERED = {"recipe": "layer-wise", "activation": "sigmoid"}
RESUMED: list[tuple[str, str, int, dict[str, Any]]] = [
    ("udll", "pretrain", 2, {}),
    ("udll", "graph", 1, {}),
    ("udll", "finetune", 3, {"penalty": "symmetric", "zero_diagonal": True}),
    ("udll", "finetune", 5, {}),
    ("dsc", "finetune", 2, {"norm": "l1", "zero_diagonal": True}),
    ("rgrl", "finetune", 3, {}),
    ("rgrl", "finetune", 2, {"scope": "subset", "subset_size": 60, "through_graph": True}),
    ("udll", "subset", 2, {"scope": "subset", "subset_size": 60, "subset_by": "even"}),
    ("dsc", "finetune", 3, {"scope": "subset", "subset_size": 60, "subset_by": "even"}),
    ("ae_edsc", "pretrain", 2, {}),
    ("ae_kmeans", "pretrain", 3, {"batch_size": 32}),
    ("ae_kmeans", "pretrain", 4, {"pretrain_schedule": "constant"}),
    ("dec", "finetune", 2, {}),
    ("dcn", "finetune", 3, {}),
    ("dkm", "pretrain", 2, {}),
    ("depict", "pretrain", 2, {}),
    ("depict", "finetune", 3, {"start_epochs": 2}),
    ("dccm", "finetune", 2, {"start_epochs": 3}),
    ("vade", "pretrain", 3, {}),
    ("vade", "finetune", 2, {"noise": None}),
    ("ddae", "joint", 2, {}),
    ("lae", "joint", 5, {}),
    ("grdnn", "joint", 3, {}),
    ("grdnn", "joint", 5, {"graph": "anchors", "n_anchors": 40}),
    ("grdnn", "data layer 2", 2, LAYERED),
    ("grdnn", "data path", 1, LAYERED),
    ("grdnn", "graph path", 2, {**LAYERED, "base": "cdae"}),
    ("grdnn", "joint", 4, LAYERED),
    ("dscdan", "pretrain", 2, {}),
    ("dscdan", "start", 1, {"start_epochs": 3}),
    ("dscdan", "head", 2, {"start_epochs": 3, "weights": "shared", "schedule": "plateau", "head_starts": 3}),
    ("dscdan", "finetune", 3, {"refresh": 2, "noise": "multiplicative", "head_starts": 2}),
    ("dscdan", "finetune", 5, {"graph": "batch", "discriminator": "released"}),
    ("tagnet", "dictionary", 1, {}),
    ("tagnet", "finetune", 2, {"train_batch_size": 60}),
    ("dtagnet", "finetune", 3, {"loss": "mml", "agreement": 1.0, "optimizer": "sgd"}),
    ("sc_clustering", "finetune", 2, {"train_batch_size": 60}),
    ("spectralnet", "head", 1, {"tolerance": 1e-9}),
    ("spectralnet", "head", 2, {"features": "samples", "graph": "batch"}),
]
TRAINED = re.compile("dictionary|pretrain|subset|start|head|finetune|joint|(data|graph) (path|layer .)")


@pytest.mark.journey
@pytest.mark.parametrize(("name", "stage", "step", "params"), RESUMED)
def test_a_resumed_run_ends_as_if_nothing_had_happened(
    store: RunStore, name: str, stage: str, step: int, params: dict[str, Any]
) -> None:
    X = digits()
    declared = methods.method_class(name).declared()
    longer = {key: value for key, value in (("pretrain_epochs", 4), ("epochs", 5)) if key in declared} | params
    whole, whole_stages = small(name, **longer), Stages()
    expected = steps_of(whole, X, whole_stages)

    saved = load_checkpoint(stop_before(store, stage, step, small(name, **longer), X)).saved
    assert saved is not None
    resumed, stages = small(name, **longer), Stages(saved["stages"])
    steps = steps_of(resumed, X, stages)

    done = [(s.stage, s.step) for s in expected if TRAINED.fullmatch(s.stage)]
    rest = [(s.stage, s.step) for s in steps if TRAINED.fullmatch(s.stage)]
    at = done.index((stage, step)) + 1 if TRAINED.fullmatch(stage) else longer["pretrain_epochs"]
    assert rest == done[at:], "exactly the steps that were missing are made"
    np.testing.assert_array_equal(resumed.labels_, whole.labels_)
    ours, theirs = to_host(steps[-1].arrays), to_host(expected[-1].arrays)
    assert set(ours) == set(theirs) and ("C" in ours) == (methods.method_class(name).reads == "C")
    for key, value in ours.items():
        np.testing.assert_array_equal(*(v.toarray() if hasattr(v, "tocoo") else v for v in (value, theirs[key])), err_msg=key)
        assert key not in ("C", "Z", "X_hat", "Z_pretrained") or np.any(value), key
    weights, whole_weights = stages.weights(), whole_stages.weights()
    assert set(weights) == set(whole_weights)
    assert all(torch.equal(weights[key], whole_weights[key]) for key in weights)
