"""Below the workbench, by a click each: one C under every read-out, and one read-out of ridge and of the trained C."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from core import methods
from core.explore import Answer
from core.runs import Run
from pages.ui.awaiting import answered

BY = {  # by the names that the list on the left has
    "cosines": "cosines: of its factor (published)",
    "magnitudes": "magnitudes: entries |C|",
    "nearest": "nearest: by |C|",
    "stochastic": "stochastic: doubly so (A-DSSC)",
    "rows": "rows: of C, nearest by cosines",
    "neighbors": "neighbors: nearest by the cosines",
}
OF = {"samples": "Ridge on the samples", "codes": "Ridge on the pretrained codes", "trained": "Trained C of this run"}
READINGS = "This C is read in every way that looks at C alone; all other constants stay as they are on the left."
DEPTH = (
    "Two C by a formula, without training, are read under the constants on the left, as the C of this run is. If they do as "
    "well, the clusters come from the read-out or from the pretraining, and not from learning C."
)
GAP = "The eigengap needs no labels: how far the affinity is from falling into one cluster more, 1 at best."
SEEDS = "± is over seeds of the cut."


def experiments(run: Run, constants: Mapping[str, Any]) -> None:
    """Ask, and show; whether depth pays only for a method that trains a network."""
    if st.toggle("One C, every read-out", key=f"readings:{run.id}", help=READINGS):
        answered("readings", _draw_readings, waiting="Reading C in six ways", run=run.id, **constants)
    deep = methods.method_class(run.spec.method).learns == "deep"
    if deep and st.toggle("Does depth pay here?", key=f"depth:{run.id}", help=DEPTH):
        answered("depth", _draw_depth, waiting="Working out ridge, on samples and codes", run=run.id, **constants)


def _draw_readings(answer: Answer) -> None:
    rows = answer.facts["rows"]
    _table([_row("Read by", BY[row["by"]], row) for row in rows], "One C under every read-out")
    accuracy = [row["acc"] for row in rows if "acc" in row]
    if accuracy:
        st.markdown(f"**The read-out alone moves ACC from {min(accuracy):.3f} to {max(accuracy):.3f}**, on the same C.")
    chosen = "Whoever picks the best of them picks with the labels." if accuracy else ""
    st.caption(" ".join(filter(None, [SEEDS if accuracy else "", chosen, GAP])))


def _draw_depth(answer: Answer) -> None:
    facts = answer.facts
    _table([_row("Read off", OF[row["of"]], row) for row in facts["rows"]], "The same read-out of three C")
    st.markdown(_verdict(facts))
    lacking = "This run did not keep its pretrained codes." if len(facts["rows"]) < len(OF) else ""
    strengths = " and ".join(f"{row['strength']:g}" for row in facts["rows"] if "strength" in row)
    ridge = f"Strength of ridge, chosen without labels: {strengths}. Another seed of the network may do otherwise."
    st.caption(" ".join(filter(None, [SEEDS if "gain" in facts else "", GAP, lacking, ridge])))


def _table(rows: list[dict[str, Any]], alt: str) -> None:
    bars = {"ACC": st.column_config.ProgressColumn(format="%.3f", min_value=0, max_value=1)}
    st.dataframe(pd.DataFrame(rows), hide_index=True, column_config=bars, alt=alt)


def _row(head: str, name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {head: name}
    if "acc" in row:
        told |= {"ACC": row["acc"], "±": f"{row['std']:.3f}"}
    gap = f"{row['eigengap']:.3f}" if "eigengap" in row else "fallen apart"
    return {**told, "Eigengap": row.get("error", gap)}


def _verdict(facts: Mapping[str, Any]) -> str:
    if "gain" not in facts:
        return "Without labels nobody knows which is right; compare the eigengaps, and the pictures."
    gain, chance = facts["gain"], facts["chance"]
    if abs(gain) <= chance:
        return "**Depth makes no difference here**: the trained C does as well as the better ridge under the same read-out."
    if gain > 0:
        return f"**Depth adds {gain:.3f} of ACC** to the better ridge under the same read-out."
    return f"**Depth costs {-gain:.3f} of ACC** here: a formula does better under the same read-out."
