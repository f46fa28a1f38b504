"""Symbols of the papers as plain characters, for labels that are read aloud."""

from __future__ import annotations

import re

_GREEK = {
    "alpha": "α",
    "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eta": "η", "theta": "θ", "kappa": "κ", "lambda": "λ",
    "mu": "μ", "nu": "ν", "rho": "ρ", "sigma": "σ", "tau": "τ", "varphi": "φ", "psi": "ψ", "omega": "ω", "Phi": "Φ", "ell": "ℓ",
}  # fmt: skip
_WORDS = {"lVert": "‖", "rVert": "‖", "lvert": "|", "rvert": "|", "cdot": "·", "in": "∈", "partial": "∂"}
_SUBSCRIPTS = dict(zip("0123456789aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))
_SUPERSCRIPTS = dict(zip("0123456789()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾", strict=True))
_ACCENTS = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303"}


def plain_symbol(tex: str) -> str | None:
    """A symbol without TeX, "λ₁" for ``\\lambda_1``; None where there are no characters for it."""
    text = re.sub(r"\\math(?:rm|cal)\{(\w+)\}", r"\1", tex)
    text = re.sub(r"\\(hat|bar|tilde) (\w)", lambda found: found[2] + _ACCENTS[found[1]], text)
    text = re.sub(r"\\([A-Za-z]+) ?", lambda found: (_GREEK | _WORDS).get(found[1], found[0]), text)
    text = re.sub(r"_(?:\{(\w+)\}|(\w))", lambda found: _shifted(found[1] or found[2], _SUBSCRIPTS), text)
    text = re.sub(r"\^(?:\{([^}]+)\}|(\w))", lambda found: _shifted(found[1] or found[2], _SUPERSCRIPTS), text)
    return None if re.search(r"[\\_^{}]", text) else text


def _shifted(text: str, table: dict[str, str]) -> str:
    """Characters below or above the line; an underscore stays where there are none, as a sign that it cannot be done."""
    return "".join(table.get(character, "_") for character in text)
