"""New samples: what a finished run says about samples it has never seen."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core import datasets
from core.common import InvalidInput
from core.datasets import Choices, Dataset, DataSpec
from core.explore import Answer
from core.plots import figures
from core.plots.montage import montage
from core.plots.palette import colours
from core.runs import Run, to_csv
from pages.ui.awaiting import answered
from pages.ui.clusters import cluster_name, numbers_of
from pages.ui.definitions import with_labels
from pages.ui.forms import segments
from pages.ui.gallery import class_name
from pages.ui.text import plain, plain_names
from pages.ui.uploading import stored_upload

SHOWN, IN_A_ROW = 18, 9
SEEN = ": a sample that it has seen is its own nearest one, and keeps its cluster."


@st.cache_resource(show_spinner="Loading the new samples …", max_entries=3)
def _load(spec: tuple[tuple[str, Any], ...], model: tuple[tuple[str, Any], ...], stamp: float) -> Dataset:
    return datasets.load_like(DataSpec.from_dict(dict(spec)), DataSpec.from_dict(dict(model)))


def new_samples_view(run: Run, data: Dataset) -> None:
    """Label other data of the same shape, or a file, in the space of the codes."""
    st.caption(
        "Each new sample takes the cluster of the training sample whose code is nearest; where a method has centroids, a "
        "mixture or a classifying head, that decides. Nothing is trained."
    )
    spec = _choose(run, data)
    if spec is None:
        return
    try:
        model = run.spec.data
        new = _load(tuple(spec.to_dict().items()), tuple(model.to_dict().items()), datasets.modified(spec.name))
    except InvalidInput as problem:
        st.error(plain(problem), icon=":material/error:")
        return
    for note in new.notes:
        st.caption(plain(note))

    def draw(answer: Answer) -> None:
        _draw(run, data, new, answer)

    answered("label_new", draw, waiting="Encoding and labelling", run=run.id, data=spec.to_dict())


def _choose(run: Run, data: Dataset) -> DataSpec | None:
    """Which data to label: what is here in the right shape, or an upload."""
    with st.expander("Bring a file", icon=":material/upload:"):
        shape = "×".join(map(str, data.image_shape)) if data.image_shape else f"{data.X.shape[1]} features"
        st.file_uploader(f"A file as the Data page takes it, each sample {shape}", key="new_file")
        st.button("Read the file", on_click=_take_upload, args=(data,))
    problem = st.session_state.pop("new_problem", None)
    if problem:
        st.error(plain(problem), icon=":material/error:")
    names, own = _same_shape(data), run.spec.data.name
    if not names:
        st.info("No data of this shape are here; bring a file.", icon=":material/info:")
        return None
    start = st.session_state.get("new_name", own)
    which, many, draw = st.columns([2, 1, 1])
    name = which.selectbox(
        "Samples to label",
        names,
        index=names.index(start) if start in names else 0,
        format_func=lambda n: f"{n} (the data of this run)" if n == own else n,
    )
    n = many.number_input("Drawn at random", 4, None, None, placeholder="all", key="new_n")
    seed = draw.number_input("Seed of the draw", 0, 2**31 - 1, 0, key="new_seed", disabled=n is None)
    if name == own:
        st.caption(
            ":material/info: The run learnt from these data, or from a part of them"
            + (", with noise; here they come without it." if run.spec.data.noise else SEEN)
        )
    return DataSpec(str(name), n_samples=None if n is None else int(n), seed=int(seed))


def _same_shape(data: Dataset) -> list[str]:
    """Names of the data sets on this machine whose samples have the shape of `data`, its own first."""
    listed = {entry.name: entry.shape for entry in datasets.entries() if datasets.available(entry.name)}
    shape = data.image_shape or (data.X.shape[1],)
    named = [name for name, other in listed.items() if other == shape]
    sizes = {path.stem: math.prod(datasets.sample_shape(path) or ()) for path in datasets.uploads()}
    wanted = math.prod(shape)
    named += [name for name, size in sizes.items() if size == wanted or (data.columns and size > wanted)]
    return sorted(named, key=lambda name: name != data.name)


def _take_upload(data: Dataset) -> None:
    name = stored_upload("new_file", "new_problem", Choices(new=True, columns=data.columns, image_shape=data.image_shape))
    if name is not None:
        st.session_state["new_name"] = name


def _draw(run: Run, data: Dataset, new: Dataset, answer: Answer) -> None:
    labels, nearest, distances = (answer.arrays[name] for name in ("labels", "nearest", "distances"))
    scores = answer.facts["scores"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.metric("New samples", f"{len(labels):,}", width=130)
        for name, title in (with_labels([run]) | {"purity": "Purity"}).items():
            if name in scores:
                st.metric(title, f"{scores[name]:.3f}", width=98)
        st.download_button(
            "Labels as .csv",
            to_csv(labels, nearest, distances),
            f"{run.id}-labels.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
            help="Clusters stand there under the numbers that the run has stored.",
        )
    if scores:
        st.caption("Scored against the classes of the new samples, with the best match of clusters to classes.")
    numbers = numbers_of(run, data, int(run.result["n_clusters"]))
    shown = numbers[labels]
    sizes = np.bincount(shown, minlength=int(numbers.max()) + 1)
    _bars(data, sizes, np.sort(numbers))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Look at cluster", np.flatnonzero(sizes).tolist(), width=260,
            format_func=lambda number: f"{cluster_name(data, number)} · {sizes[number]:,} samples",
        )  # fmt: skip
        order = segments("Show first", {"far": "the farthest", "near": "the nearest"}, key="new_order")
    members = np.flatnonzero(shown == int(chosen))
    members = members[np.argsort(distances[members] * (1 if order == "near" else -1), kind="stable")][:SHOWN]
    _pairs(data, new, members, nearest[members])


def _bars(data: Dataset, sizes: NDArray, numbers: NDArray) -> None:
    """How many new samples each cluster got, in the names and colours that it has in all pictures."""
    palette = colours(len(sizes))
    figure = figures.class_counts({str(number): int(sizes[number]) for number in numbers})
    figure.update_traces(marker_color=[palette[number] for number in numbers])
    names = plain_names([cluster_name(data, number) for number in numbers.tolist()])
    figure.update_xaxes(title="cluster", tickvals=[str(number) for number in numbers], ticktext=names)
    st.plotly_chart(figure, key="new_counts", alt="New samples by cluster")


def _pairs(data: Dataset, new: Dataset, members: NDArray, nearest: NDArray) -> None:
    """New samples, and under each the training sample that gave it its cluster."""
    if new.image_shape is None:
        rows = [
            {"new sample": int(i), "class": class_name(new, i), "training sample": int(j), "its class": class_name(data, j)}
            for i, j in zip(members, nearest, strict=True)
        ]
        st.dataframe(rows, hide_index=True, alt="New samples and their nearest training samples")
        return
    st.caption("New samples above; below each, the training sample that it took its cluster from")
    for start in range(0, len(members), IN_A_ROW):
        part = slice(start, start + IN_A_ROW)
        sheet = np.concatenate([new.images(members[part]), data.images(nearest[part])])
        st.image(montage(sheet, len(sheet) // 2, min_side=64), alt="New samples above, their nearest training samples below")
