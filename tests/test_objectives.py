"""The terms that are minimised against the objective as the paper prints it, value and gradients."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from core import methods
from core.graphs import adaptive_neighbors, laplacian, symmetrized_graph
from core.graphs.tensors import sparse_tensor
from core.losses import flat
from core.methods.deep_assignments.correlations import known, triplets
from core.methods.deep_assignments.problem import Batch as AssignedBatch
from core.methods.deep_centroids.problem import Batch
from core.methods.deep_subspace.problem import Problem
from core.nets import MLPAutoEncoder, transformed

DEEP = [name for name, cls in methods.registered().items() if cls.learns == "deep"]
N, M, D = 14, 9, 4


def objective_of(name: str) -> Callable[..., Tensor]:
    """The function ``objective`` of a method's module."""
    function: Callable[..., Tensor] = importlib.import_module(methods.method_class(name).__module__).objective
    return function


def with_weights(name: str, method: Any) -> Callable[..., Tensor]:
    """The objective of a method with the hyperparameters that it is set to."""
    function = objective_of(name)
    named = [p.name for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
    return lambda *arrays: function(*arrays, **{key: getattr(method, key) for key in named})


def agree(terms: Iterable[Tensor], literal: Tensor, learnt: Iterable[Tensor], rtol: float = 1e-9) -> None:
    """Equal values, and equal gradients of all that is learnt, these to a hundredth of the precision."""
    learnt, total = list(learnt), torch.stack([term.reshape(()) for term in terms]).sum()
    torch.testing.assert_close(total, literal, rtol=rtol, atol=rtol)
    ours = torch.autograd.grad(total, learnt, retain_graph=True, allow_unused=True)
    theirs = torch.autograd.grad(literal, learnt, allow_unused=True)
    assert any(g is not None and g.abs().max() > 0 for g in theirs)
    for mine, other in zip(ours, theirs, strict=True):
        zero = torch.zeros(())
        torch.testing.assert_close(
            zero if mine is None else mine, zero if other is None else other, rtol=100 * rtol, atol=100 * rtol
        )


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def network() -> MLPAutoEncoder:
    return MLPAutoEncoder(M, (7, D), generator=torch.Generator().manual_seed(1)).double()


@pytest.mark.parametrize("name", DEEP)
def test_every_deep_method_has_its_objective_written_down(name: str) -> None:
    function = objective_of(name)
    source = inspect.getsource(function)
    assert function.__doc__ and len(source.splitlines()) <= 30
    assert "losses" not in source, "plain torch, not the terms that are held against it"


# ---- self-expression ---------------------------------------------------------------------------------------------------

SUBSPACE: list[tuple[str, dict[str, Any]]] = [
    ("dsc", {}), ("dsc", {"norm": "l1", "weight": 0.3, "lambda_1": 2.0, "lambda_2": 7.0}),
    ("udll", {"penalty": "symmetric"}), ("udll", {"penalty": "free", "alpha": 3.0, "beta": 0.7, "gamma": 1.3}),
    ("rgrl", {}), ("rgrl", {"norm": "l1", "diagonal": "soft", "alpha": 0.8}),
    ("rgrl", {"laplacian": "random_walk", "weight": 0.4, "gamma": 0.0}), ("rgrl", {"relation": "none", "beta": 0.6}),
    ("rgrl", {"through_graph": True, "gamma": 3.0}), ("rgrl", {"self_loops": False, "laplacian": "random_walk"}),
    ("rgrl", {"through_graph": True, "laplacian": "random_walk"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "params"), SUBSPACE)
@pytest.mark.parametrize("features", [M, 3 * N])
def test_self_expression(name: str, params: dict[str, Any], features: int) -> None:
    """With more features than samples, ||X - CX|| is taken through the Gram matrix."""
    method: Any = methods.build(name, **params)
    net = MLPAutoEncoder(features, (7, D), generator=torch.Generator().manual_seed(1)).double()
    X, C = random(N, features), 0.1 * random(N, N, seed=2)
    constants, seen = method.constants(X, net.encode(X).detach().numpy())
    if name == "udll":
        A = torch.from_numpy(seen["prior"].toarray())
        constants["laplacian"] = sparse_tensor(laplacian(seen["prior"]), dtype=torch.float64)
    problem = Problem(method, net, C, X, **constants)
    Z = net.encode(X)
    arrays = [flat(X), net.decode(problem.C @ Z), Z, problem.C, *([A] if name == "udll" else [])]
    agree(method.terms(problem).values(), with_weights(name, method)(*arrays), [problem.C, *net.parameters()])


def test_the_prior_of_udll_weighs_the_double_sum() -> None:
    """Eq. 18 has the sum over both i and j of the weights as they are; the Laplacian is that of their symmetric part."""
    Z = random(N, D)
    A = adaptive_neighbors(Z.numpy(), 3)
    L = sparse_tensor(laplacian(symmetrized_graph(A)), dtype=torch.float64)
    double = (torch.from_numpy(A.toarray()) * (Z[:, None] - Z).square().sum(2)).sum()
    torch.testing.assert_close(2 * torch.trace(Z.T @ (L @ Z)), double)


# ---- centroids ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "params"),
    [("dec", {}), ("idec", {}), ("idec", {"gamma": 3.0}), ("dcn", {}), ("dcn", {"lambda_": 4.0}), ("dkm", {"alpha": 2.0})],
)
def test_centroids(name: str, params: dict[str, Any]) -> None:
    method: Any = methods.build(name, **params)
    net, X = network(), random(N, M)
    means = random(3, D, seed=4).requires_grad_()
    z = net.encode(X)
    found = method.terms(Batch(X, z, means, net, method.survey(z.detach(), means.detach())))
    arrays = [z, means] if name == "dec" else [X, net.decode(z), z, means]
    learnt = [*net.parameters(), *([means] if method.learns_centroids else [])]
    agree(found.values(), with_weights(name, method)(*arrays), learnt)


def test_the_mixture_of_vade() -> None:
    method: Any = methods.build("vade", noise=0.3, n_clusters=3)
    net, X = network(), random(N, M)
    parameters = {"logits": random(3), "means": random(3, D, seed=1), "log_variances": 0.3 * random(3, D, seed=2)}
    method.mixture_ = {name: value.requires_grad_() for name, value in parameters.items()}
    mean, log_v = net.encode(X), 0.2 * random(N, D, seed=3).requires_grad_()
    z = mean + (0.5 * log_v).exp() * random(N, D, seed=5)
    found = method.terms(X, mean, log_v, z, net, 0.3)
    pi, M_, s = parameters["logits"].softmax(0), parameters["means"], parameters["log_variances"].exp()
    literal = objective_of("vade")(X, net.decode(z), mean, log_v.exp(), z, pi, M_, s, noise=0.3)
    agree(found.values(), literal, [*net.parameters(), *parameters.values()])


# ---- assignments -------------------------------------------------------------------------------------------------------


def denoised(name: str, **params: Any) -> tuple[Any, Any, AssignedBatch]:
    """A method of a softmax with its network on random vectors, in float64, and a batch of all of them."""
    method: Any = methods.build(name, network="dense", widths=(7, D), n_clusters=3, **params)
    on = method.coder.on(random(N, M).numpy(), random_state=0, device="cpu")
    on.net, on.X = on.net.double(), on.X.double()
    helpers = {key: made.double() for key, made in method.helpers((M,)).items()}
    head = method._head(random(3, D, seed=3).numpy()).double()
    P = (2 * random(N, 3, seed=4)).softmax(1)
    return method, on, AssignedBatch(on.X, method.targets(P), on, head, helpers)


@pytest.mark.parametrize("params", [{}, {"target": "root", "hidden_weight": 0.1}, {"dropout": 0.5}])
def test_balanced_targets_of_depict(params: dict[str, Any]) -> None:
    method, on, batch = denoised("depict", **params)
    state = on.noise.get_state()
    found = method.terms(batch)
    on.noise.set_state(state)
    noisy = on.net.activations(on.X, on.noisy)[-1]
    layers, P = on.net.activations(on.X)[:-1], (2 * random(N, 3, seed=4)).softmax(1)
    literal = with_weights("depict", method)(layers, on.net.reconstructions(noisy), noisy, batch.head.weight, P)
    agree(found.values(), literal, [*on.net.parameters(), *batch.head.parameters()])


@pytest.mark.parametrize("params", [{}, {"alpha": 0.3, "beta": 2.0, "graph_threshold": 0.8, "label_threshold": 0.5}])
def test_correlations_of_dccm(params: dict[str, Any]) -> None:
    method, on, batch = denoised("dccm", **params)
    state = on.noise.get_state()
    found = method.terms(batch)
    on.noise.set_state(state)
    layers = on.net.activations(torch.cat([on.X, transformed(on.X, method.transformation, on.noise)]))
    P, moved = batch.head(layers[-1]).softmax(1).chunk(2)
    graph = known(batch.known, method.graph_threshold, method.label_threshold).graph
    told = triplets(layers[1][:N], layers[-1][:N], graph, batch.helpers, on.noise)
    literal = with_weights("dccm", method)(P, moved, batch.known, *told)
    learnt = [*on.net.encoder.parameters(), *batch.head.parameters(), *batch.helpers["discriminator"].parameters()]
    agree(found.values(), literal, learnt, rtol=1e-6)


# ---- an auto-encoder alone -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ae_kmeans", "ae_edsc", "ae_ssc"])
def test_pretraining(name: str) -> None:
    coder = cast(Any, methods.build(name, network="dense", widths=(5, 2), batch_size=None)).coder
    on = coder.on(random(N, M).numpy(), random_state=0, device="cpu")
    on.net, on.X = on.net.double(), on.X.double()
    terms = on.trainer(coder.pretraining).terms(None).losses
    agree(terms.values(), objective_of(name)(on.X, on.net(on.X)), on.net.parameters())
