"""Every weight of an objective scales its own terms, and no other."""

from __future__ import annotations

from typing import Any

import pytest

from core import methods
from tests.test_contract import digits, small

BATCH: dict[str, Any] = {"batch_size": 1000, "train_batch_size": 1000}  # all samples at once
JOINT: dict[str, Any] = {"pretrain_epochs": 0, "head_epochs": 0, "agreement": 0.3}
ENCODED: dict[str, Any] = {"loss": "mml", "agreement": 1.0}
CASES: list[tuple[str, str, str, tuple[str, ...], dict[str, Any]]] = [
    ("dsc", r"\lambda_1", "finetune", ("penalty",), {}),
    ("dsc", r"\lambda_2", "finetune", ("self-expression",), {}),
    ("dsc", "w", "finetune", ("reconstruction",), {}),
    ("rgrl", r"\alpha", "finetune", ("penalty",), {}),
    ("rgrl", r"\beta", "finetune", ("self-expression",), {}),
    ("rgrl", r"\gamma", "finetune", ("raw self-expression",), {}),
    ("udll", r"\alpha", "finetune", ("self-expression",), {}),
    ("udll", r"\beta", "finetune", ("penalty",), {}),
    ("udll", r"\gamma", "finetune", ("locality",), {}),
    ("dscdan", r"\omega", "finetune", ("spectral", "imbalance", "disagreement"), JOINT),
    ("dscdan", r"\gamma", "finetune", ("class prior", "class entropy"), JOINT),
    ("dscdan", r"\beta", "finetune", ("global information", "local information"), JOINT),
    ("dscdan", r"\delta", "finetune", ("reconstruction",), JOINT),
    ("dscdan", r"\gamma", "pretrain", ("prior",), {}),
    ("dscdan", r"\lambda", "head", ("imbalance",), JOINT | {"head_epochs": 1}),
    ("dscdan", r"\mu", "head", ("disagreement",), JOINT | {"head_epochs": 1}),
    ("spectralnet", r"\lambda", "head", ("imbalance",), {"agreement": 0.3, "head_output": "softmax"}),
    ("spectralnet", r"\mu", "head", ("disagreement",), {"agreement": 0.3, "head_output": "softmax"}),
    ("tagnet", r"\lambda_m", "finetune", ("norm",), ENCODED),
    ("tagnet", "b", "finetune", ("imbalance",), ENCODED),
    ("tagnet", r"\mu", "finetune", ("disagreement",), ENCODED),
    *((name, r"\nu", "finetune", ("clustering",), ENCODED) for name in ("tagnet", "be", "sc_clustering")),
    ("tagnet", r"\nu", "finetune", ("clustering",), {"loss": "eml"}),
    ("dcn", r"\lambda", "finetune", ("clustering",), {}),
    ("dkm", r"\lambda", "finetune", ("clustering",), {}),
    ("idec", r"\gamma", "finetune", ("clustering",), {}),
    ("cdae", r"\gamma", "joint", ("contraction",), {}),
    ("lae", r"\lambda", "joint", ("laplacian",), {}),
    ("grdnn", r"\eta", "joint", ("graph",), {"base": "cdae"}),
    ("grdnn", r"\gamma", "joint", ("contraction",), {"base": "cdae"}),
]


def named(method: str, symbol: str) -> str:
    """The weight with that symbol."""
    (name,) = [p.name for p in methods.method_class(method).declared().values() if p.symbol == symbol and p.kind == "real"]
    return name


def first_losses(method: str, stage: str, **params: Any) -> dict[str, float]:
    """The terms of the loss before anything was learnt in a stage."""
    known = methods.method_class(method).declared()
    chosen = {name: value for name, value in (BATCH | params).items() if name in known}
    step = next(step for step in small(method, **chosen).iter_fit(digits()) if step.stage == stage)
    symbols = methods.method_class(method).symbols
    return {name: float(value) for name, value in step.scalars.items() if name in symbols and name != "validation"}


@pytest.mark.parametrize(("method", "symbol", "stage", "terms", "params"), CASES)
def test_a_weight_scales_its_terms_alone(
    method: str, symbol: str, stage: str, terms: tuple[str, ...], params: dict[str, Any]
) -> None:
    name = named(method, symbol)
    weight = methods.method_class(method).declared()[name].default or 0.5
    once, thrice = (first_losses(method, stage, **{**params, name: factor * weight}) for factor in (1, 3))
    assert set(terms) <= set(once) and all(once[term] for term in terms)
    assert thrice == pytest.approx({term: value * (3 if term in terms else 1) for term, value in once.items()}, rel=1e-4)
