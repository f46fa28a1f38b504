"""Settings by rule in the form: that they are offered, and which rule gave which value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core import methods, runs
from core.datasets import Dataset
from core.methods import Clusterer
from pages.ui.text import plain

BY_RULE = "By rule: from what can be seen of the data"


def rule_of(cls: type[Clusterer]) -> list[str]:
    """The name under which settings by rule are offered, if the method has rules."""
    return [methods.RULE] if cls.rules else []


def show_rules(cls: type[Clusterer], data: Dataset, n_clusters: int | None = None) -> Mapping[str, Any]:
    """The values that the rules give for these data, with each rule, its reason and what it gave folded beneath."""
    facts = runs.facts_of(data, n_clusters)
    ruled = cls.by_rule(facts)
    clusters = f"{facts.n_clusters} clusters" + ("" if n_clusters or data.n_classes else ", as long as you have not chosen K")
    st.caption(
        f"For {facts.n:,} samples of {' x '.join(map(str, facts.shape))} numbers in {clusters}. No label was looked at; the "
        "rules were found on the data sets of the benchmark *transfer*."
    )
    with st.expander("Which rule gave what"):
        for rule, values in ruled.told():
            st.markdown(f"**{plain(rule.title)}** · `{methods.in_words(values)}`  \n{plain(rule.why)}")
    return ruled.values
