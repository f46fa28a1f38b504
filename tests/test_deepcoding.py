"""GR-DNN and its auto-encoder baselines: every term and every stage against an independent account of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import random_array
from scipy.spatial.distance import cdist
from scipy.special import rel_entr
from torch.nn.functional import binary_cross_entropy_with_logits, linear

from core import graphs, losses, methods, runs
from core.common import DataError, ParameterError
from core.datasets import DataSpec
from core.methods.graph_regularised.phi import Hidden, Phi
from core.nets import Pair, Path, Rows
from core.runs import RunStore, Status, this_process
from core.training import Stages, to_host
from core.training.stopping import EarlyStopping
from tests.test_contract import LAYERED, digits, small, steps_of


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# ---- terms -----------------------------------------------------------------------------------------------------------


def test_the_floor_of_the_cross_entropy_is_the_entropy_of_its_targets() -> None:
    T = torch.rand(7, 5, dtype=torch.float64, generator=generator())
    T[0], T[1] = 0, 1  # hard targets have none
    entropy = -(torch.xlogy(T, T) + torch.xlogy(1 - T, 1 - T)).sum() / len(T)
    logits = torch.logit(T.clamp(1e-15, 1 - 1e-15))
    lowest = binary_cross_entropy_with_logits(logits, T, reduction="sum") / len(T)
    assert lowest.item() == pytest.approx(entropy.item(), abs=1e-10)
    assert losses.divergence(T, logits).item() == pytest.approx(0, abs=1e-10)
    for _ in range(20):
        off = logits + torch.randn(T.shape, dtype=torch.float64, generator=generator(1))
        assert losses.divergence(T, off) > 0


def test_the_divergence_has_the_gradient_of_the_cross_entropy() -> None:
    T, logits = torch.rand(6, 4, generator=generator()), torch.randn(6, 4, generator=generator(1)).requires_grad_()
    ours = torch.autograd.grad(losses.divergence(T, logits), logits)[0]
    theirs = torch.autograd.grad(binary_cross_entropy_with_logits(logits, T, reduction="sum") / 6, logits)[0]
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
def test_the_contraction_is_the_norm_of_each_layers_jacobian(activation: Any) -> None:
    path = Path([5, 7, 6, 3], activation, generator=generator(3)).double()
    X = torch.randn(9, 5, dtype=torch.float64, generator=generator(4))
    hidden, codes = path.trace(X)
    assert len(hidden) == 2 and codes.shape == (9, 3)
    inputs = [X, hidden[0].h]
    for x, layer, at_work in zip(inputs, path.layers, hidden, strict=False):
        jacobians = [torch.autograd.functional.jacobian(lambda v, layer=layer: path.act(layer(v)), row) for row in x]
        expected = torch.stack([J.square().sum() for J in jacobians]).mean()
        torch.testing.assert_close(losses.contraction(at_work.W, at_work.slopes), expected)


def test_the_laplacian_term_is_the_mean_distance_to_the_neighbours() -> None:
    X = digits().reshape(120, -1)
    method: Any = methods.build("lae", n_clusters=10, n_neighbors=3, lambda_=0.7, validation=0)
    split = method.split(len(X))
    nearest = np.argsort(cdist(X, X) + np.diag(np.full(len(X), np.inf)), axis=1)[:, :3]
    found = method.near(X, split).rows.tolist()
    assert all(set(ours) == set(theirs) for ours, theirs in zip(found, nearest.tolist(), strict=True))
    encoder, rows = Path([64, 12, 6], "relu", generator=generator(2)), torch.arange(0, len(X), 2)
    h = torch.relu(encoder.layers[0](torch.from_numpy(X)))
    apart = (h[rows, None] - h[torch.from_numpy(nearest)[rows]]).square().sum(2).mean()
    penalty, drawn = method.phi(X, split).penalty, []
    hidden = Hidden(
        encoder.trace(torch.from_numpy(X)[rows])[0], rows, lambda others: encoder.trace(torch.from_numpy(X)[others])[0]
    )
    for _ in range(400):
        drawn.append(penalty(hidden)["laplacian"].item())
    assert np.mean(drawn) == pytest.approx(0.7 * apart.item(), abs=4 * np.std(drawn) / 20)


def test_the_graph_of_a_layer_may_be_of_what_it_reads() -> None:
    """As GR-DNN describes the LAE it compares with: built anew from the outputs of each layer."""
    X = digits().reshape(120, -1).astype(np.float32)
    method: Any = methods.build(
        "lae", n_clusters=10, n_neighbors=3, lambda_=1.0, validation=0, weights="gaussian", graph="outputs"
    )
    split, rows = method.split(120), torch.arange(120)
    encoder = Path([64, 12, 9, 6], "sigmoid", generator=generator(2))
    layer = encoder.trace(torch.from_numpy(X))[0][1]
    outputs = torch.sigmoid(encoder.layers[0](torch.from_numpy(X))).detach()

    def penalty_at(depth: int, inputs: torch.Tensor, seed: int) -> float:
        split.noise.manual_seed(seed)
        hidden = Hidden([layer], rows, lambda others: [replace(layer, h=layer.h[others])], (depth, lambda r: inputs[r]))
        return method.phi(X, split).penalty(hidden)["laplacian"].item()

    def expected(inputs: np.ndarray) -> float:
        near = method.near(inputs, split)
        h = layer.h.detach()
        return float((near.weights * (h[:, None] - h[near.rows]).square().sum(2)).mean(1).mean())

    drawn = {depth: [penalty_at(depth, outputs, seed) for seed in range(300)] for depth in (0, 1)}
    for depth, inputs in ((0, X), (1, outputs.numpy())):
        assert np.mean(drawn[depth]) == pytest.approx(expected(inputs), abs=4 * np.std(drawn[depth]) / 300**0.5)
    assert abs(expected(X) - expected(outputs.numpy())) > 0.01 * expected(X), "the two graphs can be told apart"


def test_the_paper_s_laplacian_auto_encoder_trains_layer_by_layer() -> None:
    method: Any = methods.build(
        "lae", n_clusters=10, recipe="layer-wise", widths=(12, 6), activation="sigmoid", layer_epochs=1, path_epochs=1,
        epochs=1, n_neighbors=4, weights="gaussian", graph="outputs",
    )  # fmt: skip
    assert method.fit(digits()).labels_.shape == (120,)
    for preset in ("coil20-paper", "mnist-paper", "mnist2-paper"):
        params = methods.method_class("lae").presets[preset].params
        assert (params["weights"], params["graph"], params["n_neighbors"]) == (
            "gaussian",
            "outputs",
            20 if "coil" in preset else 30,
        )


def phi_of(name: str, **params: Any) -> Phi:
    method: Any = methods.build(name, n_clusters=10, **params)
    phi: Phi = method.phi(digits(), method.split(120))
    return phi


def test_masking_erases_a_share_of_the_inputs_and_nothing_else() -> None:
    phi = phi_of("ddae", corruption=0.3)
    assert phi.corruption == 0.3 and phi_of("dae").corruption == 0
    x = torch.rand(200, 100, generator=generator()) + 0.1
    masked = phi.erased(x, generator(1))
    kept = masked != 0
    torch.testing.assert_close(masked[kept], x[kept])
    assert (~kept).float().mean().item() == pytest.approx(0.3, abs=0.02)
    assert phi.erased(x, None) is x and phi.without_noise().erased(x, generator(1)) is x


def test_phi_of_grdnn_is_that_of_its_base() -> None:
    values = {"corruption": 0.4, "gamma": 3.0}
    denoising, contractive = phi_of("grdnn", base="ddae", **values), phi_of("grdnn", base="cdae", **values)
    assert denoising == phi_of("ddae", corruption=0.4) and denoising.penalty is phi_of("dae").penalty
    assert contractive.corruption == 0 and contractive.decides == phi_of("cdae", gamma=3.0).decides == {"gamma": 3.0}
    plain = [phi_of("grdnn", base="dae", **values), phi_of("cdae", gamma=0.0), phi_of("lae", lambda_=0.0)]
    assert all(phi == phi_of("dae") == Phi() for phi in plain)


def test_the_graph_term_is_the_weighted_cross_entropy_above_its_floor() -> None:
    """Against SciPy: eta (1/b) sum_ij KL(s_ij || sigmoid(logit_ij)) for the rows of a batch."""
    X = digits().reshape(120, -1)
    method: Any = methods.build("grdnn", n_clusters=10, eta=0.7, widths=(12, 6), graph_widths=(10,), n_neighbors=7)
    (side,) = method.sides(X, method.split(len(X)))
    rows, codes = torch.arange(3, 90, 4), torch.randn(22, 6, generator=generator())
    found = side.terms(codes, rows)["graph"].item()
    T = side.pair.X(rows).double().numpy()
    made = torch.sigmoid(side.pair.decoder(codes)).detach().double().numpy()
    expected = 0.7 * (rel_entr(T, made) + rel_entr(1 - T, 1 - made)).sum() / len(rows)
    assert found == pytest.approx(expected, rel=1e-4) and found > 1


def test_without_weight_there_is_no_graph_at_all() -> None:
    cls: Any = methods.method_class("grdnn")
    method: Any = small("grdnn", eta=0, n_neighbors=5000)
    method.check_data(digits())
    assert not method.sides(digits().reshape(120, -1), method.split(120))
    assert cls.cost((120, 8, 8), method.get_params()) == methods.method_class("ddae").cost((120, 8, 8), method.get_params())


@pytest.mark.parametrize(
    ("params", "stages"),
    [
        ({}, {"joint"}),
        (LAYERED, {"data layer 1", "data layer 2"}),
        ({**LAYERED, "always_mask": True}, {"data layer 1", "data layer 2", "joint"}),
        ({"corruption": 0.0}, set()),
    ],
)
def test_inputs_are_masked_where_the_recipe_says_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, params: dict[str, Any], stages: set[str]
) -> None:
    masked: list[float] = []
    original = Phi.erased

    def erased(self: Phi, x: torch.Tensor, noise: torch.Generator | None) -> torch.Tensor:
        found = original(self, x, noise)
        if found is not x:
            masked.append(self.corruption)
        return found

    monkeypatch.setattr(Phi, "erased", erased)
    seen = set()
    for step in small("ddae", **params).iter_fit(digits()):
        if any(masked):
            assert set(masked) == {0.2}
            seen.add(step.stage)
        masked.clear()
    assert seen == stages


# ---- paths -----------------------------------------------------------------------------------------------------------


def test_rows_of_a_sparse_matrix_are_those_of_the_dense_one() -> None:
    S = random_array((30, 12), density=0.3, rng=np.random.default_rng(0), format="csr")
    rows = torch.tensor([4, 0, 29, 4, 17])
    np.testing.assert_allclose(Rows(S, "cpu")(rows).numpy(), S.toarray()[rows.numpy()], rtol=1e-6)
    dense = torch.from_numpy(S.toarray())
    torch.testing.assert_close(Rows(dense, "cpu")(rows), dense[rows])


@pytest.mark.parametrize(("activation", "gain"), [("sigmoid", 4), ("relu", 1)])
def test_weights_start_as_published(activation: Any, gain: int) -> None:
    """Hidden sigmoid layers are four times as wide; the code is linear."""
    path = Path([400, 300, 200, 20], activation, generator=generator())
    for layer, g in zip(path.layers, [gain, gain, 1], strict=True):
        bound = g * np.sqrt(6 / sum(layer.weight.shape))
        assert 0.98 * bound < layer.weight.abs().max() <= bound
        assert not layer.bias.any()


def test_the_floor_of_rows_is_their_mean_entropy() -> None:
    X = torch.rand(9, 5, generator=generator())
    rows = torch.tensor([1, 4, 8])
    expected = torch.distributions.Bernoulli(X[rows]).entropy().sum() / 3
    assert Rows(X, "cpu").entropy(rows) == pytest.approx(expected.item(), rel=1e-5)
    assert Rows(X, "cpu").entropy(rows[:0]) == 0


def test_only_the_last_stage_that_trained_a_network_keeps_it() -> None:
    stages = Stages()
    steps_of(small("grdnn", **LAYERED), digits(), stages)
    holding = [stage for stage, saved in stages.state_dict().items() if {"encoder", "graph_decoder"} & set(saved["state"])]
    assert holding == ["joint"]


def test_a_tied_layer_reads_what_lies_below_it_and_unrolls_into_the_decoder() -> None:
    X = torch.rand(11, 6, generator=generator())
    encoder, decoder = Path([6, 5, 4], "sigmoid", generator=generator(1)), Path([4, 5, 6], "sigmoid", generator=generator(2))
    pair, rows = Pair("data", "reconstruction", Rows(X, "cpu"), encoder, decoder), torch.arange(11)
    below = torch.sigmoid(linear(X, encoder.layers[0].weight, encoder.layers[0].bias))
    torch.testing.assert_close(pair.input_of(1, rows), below)
    layer, logits = pair.tied(1, below)
    h = torch.sigmoid(linear(below, encoder.layers[1].weight, encoder.layers[1].bias))
    torch.testing.assert_close(layer.h, h)
    torch.testing.assert_close(logits, h @ encoder.layers[1].weight + decoder.layers[0].bias)
    torch.testing.assert_close(pair.unrolled(0, X), torch.sigmoid(pair.tied(0, X)[1]))
    torch.testing.assert_close(
        pair.unrolled(1, X), torch.sigmoid(torch.sigmoid(logits) @ encoder.layers[0].weight + decoder.layers[1].bias)
    )
    pair.untie()
    torch.testing.assert_close(decoder.layers[0].weight, encoder.layers[1].weight.T)
    torch.testing.assert_close(decoder.layers[1].weight, encoder.layers[0].weight.T)
    with torch.no_grad():
        decoder.layers[0].weight += 1
    assert not torch.equal(decoder.layers[0].weight, encoder.layers[1].weight.T), "from here on they are its own"


def test_early_stopping_waits_longer_after_an_improvement_and_returns_the_best() -> None:
    net = torch.nn.Linear(1, 1, bias=False)
    stopping = EarlyStopping({"net": net}, patience=3, factor=2)
    ended = []
    for epoch, loss in enumerate([1.0, 0.9, 0.5, 0.4999, 0.6, 0.7, 0.8], start=1):
        with torch.no_grad():
            net.weight.fill_(epoch)
        ended.append(stopping.after(loss))
    assert ended == [False] * 5 + [True, True], "0.5 at epoch 3 waits to epoch 6; 0.4999 is no clear improvement"
    saved = EarlyStopping({"net": net}, patience=3, factor=2)
    saved.load_state_dict(stopping.state_dict())
    saved.restore()
    assert net.weight.item() == 4 and saved.patience == 6 and saved.epoch == 7


# ---- training --------------------------------------------------------------------------------------------------------


def weights_of(stages: Stages) -> dict[str, torch.Tensor]:
    return stages.weights()


@pytest.mark.parametrize("params", [{}, {"recipe": "layer-wise", "activation": "sigmoid"}])
def test_without_the_graph_grdnn_is_its_own_base(params: dict[str, Any]) -> None:
    ours, theirs = Stages(), Stages()
    one, other = small("grdnn", eta=0, **params), small("ddae", **params)
    mine, reference = steps_of(one, digits(), ours), steps_of(other, digits(), theirs)
    assert [(s.stage, s.step, dict(s.scalars)) for s in mine] == [(s.stage, s.step, dict(s.scalars)) for s in reference]
    np.testing.assert_array_equal(one.labels_, other.labels_)
    np.testing.assert_array_equal(to_host(mine[-1].arrays)["Z"], to_host(reference[-1].arrays)["Z"])
    assert weights_of(ours).keys() == weights_of(theirs).keys()
    assert all(torch.equal(value, weights_of(theirs)[key]) for key, value in weights_of(ours).items())


@pytest.mark.parametrize("recipe", [{}, LAYERED])
@pytest.mark.parametrize("base", ["dae", "cdae", "ddae"])
def test_with_the_graph_it_starts_from_the_same_weights_batches_and_masks(base: str, recipe: dict[str, Any]) -> None:
    """A graph of weight 1e-12 changes nothing that can be seen, so everything else must be equal."""
    chosen = {**recipe, "validation": 0, "optimizer": "sgd"}  # Adam would scale the smallest gradient up
    a, b = small("grdnn", base=base, eta=1e-12, **chosen), small(base, **chosen)
    mine, reference = steps_of(a, digits()), steps_of(b, digits())
    joint = [float(s.scalars["reconstruction"]) for s in mine if s.stage == "joint"]
    assert joint == pytest.approx([float(s.scalars["reconstruction"]) for s in reference if s.stage == "joint"], rel=1e-5)
    np.testing.assert_allclose(a.embedding_, b.embedding_, atol=1e-4)


def test_layer_wise_pretraining_lowers_the_loss_of_every_layer_and_path() -> None:
    method = small("grdnn", **LAYERED, layer_epochs=15, path_epochs=15, optimizer="sgd", batch_size=10, epochs=5)
    losses_of: dict[str, list[float]] = {}
    for step in method.iter_fit(digits()):
        named = [name for name in ("graph", "reconstruction") if name in step.scalars]
        if named and step.stage != "joint":
            losses_of.setdefault(step.stage, []).append(float(step.scalars[named[0]]))
    layers = [f"{path} layer {depth}" for path, depth in (("data", 1), ("data", 2), ("graph", 1), ("graph", 2))]
    assert list(losses_of) == [*layers[:2], "data path", *layers[2:], "graph path"]
    for stage, values in losses_of.items():
        assert values[-1] < values[0], stage


def test_the_graph_encoder_is_gone_after_its_path() -> None:
    stages = Stages()
    for step in small("grdnn", **LAYERED).iter_fit(digits(), stages):
        present = "graph_encoder" in str([list(saved["state"].items()) for saved in stages.state_dict().values()])
        assert present == (step.stage.startswith("graph "))
    assert {name.split(".")[0] for name in stages.weights()} == {"encoder", "decoder", "graph_decoder"}


@pytest.mark.parametrize("name", ["dae", "cdae", "lae", "grdnn"])
def test_samples_that_are_not_learnt_from_may_change_without_any_effect(name: str) -> None:
    X = digits()
    method: Any = small(name, validation=0.25)
    held = method.split(len(X)).held.numpy()
    changed = X.copy()
    changed[held] = 1 - changed[held]
    first, second = small(name, validation=0.25, epochs=1), small(name, validation=0.25, epochs=1)
    steps_of(first, X)
    steps_of(second, changed)
    np.testing.assert_array_equal(first.embed(X), second.embed(X))


def test_the_best_epoch_is_kept() -> None:
    X = digits()
    overfitting: Any = small("dae", validation=0.25, epochs=150, learning_rate=0.01, schedule="constant", patience=150)
    steps = [step for step in overfitting.iter_fit(X) if step.stage == "joint"]
    best = min(float(step.scalars["validation"]) for step in steps)
    assert best < float(steps[-1].scalars["validation"])
    held, path = overfitting.split(len(X)).held, overfitting.data_.pair
    with torch.no_grad():
        reached = losses.divergence(path.X(held), path.decoder(path.encoder(path.X(held)))).item()
    assert reached == pytest.approx(best, rel=1e-5)


@pytest.mark.parametrize("graph", ["neighbors", "anchors"])
def test_the_graph_of_a_run_has_k_ends_for_everybody_and_follows_the_samples(graph: str) -> None:
    X = digits()
    method: Any = small("grdnn", graph=graph, n_anchors=30, n_neighbors=7, validation=0.2)
    arrays = steps_of(method, X)[-1].arrays
    S, held = arrays["S"].toarray(), method.split(len(X)).held.numpy()
    assert S.shape == (len(X), 30 if graph == "anchors" else len(X)) and (S >= 0).all() and S.max() < 1 + 1e-12
    counts = (S > 0).sum(axis=1)
    assert (counts[held] == 7).all() and (counts >= 7).all() and ((counts == 7).all() or graph == "neighbors")
    flat = X.reshape(len(X), -1)
    if graph == "neighbors":
        assert not S[:, held].any(), "held-out samples are nobody's neighbours"
        fitted = np.setdiff1d(np.arange(len(X)), held)
        np.testing.assert_array_equal(S[np.ix_(fitted, fitted)], S[np.ix_(fitted, fitted)].T)
        assert not np.diagonal(S).any()
    ends = flat if graph == "neighbors" else arrays["anchors"]
    distances = cdist(flat, ends, "sqeuclidean")
    known = S > 0
    scale = -np.log(2) * distances[known] / np.log(np.minimum(S[known], 1 - 1e-12))
    np.testing.assert_allclose(scale[distances[known] > 1], np.median(scale), rtol=1e-3)


def test_kernels_and_scales_are_those_that_the_graph_module_names() -> None:
    X = digits()
    names = (("squared", "all", "half"), ("unsquared", "kept", "half_unsquared"), ("code", "all", "features"))
    for kernel, over, name in names:
        method: Any = small("grdnn", kernel=kernel, scale_over=over, validation=0)
        S = steps_of(method, X)[-1].arrays["S"]
        expected, _ = graphs.neighbor_graph(X, 20, kernel=name, over=over)  # type: ignore[arg-type]
        np.testing.assert_allclose(S.toarray(), expected.toarray(), rtol=1e-6)


@pytest.mark.journey
def test_a_second_method_starts_from_the_data_path_of_the_first(store: RunStore) -> None:
    """D-DAE and GR-DNN on it share stages one and two, and reuse changes nothing."""
    data = DataSpec("digits", per_class=12)
    quick = {"widths": (12, 6), "layer_epochs": 2, "path_epochs": 2, "epochs": 2, "batch_size": 32, "graph_widths": (10,)}

    def run(home: RunStore, name: str) -> Any:
        own = {key: value for key, value in quick.items() if key in methods.method_class(name).declared()}
        spec = runs.make_spec(name, data, preset="defaults", overrides={**own, **LAYERED})
        done = runs.execute(home, home.create(spec, owner=this_process()).id)
        assert done.status == Status.DONE, done.error
        return done

    first, second = run(store, "ddae"), run(store, "grdnn")
    assert not first.result["pretrained"]["reused"]
    assert second.result["pretrained"]["reused"] and second.result["pretrained"]["run"] == first.id
    alone = RunStore(store.home / "elsewhere")
    fresh = run(alone, "grdnn")
    assert not fresh.result["pretrained"]["reused"]
    for name in ("Z", "labels"):
        np.testing.assert_array_equal(
            store.files.arrays(second.id, "final", [name])[name], alone.files.arrays(fresh.id, "final", [name])[name]
        )


# ---- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("ddae", {"recipe": "layer-wise"}, "'activation' parameter of ddae must be 'sigmoid'"),
        ("grdnn", {**LAYERED, "graph_activation": "relu"}, "'graph_activation' parameter of grdnn must be 'sigmoid'"),
        ("grdnn", {"n_neighbors": 120}, "'n_neighbors' parameter of grdnn must be at most 107"),
        ("grdnn", {"graph": "anchors", "n_anchors": 10, "n_neighbors": 11}, "at most 10 for 108 samples"),
        (
            "lae",
            {"n_neighbors": 500},
            "'n_neighbors' parameter of lae must be less than the number of samples to learn from, 108",
        ),
    ],
)
def test_what_cannot_work_is_refused_before_training(name: str, params: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        small(name, **params).check_data(digits())


@pytest.mark.parametrize("name", ["dae", "ddae", "cdae", "lae", "grdnn"])
def test_data_outside_the_unit_interval_are_refused(name: str) -> None:
    with pytest.raises(DataError, match=r"between 0 and 1.*These lie between -0.5 and 0.5"):
        small(name).fit(digits() - 0.5)


def test_an_improvement_is_one_of_the_whole_cross_entropy_that_of_the_graph_included() -> None:
    """Early stopping waits for a drop by .2 %, of the divergences and of what they leave out together."""
    slow = {"eta": 10.0, "n_neighbors": 90, "learning_rate": 1.5e-3, "schedule": "constant", "epochs": 30, "patience": 3}
    joint = [step for step in steps_of(small("grdnn", batch_size=128, **slow), digits()) if step.stage == "joint"]
    losses = np.array([float(step.scalars["validation"]) for step in joint])
    assert len(losses) == 10, "the first epoch alone counts as better, and buys ten"
    assert (losses[1:] < 0.998 * losses[:-1]).any(), "which divergences alone would not have ended"


def test_samples_that_say_when_to_stop_are_not_corrupted() -> None:
    still = {"corruption": 0.8, "learning_rate": 1e-6, "epochs": 6, "patience": 100, "batch_size": 1000}
    joint = [step for step in steps_of(small("ddae", **still), digits()) if step.stage == "joint"]
    spread = {key: np.ptp([float(step.scalars[key]) for step in joint]) for key in ("validation", "reconstruction")}
    assert spread["validation"] < 0.01 * spread["reconstruction"]
