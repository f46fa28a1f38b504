"""DEPICT and DCCM: their targets, pairs and triplets against loops, their network, and what training may and may not do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from torch import Tensor

from core import methods
from core.affinity import degree_clusters, sample_graph, spectral_labels
from core.common import ParameterError
from core.methods.deep_assignments import correlations
from core.methods.deep_assignments.denoising import layer_loss
from core.methods.deep_assignments.family import directions
from core.nets import LayeredAutoEncoder, transformed
from core.training import Stages, to_host
from tests.test_contract import digits, small, steps_of

FAMILY = ["depict", "dccm"]


def softmaxes(n: int = 12, K: int = 4, sharp: float = 3.0) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return (sharp * torch.randn(n, K, dtype=torch.float64, generator=generator)).softmax(1)


# ---- DEPICT ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("target", "power", "share"), [("root", 1, 0.5), ("square", 2, 1)])
def test_targets_are_the_published_ones_and_certain_labels_stay(target: str, power: int, share: float) -> None:
    P = softmaxes()
    method: Any = small("depict", target=target)
    expected = np.array([[float(p[k] ** power / P[:, k].sum() ** share) for k in range(4)] for p in P])
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(method.targets(P).numpy(), expected, rtol=1e-10)
    certain = torch.eye(4, dtype=torch.float64)[torch.tensor([0, 1, 1, 0])]  # two clusters are empty
    torch.testing.assert_close(method.targets(certain), certain)


def test_the_printed_target_raises_clusters_that_are_too_small() -> None:
    P = softmaxes() + torch.tensor([4.0, 0, 0, 0])
    P = P / P.sum(1, keepdim=True)
    share = small("depict", target="root").targets(P).mean(0) - P.mean(0)  # type: ignore[attr-defined]
    assert share[0] < 0 and (share[1:] > 0).all()


def test_the_card_prints_the_target_that_is_taken() -> None:
    depict: Any = methods.method_class("depict")
    printed, squared = (depict.minimised({"target": target}) for target in ("root", "square"))
    assert "^{1/2}" in printed and not depict.departures({"target": "root"})
    assert "p_{ik}^2" in squared and "squares p" in depict.departures({"target": "square"})[0]


# ---- DCCM --------------------------------------------------------------------------------------------------------------


def test_pairs_and_labels_are_those_that_are_sure() -> None:
    P = torch.tensor([[0.95, 0.05], [0.9, 0.1], [0.6, 0.4], [0.05, 0.95]])
    found = correlations.known(P, 0.95, 0.9)
    cosines = np.array([[float(a @ b / a.norm() / b.norm()) for b in P] for a in P])
    np.testing.assert_array_equal(found.graph.numpy(), cosines >= 0.95)
    assert found.graph[0, 1] and not found.graph[0, 3] and not found.graph[0, 2]
    assert found.labels.tolist() == [0, 0, 0, 1] and found.sure.tolist() == [1, 1, 0, 1]


def test_triplets_are_of_one_cluster_and_of_another() -> None:
    """A discriminator that says which codes it saw."""
    labels = torch.tensor([0, 0, 0, 1, 1, 2])
    graph = labels[:, None] == labels
    codes = torch.arange(6.0)[:, None]
    features = torch.zeros(6, 2, 5, 5)
    saw = {"discriminator": lambda pairs: pairs[..., -1:]}
    seen = [set[int](), set[int](), set[int]()]
    for seed in range(40):
        noise = torch.Generator().manual_seed(seed)
        own, near, far = correlations.triplets(features, codes, graph, saw, noise)
        assert own.shape == (6, correlations.POSITIONS, 1) and torch.equal(own[:, 0, 0], torch.arange(6.0))
        assert torch.equal(labels[near[:, 0, 0].long()], labels) and (labels[far[:, 0, 0].long()] != labels).all()
        for found, codes_seen in zip(seen[1:], (near, far), strict=False):
            found.add(int(codes_seen[0, 0, 0]))
    assert seen[1] == {0, 1, 2} and seen[2] == {3, 4, 5}, "any of them, not always the same"


def test_transformations_move_images_and_keep_them_where_they_are_switched_off() -> None:
    x = torch.zeros(40, 1, 9, 9)
    x[:, :, 4, 4] = 1.0
    torch.testing.assert_close(transformed(x, 0.0, torch.Generator().manual_seed(0)), x, atol=1e-5, rtol=0)
    seen = transformed(x, 1.0, torch.Generator().manual_seed(0))
    assert seen.shape == x.shape and torch.equal(seen, transformed(x, 1.0, torch.Generator().manual_seed(0)))
    places = {int(image.argmax()) for image in seen}
    assert len(places) > 3 and all(abs(place // 9 - 4) <= 2 and abs(place % 9 - 4) <= 2 for place in places)
    vectors = torch.randn(30, 5, generator=torch.Generator().manual_seed(1))
    noise = transformed(vectors, 1.0, torch.Generator().manual_seed(0)) - vectors
    assert 0.05 < noise.std() / vectors.std() < 0.15


def test_a_start_of_its_own_is_told() -> None:
    dccm: Any = methods.method_class("dccm")
    assert not dccm.departures({"pretrain_epochs": 0, "start_epochs": 0})
    assert "from nothing" in dccm.departures({"pretrain_epochs": 0, "start_epochs": 3})[0]


# ---- the network -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 9, 8), (3, 16, 16), (11,)])
def test_every_layer_is_reconstructed_in_its_own_shape(shape: tuple[int, ...]) -> None:
    net = LayeredAutoEncoder(shape, (4, 3), (5, 3), (6, 2), generator=torch.Generator().manual_seed(0))
    X = torch.rand(5, *shape, generator=torch.Generator().manual_seed(1))
    layers = net.activations(X)
    decoded = net.reconstructions(layers[-1])
    assert [z.shape for z in layers[:-1]] == [z.shape for z in decoded] and layers[-1].shape == (5, 2)
    assert len(layers) == (5 if len(shape) == 3 else 3) and layers[-1].abs().max() < 1
    torch.testing.assert_close(net(X), net.decode(net.encode(X)))


def test_noise_is_put_on_every_layer_but_the_code() -> None:
    net = LayeredAutoEncoder((6,), (), (), (5, 4), generator=torch.Generator().manual_seed(0))
    seen: list[tuple[int, ...]] = []

    def noise(h: Tensor) -> Tensor:
        seen.append(tuple(h.shape[1:]))
        return 0 * h

    layers = net.activations(torch.ones(2, 6), noise)
    assert seen == [(6,), (5,)] and not layers[-1].any()


def test_dropout_keeps_the_mean_and_is_off_where_nothing_is_trained() -> None:
    method: Any = small("depict", dropout=0.4)
    on = method.coder.on(digits(), random_state=0, device="cpu")
    noisy = on.noisy(torch.ones(20_000))
    assert (noisy == 0).float().mean() == pytest.approx(0.4, abs=0.02) and noisy.mean() == pytest.approx(1, abs=0.02)
    torch.testing.assert_close(on.codes(), on.codes())


def test_hidden_layers_weigh_as_they_are_told() -> None:
    layers = [torch.ones(3, 4), torch.full((3, 2), 2.0), torch.full((3, 5), 3.0)]
    zeros = [torch.zeros_like(z) for z in layers]
    assert layer_loss(layers, zeros, 0.1).item() == pytest.approx(1 + 0.1 * (4 + 9))


def test_even_kernels_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"kernel_sizes.*odd.*\[4, 5\]"):
        small("depict", kernel_sizes=(4, 5)).fit(digits())


# ---- training ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["kmeans", "linkage", "graph"])
def test_the_first_epochs_learn_the_first_clusters_the_others_what_the_softmax_says(start: str) -> None:
    method: Any = small("depict", start=start, epochs=5, start_epochs=2)
    seen: list[Tensor] = []
    own = method.targets
    method.targets = lambda P: seen.append(P) or own(P)
    codes = to_host(steps_of(method, digits())[-1].arrays)["Z_pretrained"]
    first = {
        "kmeans": lambda: KMeans(10, n_init=3, random_state=0).fit(codes).labels_,
        "linkage": lambda: degree_clusters(codes, 10)[1],
        "graph": lambda: spectral_labels(sample_graph(codes), 10, assign_labels="kmeans"),
    }[start]()
    assert [bool(((P == 0) | (P == 1)).all()) for P in seen] == [True, True, False, False, False]
    np.testing.assert_array_equal(seen[1].argmax(1).numpy(), first)
    means = np.stack([codes[first == k].mean(axis=0) for k in range(10)])
    untrained: Any = small("depict", start=start, epochs=0)
    steps_of(untrained, digits())
    theta = untrained.head_.weight.detach().numpy()
    np.testing.assert_allclose(theta, means / np.linalg.norm(means, axis=1, keepdims=True), rtol=1e-4, atol=1e-5)


def test_a_cluster_that_copies_leave_empty_does_no_harm() -> None:
    Z = np.array([[3.0, 4.0], [3.0, 4.0], [0.0, -2.0]])
    np.testing.assert_allclose(directions(Z, np.array([0, 0, 2]), 3), [[0.6, 0.8], [0, 0], [0, -1]])


def test_without_targets_of_its_own_depict_settles_and_may_stop() -> None:
    steps = [s for s in small("depict", epochs=60, start_epochs=2, min_change=0.05).iter_fit(digits()) if s.stage == "finetune"]
    changed = [float(s.scalars["changed"]) for s in steps]
    assert 2 < len(steps) < 60 and changed[-1] <= 0.05 and all(value > 0.05 for value in changed[2:-1])


@pytest.mark.parametrize("name", FAMILY)
def test_every_network_is_trained_and_new_samples_are_labelled_by_the_softmax(name: str) -> None:
    stages, method = Stages(), small(name, epochs=2)
    steps = steps_of(method, digits(), stages)
    before, after = stages.kept("pretrain")["net"], stages.kept("finetune")
    moved = {key: not torch.equal(before[key], after["net"][key]) for key in before}
    assert all(moved[key] for key in moved if key.startswith("encoder"))
    assert all(moved[key] == (name == "depict") for key in moved if key.startswith("decoder")), "DCCM reconstructs nothing"
    P = to_host(steps[-1].arrays)["P"]
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(method.predict(digits()), P.argmax(axis=1))


def test_the_discriminator_of_dccm_is_trained() -> None:
    first: Any = methods.build("dccm", channels=(4, 3), kernel_sizes=(3, 3), widths=(12, 6))
    stages, method = Stages(), small("dccm", epochs=2)
    steps_of(method, digits(), stages)
    before = first.helpers((8, 8))["discriminator"].state_dict()
    after = stages.kept("finetune")["discriminator"]
    assert all(not torch.equal(before[key], after[key]) for key in before)
