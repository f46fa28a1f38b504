"""Below the workbench, by a click: the same read-out of ridge on the samples, of ridge on pretrained codes, and of this C."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from core import methods
from core.explore import Answer
from core.runs import Run
from pages.ui.awaiting import answered

OF = {"samples": "Ridge on the samples", "codes": "Ridge on the pretrained codes", "trained": "Trained C of this run"}
MEANING = (
    "Two C by a formula, without training, are read under the constants on the left, as the C of this run is. If they do as "
    "well, the clusters come from the read-out or from the pretraining, and not from learning C."
)


def depth_here(run: Run, constants: Mapping[str, Any]) -> None:
    """Ask, for a method that trains a network, and show the three side by side."""
    if methods.method_class(run.spec.method).learns != "deep":
        return
    if st.toggle("Does depth pay here?", key=f"depth:{run.id}", help=MEANING):
        waiting = "Working out ridge, on samples and codes"
        answered("depth", _draw, waiting=waiting, run=run.id, **constants)


def _draw(answer: Answer) -> None:
    facts = answer.facts
    table = pd.DataFrame([_row(row) for row in facts["rows"]])
    bars = {"ACC": st.column_config.ProgressColumn(format="%.3f", min_value=0, max_value=1)}
    st.dataframe(table, hide_index=True, column_config=bars, alt="The same read-out of three C")
    st.markdown(_words(facts))
    notes = ["± is over seeds of the cut." if "gain" in facts else ""]
    notes.append("The eigengap needs no labels: how far the affinity is from falling into one cluster more, 1 at best.")
    if len(facts["rows"]) < len(OF):
        notes.append("This run did not keep its pretrained codes.")
    strengths = " and ".join(f"{row['strength']:g}" for row in facts["rows"] if "strength" in row)
    notes.append(f"Strength of ridge, chosen without labels: {strengths}. Another seed of the network may do otherwise.")
    st.caption(" ".join(filter(None, notes)))


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"Read off": OF[row["of"]]}
    if "acc" in row:
        told |= {"ACC": row["acc"], "±": f"{row['std']:.3f}"}
    return {**told, "Eigengap": f"{row['eigengap']:.3f}" if "eigengap" in row else "fallen apart"}


def _words(facts: Mapping[str, Any]) -> str:
    if "gain" not in facts:
        return "Without labels nobody knows which is right; compare the eigengaps, and the pictures."
    gain, chance = facts["gain"], facts["chance"]
    if abs(gain) <= chance:
        return "**Depth makes no difference here**: the trained C does as well as the better ridge under the same read-out."
    if gain > 0:
        return f"**Depth adds {gain:.3f} of ACC** to the better ridge under the same read-out."
    return f"**Depth costs {-gain:.3f} of ACC** here: a formula does better under the same read-out."
