"""Runs: all of them, to sort, filter, annotate, open, repeat with changes, download and delete."""

from __future__ import annotations

import io
from collections.abc import Callable

import streamlit as st

from core.common import AffinityLabError, read_only
from core.runs import Run, Status, export_run, export_runs
from pages.ui.live import live_panel
from pages.ui.navigation import through_app
from pages.ui.problems import toasted
from pages.ui.runtable import groups, table
from pages.ui.state import choose_run, queue, store, take_to_train
from pages.ui.text import plain

MOST_COMPARED = 8


def filtered() -> list[Run]:
    """The runs that match what is typed and ticked."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input("Filter", placeholder="method, data, tag, note, id", key="filter", persist_state="session")
        statuses = st.multiselect("Status", list(Status), placeholder="any", key="statuses", persist_state="session")
        references = st.toggle("Reference runs too", key="runs_references", persist_state="session")
    runs = store().runs(references=references, status=statuses or None)
    words = text.lower().split()
    return [run for run in runs if all(word in _haystack(run) for word in words)]


def _haystack(run: Run) -> str:
    return " ".join([run.id, run.spec.method, run.spec.data.label, run.spec.preset, run.tags, run.notes, run.status]).lower()


def actions(chosen: list[Run]) -> None:
    """What can be done with the ticked runs."""
    one = chosen[0] if len(chosen) == 1 else None
    with st.container(horizontal=True):
        if one is not None:
            if st.button("Open", icon=":material/scatter_plot:", type="primary", disabled=not one.result.get("metrics")):
                choose_run(one.id)
                st.switch_page("pages/explore.py", query_params={"run": one.id})
            if st.button("Duplicate with changes", icon=":material/content_copy:"):
                take_to_train(one.spec, one.id)
            if one.resumable and st.button("Resume", icon=":material/play_arrow:", disabled=read_only()):
                queue().resume(one.id)
                st.rerun()
        elif st.button("Compare", icon=":material/compare:", type="primary", disabled=not comparable(chosen), help=WHICH):
            st.session_state["compare"] = [run.id for run in chosen]
            st.switch_page("pages/compare.py", query_params={"runs": ",".join(run.id for run in chosen)})
        name = one.id if one is not None else f"{len(chosen)}-runs"
        st.download_button(
            "Download .zip", exporter([run.id for run in chosen]), f"{name}.zip", "application/zip", icon=":material/download:",
            on_click="ignore",
        )  # fmt: skip
        count = "this run" if one is not None else f"{len(chosen)} runs"
        with st.popover(f"Delete {count}", icon=":material/delete:"):
            listed = ", ".join(f"`{run.id}`" for run in chosen[:5]) + (" …" if len(chosen) > 5 else "")
            st.markdown(f"Delete {listed} with all files? For ten minutes, or until the app is closed, this can be undone.")
            if st.button("Delete", type="primary", key="delete", disabled=read_only()):
                delete(chosen)
    if one is not None:
        annotate(one)


WHICH = "Two to eight finished runs on the same data."


def comparable(chosen: list[Run]) -> bool:
    """Whether runs can stand side by side."""
    finished = all(run.over and run.result.get("metrics") for run in chosen)
    return finished and len(chosen) <= MOST_COMPARED and len({run.result["fingerprint"] for run in chosen}) == 1


def exporter(run_ids: list[str]) -> Callable[[], bytes]:
    """A function that packs the runs when the user clicks; several of them into a folder each."""
    records = store()

    def pack() -> bytes:
        target = io.BytesIO()
        export_runs(records, run_ids, target) if len(run_ids) > 1 else export_run(records, run_ids[0], target)
        return target.getvalue()

    return pack


def delete(chosen: list[Run]) -> None:
    for run in chosen:
        try:
            store().delete(run.id)
        except AffinityLabError as error:
            st.error(plain(error), icon=":material/error:")
            return
        st.session_state.setdefault("deleted", []).append(run.id)
    st.rerun()


def undo() -> None:
    """Offer to bring back what was deleted last on this page."""
    there = store().trash.all()
    deleted = st.session_state["deleted"] = [run_id for run_id in st.session_state.get("deleted", []) if run_id in there]
    if deleted:
        what = f"`{deleted[0]}` is deleted." if len(deleted) == 1 else f"{len(deleted)} runs are deleted."
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(what)
            st.button("Undo", icon=":material/undo:", on_click=bring_back, args=(deleted,))


def bring_back(deleted: list[str]) -> None:
    with toasted():  # its time may have been over between the last look and the click
        for run_id in deleted:
            store().undelete(run_id)


def annotate(run: Run) -> None:
    with st.form(f"annotate:{run.id}", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        tags = st.text_input("Tags", run.tags, max_chars=200)
        notes = st.text_input("Notes", run.notes, max_chars=2000)
        if st.form_submit_button("Save", icon=":material/save:", disabled=read_only()):
            store().annotate(run.id, tags=tags, notes=notes)
            st.rerun()


through_app()
st.title("Runs")
undo()
found = filtered()
if not found:
    st.info("No run matches." if store().runs() else "There are no runs yet.", icon=":material/info:")
    st.page_link("pages/train.py", label="Train one", icon=":material/play_circle:")
    st.stop()
if st.toggle("Group by all but the seed", key="runs_grouped", persist_state="session"):
    groups(found)
    st.stop()
ticked = table(found)
if ticked:
    actions(ticked)
    if len(ticked) == 1 and (ticked[0].active or not ticked[0].result.get("metrics")):
        live_panel(ticked[0].id)
else:
    st.caption("Tick a run to open, repeat, annotate, download or delete it.")
