"""Presets called paper or code against what the sheet of the paper says is minimised: written apart, with its constants.

Random inputs, values of the whole objective. What a paper leaves open (beta and gamma of RGRL) is taken from the preset.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from core import methods
from core.bench import load_results, results_files
from core.graphs import laplacian, symmetrized_graph
from core.graphs.batches import NeighborGraph
from core.graphs.tensors import sparse_tensor
from core.losses import flat
from core.methods import current_preset
from core.methods.deep_subspace.problem import Problem
from core.methods.sparse_coding.family import CARRIED
from core.methods.sparse_coding.learnt_dictionary import Prepared
from core.methods.sparse_coding.problem import Problem as SparseProblem
from core.nets import Clusters, MLPAutoEncoder
from tests.test_objectives import random

N, M, D = 14, 9, 4
LITERAL = [
    (name, preset)
    for name in ("dsc", "rgrl", "udll", "dscdan")
    for preset, found in methods.method_class(name).presets.items()
    if found.source in ("paper", "code")
]


def square(T: Tensor) -> Tensor:
    return T.square().sum()


def dsc_code(X: Tensor, Xr: Tensor, Z: Tensor, C: Tensor, _: Tensor, data: str, params: Any) -> Tensor:
    """a ||X - Xr||^2 + r1 ||C||^2 + r2/2 ||Z - CZ||^2."""
    a, r1, r2 = {"orl": (0.5, 1, 0.2), "coil20": (1, 1, 150), "coil100": (1, 1, 30), "yaleb": (0.5, 1, 6.31)}[data]
    return a * square(X - Xr) + r1 * square(C) + r2 * 0.5 * square(Z - C @ Z)


def udll_paper(X: Tensor, Xr: Tensor, Z: Tensor, C: Tensor, A: Tensor, data: str, params: Any) -> Tensor:
    """Eq. 18 with the constants of the paper."""
    alpha, beta, gamma = {"coil20": (1000, 1, 19), "coil100": (15, 1, 280), "orl": (5, 1, 8), "yaleb": (3.2, 1, 0.01)}[data]
    near = sum(A[i, j] * square(Z[i] - Z[j]) for i in range(N) for j in range(N))
    return 0.5 * square(X - Xr) + alpha * square(Z - C @ Z) + beta * square(C) + gamma * near


def udll_code(X: Tensor, Xr: Tensor, Z: Tensor, C: Tensor, A: Tensor, data: str, params: Any) -> Tensor:
    """What each script minimises; that of COIL-20 is twice our objective, and penalises sym(W) without its diagonal."""
    W = (A + A.T) / 2
    trace = torch.trace(Z.T @ (torch.diag(W.sum(1)) - W) @ Z)
    if data == "coil20":
        S = (C + C.T) / 2 - torch.diag(C.diagonal())
        return (square(X - Xr) + 1000 * square(Z - C @ Z) + square(S) + 2 * 9 * trace) / 2
    r2, r3 = {"orl": (10, 8), "yaleb": (6.3, 0.01)}[data]
    return 0.5 * square(X - Xr) + r2 * 0.5 * square(Z - C @ Z) + square(C) + r3 * trace


def rgrl_paper(X: Tensor, Xr: Tensor, Z: Tensor, C: Tensor, _: Tensor, data: str, params: Any) -> Tensor:
    """Eq. 6 with diag(C) = 0, L_n of |C| alone, alpha = 1e-4 and no weight of its own on the first pair."""
    C = C - torch.diag(C.diagonal())
    S = (C.abs() + C.abs().T) / 2
    d = S.sum(1)
    L = torch.eye(N) - S / (d[:, None] * d[None, :]).sqrt()
    fit = square(X - Xr) + 2 * torch.trace(X.T @ L @ Xr)
    return fit + 1e-4 * square(C) + params["beta"] / 2 * square(Z - C @ Z) + params["gamma"] / 2 * square(X - C @ X)


def rgrl_code(X: Tensor, Xr: Tensor, Z: Tensor, C: Tensor, _: Tensor, data: str, params: Any) -> Tensor:
    """AEnet.py: L_c of S + I, the diagonal counted twice in the penalty, which is L1 but in the scripts of MNIST and RCV1."""
    S = (C.abs() + C.abs().T) / 2 + torch.eye(N)
    d = S.sum(1)
    dense = data in ("mnist", "usps", "rcv1_10k")
    L = torch.eye(N) - (S / d[:, None] if dense else S / (d[:, None] * d[None, :]).sqrt())
    R = square(C) + square(C.diagonal()) if data in ("mnist", "rcv1_10k") else C.abs().sum() + C.diagonal().abs().sum()
    w, alpha = (4, 1.0) if data == "umist" else (1, 1e-4)
    fit = square(X - Xr) + 2 * torch.trace(X.T @ L @ Xr)
    return w * fit + alpha * R + params["beta"] / 2 * square(Z - C @ Z) + params["gamma"] / 2 * square(X - C @ X)


FORMULAS: dict[str, Callable[..., Tensor]] = {
    "dsc code": dsc_code, "udll paper": udll_paper, "udll code": udll_code, "rgrl paper": rgrl_paper, "rgrl code": rgrl_code,
}  # fmt: skip


@pytest.mark.parametrize(("name", "preset"), [found for found in LITERAL if found[0] != "dscdan"])
def test_a_literal_preset_of_self_expression_minimises_what_is_printed(name: str, preset: str) -> None:
    found = methods.method_class(name).presets[preset]
    method: Any = methods.build(name, **{**found.params, "network": "dense", "widths": (7, D)})
    net = MLPAutoEncoder(M, (7, D), generator=torch.Generator().manual_seed(1)).double()
    X, C = random(N, M), 0.1 * random(N, N, seed=2)
    k = min(method.get_params().get("n_neighbors", 1), 5)
    if name == "udll":
        method.n_neighbors = k
    constants, seen = method.constants(X, net.encode(X).detach().numpy())
    A = torch.zeros(N, N, dtype=torch.float64)
    if name == "udll":
        A = torch.from_numpy(seen["prior"].toarray())
        constants["laplacian"] = sparse_tensor(laplacian(symmetrized_graph(seen["prior"])), dtype=torch.float64)
    problem = Problem(method, net, C, X, **constants)
    Z = net.encode(X)
    ours = torch.stack([term.reshape(()) for term in method.terms(problem).values()]).sum()
    theirs = FORMULAS[f"{name} {found.source}"](flat(X), net.decode(problem.C @ Z), Z, C, A, found.dataset, found.params)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("name", "preset"), [found for found in LITERAL if found[0] == "rgrl"])
def test_the_gradient_of_rgrl_reaches_c_through_the_laplacian(name: str, preset: str) -> None:
    """The value alone does not tell: paper and program differentiate the graph, and only our presets hold it fixed."""
    found = methods.method_class(name).presets[preset]
    method: Any = methods.build(name, **{**found.params, "network": "dense", "widths": (7, D)})
    net = MLPAutoEncoder(M, (7, D), generator=torch.Generator().manual_seed(1)).double()
    X, C = random(N, M), 0.1 * random(N, N, seed=2)
    problem = Problem(method, net, C, X, **method.constants(X, net.encode(X).detach().numpy())[0])
    (gradient,) = torch.autograd.grad(torch.stack([t.reshape(()) for t in method.terms(problem).values()]).sum(), problem.C)
    copy = C.clone().requires_grad_()
    Z = net.encode(X)
    masked = copy - torch.diag(copy.diagonal()) if found.source == "paper" else copy
    literal = FORMULAS[f"rgrl {found.source}"](X, net.decode(masked @ Z), Z, copy, X, found.dataset, found.params)
    (expected,) = torch.autograd.grad(literal, copy)
    off = ~torch.eye(N, dtype=torch.bool)
    torch.testing.assert_close(gradient[off], expected[off], rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("preset", [preset for name, preset in LITERAL if name == "dscdan"])
def test_the_spectral_loss_of_dscdan_is_over_b_squared_and_nothing_of_ours_is_added(preset: str) -> None:
    params = methods.method_class("dscdan").presets[preset].params
    b, K = params["train_batch_size"], 10
    method: Any = methods.build("dscdan", **params)
    assert (method.coder.beta, method.coder.gamma, method.coder.delta, method.head.n_neighbors) == (0.01, 1.0, 0.5, 3)
    codes = random(b, 6, seed=3)
    head = method.head.new_head(6, K, torch.Generator().manual_seed(1), "cpu").double()
    edges = method.head.edges(NeighborGraph(), torch.arange(b), codes)
    losses = method.head.terms(head, codes, edges).losses
    assert set(losses) == {"spectral"}
    W = torch.zeros(b, b, dtype=torch.float64)
    W[torch.arange(b)[:, None], edges.nearest] = edges.weights.double()
    P = head.logits(codes).softmax(1)
    Y = P @ torch.linalg.inv(torch.linalg.cholesky(P.T @ P / b)).T
    literal = (W * torch.cdist(Y, Y).square()).sum() / b**2
    torch.testing.assert_close(method.omega * losses["spectral"], literal, rtol=1e-5, atol=0)
    net = method.coder.on(torch.rand(8, 8, 8).numpy(), random_state=0, device="cpu")
    found = net.net.encode(net.X)
    still = net.noisy(found._replace(mean=torch.zeros_like(found.mean)))
    assert not still.any(), "multiplicative: where the mean is 0, there is no noise"


@pytest.mark.parametrize(("name", "preset"), LITERAL)
def test_a_literal_preset_leaves_nothing_that_decides_its_objective_to_the_defaults(name: str, preset: str) -> None:
    needed = {
        "dsc": {"weight", "lambda_1", "lambda_2"}, "udll": {"alpha", "beta", "gamma", "penalty", "zero_diagonal", "start"},
        "rgrl": {"alpha", "beta", "gamma", "norm", "relation", "self_loops", "through_graph", "diagonal", "start", "unit_rows"},
        "dscdan": {"beta", "gamma", "delta", "omega", "balance", "agreement", "noise", "weights", "start_epochs"},
    }  # fmt: skip
    assert needed[name] <= set(methods.method_class(name).presets[preset].params)


def test_algorithm_1_of_rgrl_has_absolute_entries_and_no_unit_rows() -> None:
    presets = methods.method_class("rgrl").presets
    for preset, found in presets.items():
        if found.source == "paper":
            assert (found.params["symmetrize"], found.params["unit_rows"], found.params["unit_diagonal"]) == (
                "absolute", False, False,
            ), preset  # fmt: skip
    for preset, found in methods.method_class("udll").presets.items():
        if found.source == "paper":
            assert (found.params["penalty"], found.params["unit_diagonal"]) == ("free", False), preset


# ---- runs of before ----------------------------------------------------------------------------------------------------


def test_a_stored_run_has_the_preset_that_it_was_made_with_under_its_name_of_today() -> None:
    presets = methods.method_class("rgrl").presets
    before = dict(methods.current("rgrl", presets["orl-schedule"].params))
    assert current_preset("rgrl", "orl-code", before) == ("orl-schedule", False)
    listed = {key: list(value) if isinstance(value, tuple) else value for key, value in before.items()}
    assert current_preset("rgrl", "orl-code", listed) == ("orl-schedule", False), "as JSON has it"
    assert current_preset("rgrl", "orl-code", {**before, "epochs": 7}) == ("orl-schedule", True)
    literal = dict(methods.current("rgrl", presets["orl-code"].params))
    assert current_preset("rgrl", "orl-code", literal) == ("orl-code", False)
    old = {**methods.current("udll", methods.method_class("udll").presets["coil20-paper"].params), "penalty": "symmetric"}
    assert current_preset("udll", "coil20-paper", old) == ("coil20-paper", True), "its values are others today"
    assert current_preset("rgrl", "defaults", {}) == ("defaults", False)
    assert current_preset("gone", "orl", {}) == ("orl", False)


def test_the_literal_preset_of_tagnet_has_a_dense_gaussian_graph_and_its_laplacian_as_it_is() -> None:
    """A = h(X W' + Z2 S' - alpha/N L Z2), L = Deg - P, P_ij = exp(-||x_i - x_j||^2 / delta^2) of all pairs; entropy alone."""
    params = methods.method_class("tagnet").presets["coil20-paper"].params
    assert (params["alpha"], params["bound"], params["balance"], params["agreement"]) == (5.0, "paper", 0.0, 0.0)
    n, p = 26, 12
    method: Any = methods.build("tagnet", **{**params, "n_atoms": p, "n_clusters": 3})
    X = torch.nn.functional.normalize(random(n, M, seed=1))
    atoms = torch.nn.functional.normalize(random(p, M, seed=2))
    rows = X.float().numpy()
    problem = SparseProblem(method, Prepared(rows, rows[0] * 0, rows[:, 0] * 0 + 1), atoms.float().numpy())
    problem.clusters = torch.nn.ModuleList([Clusters(random(p, 3, seed=3).float())])
    losses = problem.terms(None).losses
    assert set(losses) == {"clustering"}
    P = torch.exp(-torch.cdist(X, X).square() / params["delta"] ** 2) - torch.eye(n)
    L = torch.diag(P.sum(1)) - P
    N = float(torch.linalg.eigvalsh(atoms @ atoms.T).max())
    net: Any = problem.net
    assert float(net.stretch) == pytest.approx(N, rel=0.05), "the paper's N leaves the graph out"
    N, lam = float(net.stretch), method.lam
    Z = torch.zeros(n, p, dtype=torch.float64)
    for stage in range(3):
        U = X @ atoms.T / N + (Z @ (torch.eye(p) - atoms @ atoms.T / N) - 5.0 / N * L @ Z if stage else 0)
        Z = U.sign() * (U.abs() - lam / N).clamp_min(0)
    q = (-(Z / float(net.unit)) @ problem.omegas[0].double()).softmax(1)
    torch.testing.assert_close(losses["clustering"].double(), -(q * q.log()).sum(1).mean(), rtol=1e-4, atol=1e-5)


# ---- what is ours is said ------------------------------------------------------------------------------------------------


def told(name: str, preset: str, **changes: Any) -> tuple[str, str]:
    """The objective of a preset and what of it is ours."""
    cls = methods.method_class(name)
    params = {key: param.default for key, param in cls.declared().items()} | dict(cls.presets[preset].params) | changes
    return cls.minimised(params), " ".join(cls.departures(params))


@pytest.mark.parametrize(
    ("name", "preset"),
    [*(f for f in LITERAL if methods.method_class(f[0]).presets[f[1]].source == "paper"), ("tagnet", "coil20-paper")],
)
def test_nothing_of_a_paper_preset_is_ours(name: str, preset: str) -> None:
    objective, ours = told(name, preset)
    assert ours == "" and "ours" not in objective


def test_what_a_preset_adds_is_marked_and_said_with_what_it_carries() -> None:
    objective, ours = told("dscdan", "mnist_test")
    assert r"_{\text{ours}}" in objective and objective.endswith(r"Y^\top Y = I") and "balance" in ours and ".914" in ours
    objective, ours = told("tagnet", "coil20")
    assert (
        r"\nu\, C(A" in objective
        and r"_{\text{ours}},\quad A =" in objective
        and "counts 0.1 times" in ours
        and CARRIED in ours
    )
    objective, ours = told("rgrl", "orl-fast")
    assert "alpha is 10" in ours and "ridge solution" in ours and "held fixed" in ours and r"\lVert C \rVert_F^2" in objective
    assert r"\mathrm{Tr}" not in told("rgrl", "orl-fast", relation="none")[0]
    assert r"\lVert C \rVert_1" in told("rgrl", "coil20-l1")[0]
    objective, ours = told("udll", "coil20")
    assert r"\mathrm{diag}(C)" in objective and "program" in ours and r"\lVert C \rVert_F^2" in told("udll", "orl-cold")[0]
    assert r"\omega" not in told("dscdan", "mnist_test", spectral_stage=False)[0]


def test_the_weights_of_our_presets_stand_beside_the_papers() -> None:
    assert methods.against_paper("udll", "orl") == {"beta": (90.0, 1.0), "gamma": (4.0, 8.0)}
    found = methods.against_paper("rgrl", "orl-fast")
    assert found["alpha"] == (10.0, 1e-4) and found["through_graph"] == (False, True) and "epochs" not in found
    for preset in ("orl-paper", "usps", "defaults"):
        assert methods.against_paper("rgrl", preset) == {}, "the paper's own, and where it has none"


def test_what_the_terms_of_tagnet_carry_is_what_was_measured() -> None:
    rows = load_results(results_files()["tagnet-terms"]).rows
    for data, place in (("mnist_test", "MNIST-test"), ("coil20", "COIL-20")):
        found = {row.of.get("set"): row.scores["acc"].mean for row in rows if row.of["data"] == data}
        wanted = [found[key] for key in (None, "agreement=0", "balance=0", "nu=0")]
        assert f"{place} " + " / ".join(f"{value:.3f}".removeprefix("0") for value in wanted) in told("tagnet", "coil20")[1]
