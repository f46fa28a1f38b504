"""DSCDAN and SpectralNet: networks, the loss by hand, and what each switch changes."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from torch import Tensor

from core import methods, runs
from core.affinity import spectral_labels
from core.common import ParameterError
from core.datasets import DataSpec
from core.evaluation import clustering_accuracy
from core.graphs.batches import NeighborGraph
from core.losses import CHANCE
from core.methods.deep_spectral.dscdan import DSCDAN
from core.methods.deep_spectral.heads import head_outputs
from core.methods.deep_spectral.network import halved
from core.nets import DualAutoEncoder
from core.runs import RunHandle, RunStore, execute, looks, make_spec, this_process
from core.runs.recorder import Recorder
from core.training import Stages, to_host
from core.training.descent import Terms
from core.training.restarts import Restarts, side_by_side
from tests.test_contract import SMALL, digits, small, steps_of, vectors


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def begun(seed: int = 0, **params: Any) -> Any:
    """A dual auto-encoder on its data, before any training; `seed` is that of its noise."""
    method: Any = small("dscdan", **params)
    on = method.coder.on(digits(), random_state=0, device="cpu")
    on.noise = generator(seed)
    return on


# ---- networks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sides", "layers", "halvings", "strides"),
    [
        ((28, 28), 4, 2, [2, 1, 2, 1]),  # the published program
        ((28, 28), 2, 2, [2, 2]),
        ((28, 28), 4, None, [2, 1, 2, 1]),  # 28, 14, 7
        ((16, 16), 4, None, [2, 1, 2, 1]),  # 16, 8, 4
        ((8, 8), 2, None, [2, 1]),
        ((112, 92), 4, None, [2, 2, 2, 2]),
        ((6, 6), 3, None, [1, 1, 1]),
        ((28, 28), 2, 5, [2, 2]),
    ],
)
def test_strides_are_spread_evenly(sides: tuple[int, int], layers: int, halvings: int | None, strides: list[int]) -> None:
    assert halved(sides, layers, halvings) == strides


@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 8, 8), (3, 55, 41), (1, 7, 9), (20,)])
@pytest.mark.parametrize("kernel", [3, 5])
def test_the_decoder_mirrors_the_encoder(shape: tuple[int, ...], kernel: int) -> None:
    net = DualAutoEncoder(shape, (4, 6, 5), (kernel,) * 3, [2, 1, 2], (12, 8), 3, bounded=True, generator=generator())
    X = torch.rand(5, *shape, generator=generator(1))
    seen = net.encode(X)
    assert seen.mean.shape == seen.log_variance.shape == (5, 3)
    assert seen.last.shape[0] == 5 and seen.first.ndim == 4
    made = net(X)
    assert made.shape == X.shape and bool(((made > 0) & (made < 1)).all())
    made.sum().backward()
    assert all(p.grad is not None for name, p in net.named_parameters() if "log_variance" not in name)


def test_data_outside_of_the_unit_interval_get_a_linear_output() -> None:
    X = vectors() * 4 - 2
    method = small("dscdan", "vectors", pretrain_epochs=30).fit(X)
    assert not bool(method.coder_.net.bounded)  # type: ignore[attr-defined]
    assert bool(small("dscdan", "vectors").fit(vectors()).coder_.net.bounded)  # type: ignore[attr-defined]


def test_even_kernels_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"'kernel_sizes' parameter of dscdan must hold odd.*\[3, 4\]"):
        small("dscdan", kernel_sizes=(3, 4)).fit(digits())


# ---- the loss --------------------------------------------------------------------------------------------------------


def test_both_reconstructions_are_sums_over_pixels_and_means_over_samples() -> None:
    on = begun(seed=4, delta=0.7, mutual_information=False)
    found, encoding = on.terms(on.X[:9])
    z = encoding.mean + encoding.log_variance.exp().sqrt() * torch.randn(9, 6, generator=generator(4))
    clean, noisy = on.net.decode(encoding.mean).detach(), on.net.decode(z).detach()
    per_sample = [float(((on.X[i] - clean[i]) ** 2).sum()) for i in range(9)]
    assert found.losses["reconstruction"].item() == pytest.approx(0.7 * np.mean(per_sample), rel=1e-5)
    apart = [float(((noisy[i] - clean[i]) ** 2).sum()) for i in range(9)]
    assert found.losses["relative"].item() == pytest.approx(np.mean(apart), rel=1e-5)


def test_the_noise_switch_changes_the_noisy_code_and_nothing_else() -> None:
    found = {}
    for noise in ("reparameterised", "multiplicative"):
        on = begun(seed=7, noise=noise, noise_scale=0.4)
        terms, encoding = on.terms(on.X[:20])
        on.noise = generator(7)
        found[noise] = terms, encoding, on.noisy(encoding), dict(on.net.state_dict())
    (one, a, z, weights), (other, b, z_hat, same) = found["reparameterised"], found["multiplicative"]
    assert all(torch.equal(weights[key], same[key]) for key in weights)
    assert torch.equal(a.mean, b.mean) and torch.equal(a.log_variance, b.log_variance)
    assert one.losses["reconstruction"].item() == other.losses["reconstruction"].item()
    assert one.losses["relative"].item() != other.losses["relative"].item()
    assert {k: v.item() for k, v in one.gauges.items() if k in ("nats", "active", "deviation")} == {
        k: v.item() for k, v in other.gauges.items() if k in ("nats", "active", "deviation")
    }
    e = torch.randn(20, 6, generator=generator(7))
    torch.testing.assert_close(z, a.mean + (0.5 * a.log_variance).exp() * e)
    torch.testing.assert_close(z_hat, a.mean * (1 + 0.4 * e))
    silent = begun(noise="multiplicative", noise_scale=0.0)
    assert silent.terms(silent.X[:20])[0].losses["relative"].item() == 0


ROWS: list[tuple[dict[str, bool], set[str]]] = [
    ({"relative_reconstruction": False, "mutual_information": False}, {"reconstruction"}),
    ({"relative_reconstruction": False}, {"reconstruction", "global information", "local information", "prior"}),
    ({"mutual_information": False}, {"reconstruction", "relative", "prior"}),
    ({"local_information": False}, {"reconstruction", "relative", "global information", "prior"}),
    ({}, {"reconstruction", "relative", "global information", "local information", "prior"}),
]


@pytest.mark.parametrize(("switches", "terms"), ROWS)
def test_the_switches_are_the_rows_of_the_ablation(switches: dict[str, bool], terms: set[str]) -> None:
    steps = steps_of(small("dscdan", spectral_stage=False, labels="kmeans", **switches), digits())
    assert {step.stage for step in steps} == {"pretrain", "spectral"}
    assert set(steps[0].scalars) & set(methods.method_class("dscdan").symbols) == terms
    stages = [step.stage for step in steps_of(small("dscdan", **switches), digits())]
    assert list(dict.fromkeys(stages)) == ["pretrain", "head", "finetune", "spectral"]


def test_the_local_bound_is_the_mean_over_positions() -> None:
    on = begun(local_positions=None)
    told = on.discriminators
    with torch.no_grad():
        encoding = on.net.encode(on.X[:11])
        z, other = encoding.mean, encoding.mean.roll(1, 0)
        features = on._features(encoding.first)
        assert features.shape[1] == encoding.first.shape[2] * encoding.first.shape[3]
        joint, product = told.local(features, z, other)
        for p in range(features.shape[1]):
            pair = torch.cat([features[:, p], z], 1)
            torch.testing.assert_close(told.parts(told.entrance(pair)), joint[:, p])
            torch.testing.assert_close(told.parts(told.entrance(torch.cat([features[:, p], other], 1))), product[:, p])
    few = begun(local_positions=3)._features(encoding.first)
    assert few.shape[1] == 3 and all(
        any(torch.equal(few[:, i], features[:, j]) for j in range(features.shape[1])) for i in range(3)
    )


def test_the_released_discriminator_sees_codes_alone() -> None:
    on = begun(discriminator="released")
    told, encoding = on.discriminators, on.net.encode(torch.rand(8, 1, 8, 8, generator=generator()))
    changed = encoding._replace(last=encoding.last + 1, first=encoding.first + 1)
    z, other = encoding.mean, encoding.mean.roll(1, 0)
    assert torch.equal(told.overall(encoding, z, other)[0], told.overall(changed, z, other)[0])
    assert [layer.out_features for layer in told.whole if hasattr(layer, "out_features")] == [120, 120, 120, 1]
    assert told.whole[0].in_features == 2 * 6
    ours = begun().discriminators
    assert not torch.equal(ours.overall(encoding, z, other)[0], ours.overall(changed, z, other)[0])


def test_information_grows_from_chance_when_it_is_asked_for() -> None:
    def last(beta: float) -> dict[str, float]:
        method = small("dscdan", beta=beta, gamma=0.01, pretrain_epochs=60, spectral_stage=False, labels="kmeans")
        last = [step for step in steps_of(method, digits()) if step.stage == "pretrain"][-1]
        return {name: float(value) for name, value in last.scalars.items()}

    weak, strong = last(1e-6), last(3.0)
    assert strong["global chance"] < 0.8 and strong["global accuracy"] > 0.7
    assert strong["global information"] == pytest.approx(3.0 * CHANCE * strong["global chance"], rel=1e-5)
    assert strong["global chance"] < weak["global chance"]


def test_half_precision_changes_the_loss_by_rounding_only() -> None:
    losses = {}
    for precision in ("float32", "bfloat16"):
        on = begun(seed=1, precision=precision)
        losses[precision] = {k: v.item() for k, v in on.terms(on.X)[0].losses.items()}
    for name, value in losses["float32"].items():
        assert losses["bfloat16"][name] == pytest.approx(value, rel=0.03), name
        assert losses["bfloat16"][name] != value


# ---- labels ----------------------------------------------------------------------------------------------------------


def test_labels_are_read_as_named() -> None:
    X = digits()
    method: Any = small("dscdan")
    arrays = to_host(steps_of(method, X)[-1].arrays)
    assert arrays["P"].shape == arrays["Y"].shape == (len(X), 10)
    np.testing.assert_allclose(arrays["P"].sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(method.labels_, arrays["P"].argmax(axis=1))
    readings = {}
    for labels in ("argmax", "kmeans", "spectral"):
        method.set_params(labels=labels)
        readings[labels] = method.labeller(arrays, method.affinity(arrays))(0)
        assert readings[labels].shape == (len(X),)
    assert clustering_accuracy(readings["kmeans"], KMeans(10, n_init=10, random_state=0).fit_predict(arrays["Y"])) == 1
    assert clustering_accuracy(readings["spectral"], spectral_labels(arrays["A"], 10, assign_labels="kmeans")) == 1
    np.testing.assert_array_equal(readings["argmax"], arrays["P"].argmax(axis=1))


def test_new_samples_go_through_encoder_and_head() -> None:
    X = digits()
    new = np.clip(X[::4] + 0.05, 0, 1)
    method: Any = small("dscdan").fit(X)
    with torch.no_grad():
        codes = method.coder_.net.encode(torch.from_numpy(new)[:, None]).mean
        expected = method.head_(codes).argmax(1).numpy()
    np.testing.assert_array_equal(method.predict(new), expected)


def test_free_coordinates_have_no_largest_one() -> None:
    with pytest.raises(ParameterError, match=r"'labels'.*spectralnet.*'kmeans' or 'spectral'"):
        small("spectralnet", labels="argmax").fit(digits())
    with pytest.raises(ParameterError, match="head_output"):
        small("dscdan", head_output="tanh", labels="kmeans").fit(digits())


def test_class_means_start_at_the_means_of_the_head_s_classes() -> None:
    method: Any = small("dscdan")
    Z = begun().codes()
    head = method.head.new_head(6, 10, generator(), "cpu")
    P = head_outputs(head, Z)
    expected = torch.stack([(P[:, k, None] * Z).sum(0) / P[:, k].sum() for k in range(10)])
    stages = Stages({"head": {"step": 1, "state": {}, "over": False}})
    torch.testing.assert_close(method._first_centres(head, Z, stages)["means"].detach(), expected, rtol=1e-4, atol=1e-6)
    found = method._first_centres(head, Z, Stages())["means"].detach()  # before the head knows anything: those of k-means
    own = torch.cdist(Z, found).argmin(1)
    torch.testing.assert_close(found, torch.stack([Z[own == k].mean(0) for k in range(10)]), rtol=1e-3, atol=1e-5)


def blobs() -> tuple[np.ndarray, np.ndarray]:
    """Two small groups side by side and a wide one: k-means splits the wide one, a graph of neighbours does not."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 80)
    centres = np.array([[0.0, 0], [1.5, 0], [9, 0]])[y]
    X = np.concatenate([centres, np.zeros((len(y), 4))], 1)
    return (X + rng.normal(0, 1, X.shape) * np.array([0.1, 0.1, 2.0])[y, None]).astype(np.float32), y


def test_a_network_learns_the_spectral_embedding() -> None:
    X, y = blobs()
    method = methods.build(
        "spectralnet", n_clusters=3, features="samples", head_widths=(64, 64), head_epochs=100, train_batch_size=200,
        n_neighbors=5, weights="shared",
    )  # fmt: skip
    steps = steps_of(method, X)
    assert clustering_accuracy(y, method.labels_) > 0.98
    assert clustering_accuracy(y, methods.build("kmeans", n_clusters=3).fit_predict(X)) < 0.8
    Y = to_host(steps[-1].arrays)["Y"]
    assert np.abs(Y.T @ Y / len(Y) - np.eye(3)).max() < 1e-4
    losses = [float(step.scalars["spectral"]) for step in steps if step.stage == "head"]
    assert losses[-1] < 0.1 * losses[0]


def test_of_heads_side_by_side_the_one_with_the_lowest_loss_is_kept() -> None:
    X, _ = blobs()
    params: dict[str, Any] = {
        "n_clusters": 3, "features": "samples", "head_widths": (8,), "head_epochs": 4, "head_output": "softmax",
        "labels": "argmax", "n_neighbors": 5, "weights": "shared",
    }  # fmt: skip
    method: Any = methods.build("spectralnet", **params, head_starts=5)
    last = [step for step in steps_of(method, X) if step.stage == "head"][-1]
    Z = torch.from_numpy(X)
    recipe = method.head
    heads = [recipe.new_head(6, 3, random, "cpu") for random in [generator()] for _ in range(5)]
    graph = NeighborGraph()
    recipe.join(graph, Z)
    losses = {}
    for number, head in enumerate(heads):  # each on its own, from the same start
        head.standardize(Z)

        def terms(rows: Tensor, head: Any = head) -> Terms:
            return side_by_side([recipe.terms(head, Z[rows], graph.within(rows))])

        trainer = recipe.trainer(4, {"head": head}, terms, graph, len(Z), Restarts(), dict, random_state=0)
        end = list(trainer.run(Stages(), "head", 4))[-1].scalars
        losses[number] = float(end["spectral"]) + float(end["imbalance"])
    best = min(losses, key=losses.__getitem__)
    assert float(last.scalars["spectral"]) + float(last.scalars["imbalance"]) == pytest.approx(losses[best], rel=1e-4)
    kept, own = method.head_.state_dict(), heads[best].state_dict()
    for name, value in kept.items():
        torch.testing.assert_close(value, own[name], rtol=1e-3, atol=1e-4)


# ---- alarms ----------------------------------------------------------------------------------------------------------


@pytest.mark.journey
def test_rescues_and_a_worse_end_are_told(store: RunStore) -> None:
    handle = RunHandle.open(store, store.create(make_spec("dscdan", DataSpec("digits"))).id)
    record = Recorder(handle)
    record.note("pretrain", {"acc": 0.8})
    assert record.history_alarms({"acc": 0.8}, "pretrain", 1) == []
    record.note("head", {"rescued": 2.0, "acc": 0.795})
    assert [alarm.kind for alarm in record.history_alarms({"acc": 0.795}, "head", 1)] == ["rescued"]
    record.note("head", {"rescued": 3.0})
    rescued, worse = record.history_alarms({"acc": 0.7}, "final", 1)
    assert "(5 so far)" in rescued.message and "0.800" in worse.message and "labels" in worse.message
    again = Recorder(handle)
    again.restore(record.state())
    assert again.history_alarms({"acc": 0.7}, "final", 1) == [rescued, worse]
    assert record.facts()["rescued"] == 5
    assert looks.history_alarms(0, None, {}, "final", 1) == []


def test_a_dead_head_is_rescued_and_counted() -> None:
    method: Any = small("dscdan", head_epochs=2)
    head = method.head.new_head(6, 10, generator(), "cpu")
    with torch.no_grad():
        for p in head.parameters():
            p.zero_()
    Z = begun().codes()
    method.head.join(graph := NeighborGraph(), Z)
    terms = method.head.terms(head, Z, graph.edges)
    assert terms.rescued == (True,) and math.isfinite(terms.losses["spectral"].item())


def test_declared_defaults_are_the_paper_s() -> None:
    declared = DSCDAN.declared()
    paper = {"beta": 0.01, "gamma": 1.0, "delta": 0.5, "latent_size": 120, "n_neighbors": 3, "head_widths": (1024, 1024, 512)}
    assert {name: declared[name].default for name in paper} == paper


# ---- what runs go through --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["dscdan", "spectralnet"])
def test_a_run_that_is_stopped_before_its_head_learns_reads_the_codes(name: str) -> None:
    X, stages = digits(), Stages()
    method: Any = small(name, pretrain_epochs=6)
    last = None
    for step in method.iter_fit(X, stages):
        if (step.stage, step.step) == ("pretrain", 2):
            stages.stop()
        last = step
    assert last is not None and not {"P", "Y"} & set(last.arrays) and method.head_ is None
    expected = KMeans(10, n_init=10, random_state=0).fit_predict(to_host(last.arrays)["Z"])
    assert clustering_accuracy(expected, method.labels_) == 1


def test_a_method_fitted_again_without_a_head_forgets_it() -> None:
    X = digits()
    method = small("dscdan").fit(X).set_params(spectral_stage=False).fit(X)
    np.testing.assert_array_equal(method.predict(X), method.labels_)


@pytest.mark.journey
@pytest.mark.parametrize(
    ("name", "params"),
    [("dscdan", {}), ("dscdan", {"labels": "spectral"}), ("spectralnet", {}), ("spectralnet", {"features": "samples"})],
)
def test_a_stored_run_labels_new_samples_as_the_method_did(store: RunStore, name: str, params: dict[str, Any]) -> None:
    small_params = {key: value for key, value in SMALL.items() if key in methods.method_class(name).declared()} | params
    spec = make_spec(name, DataSpec("digits", per_class=12), overrides=small_params, preset="defaults")
    run = execute(store, store.create(spec, owner=this_process()).id)
    assert run.status == "done", run.error
    found = runs.label_new(store, run.id, DataSpec("digits", per_class=12))
    np.testing.assert_array_equal(found.labels, store.files.arrays(run.id, "final", ["labels"])["labels"])
    other = runs.label_new(store, run.id, DataSpec("digits", per_class=5, seed=9))
    expected = methods.build(name, **run.result["params"]).fit(digits()).predict(other.data.samples)
    np.testing.assert_array_equal(other.labels, expected)


@pytest.mark.parametrize("network", ["auto", "dense"])
def test_colour_images_are_trained_on(network: str) -> None:
    X = np.random.default_rng(0).random((60, 9, 8, 3)).astype(np.float32)
    method: Any = small("dscdan", n_clusters=3, network=network)
    steps = steps_of(method, X)
    assert to_host(steps[-1].arrays)["X_hat"].shape == X.shape
    np.testing.assert_array_equal(method.predict(X), method.labels_)


@pytest.mark.journey
def test_a_compiled_loss_is_the_same_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def traced(function: Any) -> Any:
        calls.append(function)
        return torch._dynamo.optimize("eager")(function)

    monkeypatch.setattr(torch, "compile", traced)
    plain, compiled = (small("dscdan", compiled=on, epochs=0, head_epochs=1).fit(digits()) for on in (False, True))
    assert len(calls) == 1
    np.testing.assert_allclose(compiled.embedding_, plain.embedding_, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["dscdan", "spectralnet"])
def test_every_gauge_is_reported(name: str) -> None:
    steps = steps_of(small(name), digits())
    assert set(methods.method_class(name).gauges) <= {key for step in steps for key in step.scalars}


def test_the_spread_of_codes_and_of_their_noise_are_two_things() -> None:
    on = begun()
    before = on.terms(on.X)[0].gauges
    with torch.no_grad():
        on.net.mean.weight *= 0.01
        on.net.mean.bias *= 0.01
    after = on.terms(on.X)[0].gauges
    assert after["spread"].item() == pytest.approx(0.01 * before["spread"].item(), rel=1e-3)
    assert after["deviation"].item() == before["deviation"].item()


def test_batches_too_small_for_the_clusters_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"'train_batch_size' parameter of spectralnet.*20.*Got 12"):
        small("spectralnet", train_batch_size=12).fit(digits())


@pytest.mark.parametrize("refresh", [0, 2])
def test_neighbours_are_found_anew_as_often_as_asked(refresh: int) -> None:
    brief: dict[str, Any] = {"pretrain_epochs": 1, "head_epochs": 1, "epochs": 4, "learning_rate": 1e-2}
    method, stages, joined = small("dscdan", refresh=refresh, **brief), Stages(), []
    for step in method.iter_fit(digits(), stages):
        if step.stage == "finetune":
            joined.append(stages.state_dict()["finetune"]["state"]["graph"][0].clone())
    changed = [not torch.equal(before, after) for before, after in itertools.pairwise(joined)]
    assert changed == ([False, True, False] if refresh else [False] * 3)


def test_a_sure_head_does_not_end_in_nan() -> None:
    """With the paper's defaults one step of pretraining is enough for a gap of more than 104 between logits."""
    method = small("dscdan", pretrain_epochs=1, head_epochs=1, head_widths=(1024, 1024, 512), latent_size=120)
    for step in method.iter_fit(50 * digits()):
        assert all(math.isfinite(float(value)) for value in step.scalars.values()), step
