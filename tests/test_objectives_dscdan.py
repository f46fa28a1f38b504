"""DSCDAN and SpectralNet against their objectives as printed, value and gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from core import methods
from core.graphs.batches import Edges, NeighborGraph
from tests.test_contract import digits, small
from tests.test_objectives import agree, objective_of, random, with_weights


def dense(edges: Edges, n: int) -> Tensor:
    """The directed weights as a matrix."""
    W = torch.zeros(n, n, dtype=torch.float64)
    return W.index_put((torch.arange(n)[:, None].expand_as(edges.nearest), edges.nearest), edges.weights.double())


def graph_of(n: int, k: int = 3) -> NeighborGraph:
    graph = NeighborGraph()
    graph.update(random(n, 4, seed=8).float(), k)
    graph.edges = Edges(graph.edges.nearest, graph.edges.weights.double())
    return graph


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"omega": 7.0, "gamma": 0.3, "balance": 2.0, "agreement": 0.6},
        {"noise": "multiplicative", "delta": 3.0, "beta": 2.0},
    ],
)
def test_the_joint_stage_minimises_the_printed_objective(params: dict[str, Any]) -> None:
    n = 24
    method: Any = small("dscdan", local_positions=None, **params)
    on = method.coder.on(digits()[:n], random_state=0, device="cpu")
    on.net, on.discriminators, on.X = on.net.double(), on.discriminators.double(), on.X.double()
    head = method.head.new_head(6, 10, torch.Generator().manual_seed(1), "cpu").double()
    centres, graph, rows = random(10, 6, seed=2).requires_grad_(), graph_of(n), torch.arange(n)
    on.noise = torch.Generator().manual_seed(5)
    found = method.joint_terms(on, head, graph, centres, rows)

    on.noise = torch.Generator().manual_seed(5)  # the same noise again
    code = on.net.encode(on.X)
    z = on.noisy(code)
    other = z[torch.randperm(n, generator=on.noise)]
    T1 = tuple(on.discriminators.whole(torch.cat([code.last, c], 1)) for c in (z, other))
    T2 = on.discriminators.local(code.first.flatten(2).transpose(1, 2), z, other)
    literal = with_weights("dscdan", _Weights(method))(
        on.X, on.net.decode(code.mean), on.net.decode(z), code.mean, code.log_variance.exp(), T1, T2,
        head.logits(code.mean).softmax(1), centres, dense(graph.edges, n),
    )  # fmt: skip
    learnt = [*on.net.parameters(), *on.discriminators.parameters(), *head.parameters(), centres]
    agree(found.losses.values(), literal, learnt, rtol=1e-6)  # the factor of Y is taken with a jitter


class _Weights:
    """The weights of the objective, which the method holds by itself and in its parts."""

    def __init__(self, method: Any) -> None:
        self._method = method

    def __getattr__(self, name: str) -> Any:
        return self._method.get_params()[name]


def test_spectralnet_minimises_the_cut() -> None:
    n = 24
    method: Any = methods.build("spectralnet", head_widths=(9,))
    head = method.head.new_head(4, 3, torch.Generator().manual_seed(1), "cpu").double()
    Z, graph = random(n, 4, seed=8), graph_of(n)
    found = method.head.terms(head, Z, graph.edges)
    assert set(found.losses) == {"spectral"}
    agree(found.losses.values(), objective_of("spectralnet")(head(Z), dense(graph.edges, n)), head.parameters())
