"""GR-DNN and its auto-encoders: the terms that are minimised against the objectives as the paper prints them.

What is minimised is the cross-entropy above its floor, so terms and floor together are the objective.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from core import methods
from core.methods.graph_regularised import cdae, dae, ddae, grdnn, lae
from core.methods.graph_regularised.graph_term import GraphPath
from core.methods.graph_regularised.phi import Phi
from core.methods.graph_regularised.problem import WholePath
from core.nets import Pair, Path, Rows
from core.training.heldout import Split

N, M, ENDS, WIDTHS = 14, 9, 11, (7, 5, 3)
ACTIVATIONS = ["relu", "sigmoid"]
ROWS = torch.arange(N)
X = torch.rand(N, M, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
S = torch.rand(N, ENDS, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def built(name: str, activation: str, **params: Any) -> Any:
    return methods.build(name, n_clusters=3, widths=WIDTHS, activation=activation, validation=0, **params)


def path(units: tuple[int, ...], activation: Any, seed: int) -> Path:
    return Path(units, activation, generator=torch.Generator().manual_seed(seed)).double()


def data_pair(activation: str) -> Pair:
    layers = path((M, *WIDTHS), activation, 2), path((*WIDTHS[::-1], M), activation, 3)
    return Pair("data", "reconstruction", Rows(X, "cpu"), *layers)


def reconstructed(pair: Pair, inputs: Tensor = X) -> Tensor:
    return torch.sigmoid(pair.decoder(pair.encoder(inputs)))


def hidden(pair: Pair, inputs: Tensor = X) -> tuple[list[Tensor], list[Tensor]]:
    """Weights and outputs of the hidden layers of the encoder."""
    outputs = []
    for layer in pair.encoder.layers[:-1]:
        inputs = pair.encoder.act(layer(inputs))
        outputs.append(inputs)
    return [layer.weight for layer in pair.encoder.layers[:-1]], outputs


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(4)


def agree(problem: WholePath, literal: Tensor, terms: Callable[[], Any] | None = None) -> None:
    """Terms and floor are the objective, and have its gradients."""
    found = torch.stack(list((terms or (lambda: problem.terms(ROWS)))().values())).sum()
    torch.testing.assert_close(found.item() + problem.floor(ROWS), literal.item(), rtol=1e-9, atol=1e-9)
    for ours, theirs in zip(
        torch.autograd.grad(found, problem.learnt), torch.autograd.grad(literal, problem.learnt), strict=True
    ):
        assert theirs.abs().max() > 0
        torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_plain(activation: str) -> None:
    method, pair = built("dae", activation), data_pair(activation)
    agree(WholePath(pair, method.phi(X.numpy(), method.split(N))), dae.objective(X, reconstructed(pair)))


def erased_by(phi: Phi) -> Tensor:
    """Where the next batch keeps its inputs."""
    return (phi.erased(torch.ones_like(X).float(), generator()) > 0).double()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_denoising(activation: str) -> None:
    method, pair = built("ddae", activation, corruption=0.4), data_pair(activation)
    phi = method.phi(X.numpy(), method.split(N))
    problem = WholePath(pair, phi)
    literal = ddae.objective(X, erased_by(phi), pair.encoder, lambda h: torch.sigmoid(pair.decoder(h)))
    agree(problem, literal, lambda: problem.terms(ROWS, generator()))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("gamma", [0.0, 0.01, 2.0])
def test_contractive(activation: str, gamma: float) -> None:
    method, pair = built("cdae", activation, gamma=gamma), data_pair(activation)
    literal = cdae.objective(X, reconstructed(pair), *hidden(pair), gamma=gamma, activation=activation)
    agree(WholePath(pair, method.phi(X.numpy(), method.split(N))), literal)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("weights", ["equal", "gaussian"])
def test_laplacian(monkeypatch: pytest.MonkeyPatch, activation: str, k: int, weights: str) -> None:
    """The mean over all neighbours that can be drawn; a step draws one for each sample."""
    method, pair = built("lae", activation, lambda_=0.6, n_neighbors=k, weights=weights), data_pair(activation)
    near = method.near(X.numpy(), method.split(N))
    apart = torch.cdist(X, X).square()
    s = torch.exp(-apart.gather(1, near.rows) * math.log(2) / apart.mean()) if weights == "gaussian" else torch.ones(N, k)
    torch.testing.assert_close(near.weights.double(), s.double(), rtol=1e-5, atol=1e-6)
    problem = WholePath(pair, method.phi(X.numpy(), method.split(N)))

    def mean_over_draws() -> dict[str, Tensor]:
        found = []
        for drawn in range(k):
            monkeypatch.setattr(torch, "randint", lambda high, size, drawn=drawn, **_: torch.full(size, drawn))
            found.append(problem.terms(ROWS))
        return {name: torch.stack([terms[name] for terms in found]).mean() for name in found[0]}

    agree(
        problem, lae.objective(X, reconstructed(pair), hidden(pair)[1], near.rows, near.weights, lambda_=0.6), mean_over_draws
    )


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("base", ["dae", "ddae", "cdae"])
@pytest.mark.parametrize("eta", [0.0, 0.7, 3.0])
def test_with_the_graph(activation: str, base: str, eta: float) -> None:
    """Eq. 5, the floor of both cross-entropies included."""
    weights = {"base": base, "eta": eta, "gamma": 1.3}
    method, pair = built("grdnn", activation, corruption=0.4, **weights), data_pair(activation)
    decoder, flat, split = path((WIDTHS[-1], 6, ENDS), "sigmoid", 5), X.numpy(), Split(N, 0.0, seed=0, device="cpu")
    made = [term.eta for term in method.graph_term(vars(method))]
    graph = Pair("graph", "graph", Rows(S, "cpu"), path((ENDS, 6, WIDTHS[-1]), "sigmoid", 6), decoder)
    problem = WholePath(pair, method.phi(flat, split), [GraphPath(weight, graph, {}, False, 0) for weight in made])
    seen = X * erased_by(problem.phi) if base == "ddae" else X
    S_hat = torch.sigmoid(decoder(pair.encoder(seen)))
    literal = grdnn.objective(X, reconstructed(pair, seen), S, S_hat, *hidden(pair, seen), **weights, activation=activation)
    agree(problem, literal, lambda: problem.terms(ROWS, generator()))


def test_the_graph_that_grdnn_builds_has_the_weight_eta() -> None:
    method: Any = built("grdnn", "relu", eta=0.3, n_neighbors=4, graph_widths=(6,))
    (side,) = method.sides(X.numpy(), method.split(N))
    assert side.eta == 0.3 and side.pair.X.shape == (N, N) and isinstance(side.kept["S"].nnz, int)
    S_all = torch.from_numpy(side.kept["S"].toarray()).float()
    torch.testing.assert_close(side.pair.X(ROWS), S_all)
    codes = torch.randn(N, WIDTHS[-1], generator=generator())
    apart = grdnn.objective(
        X, X, S_all, torch.sigmoid(side.pair.decoder(codes)), [], [], base="dae", gamma=0, eta=0.3, activation="relu"
    )
    assert side.terms(codes, ROWS)["graph"].item() + side.floor(ROWS) == pytest.approx(
        apart.item() - dae.objective(X, X).item(), rel=1e-5
    )
