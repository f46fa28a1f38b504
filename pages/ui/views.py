"""The views of a finished run: one function each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from core import evaluation, explore, methods
from core.datasets import UNLABELLED, Dataset, in_groups
from core.datasets.labels import class_titles
from core.evaluation import PROJECTIONS
from core.explore import NO_CLASS, Answer, class_groups
from core.plots import figures
from core.plots.palette import TEN
from core.runs import MAX_SEED, Run
from pages.ui.awaiting import answered
from pages.ui.beside import dated_titles, distinct_titles, has_codes, partner, runs_beside
from pages.ui.clusters import cluster_names, held, matrices_of, numbered, numbered_test
from pages.ui.definitions import nmi_of, with_labels
from pages.ui.experiments import experiments
from pages.ui.forms import segments, standing, widget
from pages.ui.gallery import gallery
from pages.ui.lab.stills import quality_words
from pages.ui.live import loss_curves, reconstruction_sheet, start_words
from pages.ui.multiples import side_by_side
from pages.ui.points import Crowd, crowd_bar
from pages.ui.scorecard import reference_lines
from pages.ui.state import store
from pages.ui.suggestions import suggestions
from pages.ui.text import plain, plain_names

SOURCES = {
    "U": "Spectral embedding",
    "Z": "Final codes",
    "Y": "Spectral outputs",
    "Z_pretrained": "Pretrained codes",
    "raw": "Raw samples",
    "test_Z": "Held-out codes",
}
BY_CLASS = {"cluster": "Cluster", "class": "Class", "correct": "Correct or wrong"}
COLUMN = "label:"
"""Begins the key of a colouring by an attribute, whatever the attribute is called."""
KINDS = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}
MATRICES = {"affinity": "Affinity", "C": "Self-expression C", "graph": "Graph through anchors", "prior": "Prior graph"}
ABOUT = {
    "sparse": "C is sparse: each sample is expressed by at most {k} neighbours, and all other entries are zero.",
    "graph": "Samples are joined through anchors: what is shown is $W D^{-1} W^\\top$, worked out block by block from the "
    "weights $W$ over the anchors and never held as a matrix of all pairs.",
    "subset": "Shown are the {s:,} samples of the subset that C speaks of, not all {n:,}.",
}
PIXELS = 480
SQUARE = 640  # pixels across: a wider figure has its colour bar far from its matrix
COMPILES = "UMAP compiles once per start of the app, about 10 s, then projects"


@dataclass(frozen=True)
class _Projection:
    """What is projected, and how."""

    source: str
    of: str  # the source in words
    kind: str
    title: str  # the kind in words
    dims: int
    colouring: str
    options: Mapping[str, Any]


def embedding_view(run: Run, data: Dataset) -> None:
    """Projection of raw samples or codes; a selection shows the samples behind the points."""
    made = _projection(run, data)
    part, labels = data, numbered(run, data)
    if made.source == "test_Z" and data.test is not None:
        part, labels = data.test, numbered_test(run, data)
    group = partial(_groups_of, made.colouring, labels, part)
    many = made.options and made.dims == 2
    if many and side_by_side(run.id, made.source, made.kind, made.options, group, part.n_samples):
        return
    picture = f"{run.id}:{made.source}:{made.kind}:{made.dims}:{sorted(made.options.items())}"
    crowd = Crowd(picture, made.kind, made.dims, part.n_samples)

    def draw(answer: Answer) -> None:
        points, shown = answer.arrays["points"], answer.arrays["shown"]
        groups, group_names = group(shown)
        axes = [f"code {axis + 1}" for axis in range(made.dims)] if made.kind == "code" else []
        figure = figures.embedding(points, shown, groups, group_names, axes=axes)
        key = f"embedding:{picture}:{made.colouring}:{crowd.most}"
        event: Any = st.plotly_chart(figure, key=key, on_select="rerun", alt=f"{made.title} of {made.of}")
        crowd_bar(crowd, answer)
        if words := quality_words(answer.facts.get("quality", {})):
            st.caption(words)
        if made.colouring.startswith(COLUMN):
            st.caption(_against(made.colouring.removeprefix(COLUMN), labels, part))
        chosen = [int(np.ravel(point["customdata"])[0]) for point in event.selection.points if "customdata" in point]
        if chosen:
            gallery(part, sorted(set(chosen)), labels)
        else:
            flat = "Click a point, or draw a lasso or box around some, to see the samples."
            st.caption(flat if made.dims == 2 else "Drag to turn.")

    answered(
        "embedding", draw, waiting=COMPILES if made.kind == "umap" else "Projecting", long=crowd.long, run=run.id,
        source=made.source, kind=made.kind, n_components=made.dims, options=dict(made.options), random_state=0, most=crowd.most,
    )  # fmt: skip


def _projection(run: Run, data: Dataset) -> _Projection:
    """The choices above the picture."""
    stored = store().files.array_names(run.id, "final")
    own = set(SOURCES) if has_codes(run) else {"U", "Y", "test_Z"}  # else Z holds the samples themselves
    sources = {name: title for name, title in SOURCES.items() if name == "raw" or name in own & set(stored)}
    if not has_codes(run) and "test_Z" in sources:
        sources["test_Z"] = "Held-out samples"
    with st.container(horizontal=True):
        source = segments("What is projected", sources, key="e_source")
        size = code_size(run.id, source)
        as_it_is = {"code": "Code"} if size in (2, 3) and source not in ("U", "Y") else {}
        kinds = as_it_is | KINDS
        kind = segments("Projection", kinds, key=f"e_kind{size if as_it_is else ''}")
        dims: int = (size or 0) if kind == "code" else segments("Dimensions", {2: "2-D", 3: "3-D"}, key="e_dims")
        colouring = segments("Colour", _colourings(data), key="e_colour")
    options: dict[str, Any] = {}
    for column, param in zip(st.columns(4), PROJECTIONS.get(kind, ()), strict=False):
        with column:
            options[param.name] = widget(param, param.default, key=f"e:{kind}:{param.name}")
    return _Projection(source, sources[source], kind, kinds[kind], dims, colouring, options)


def _groups_of(colouring: str, labels: np.ndarray, data: Dataset, shown: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The group of each sample that is shown, and the names of all groups."""
    groups, names = sample_groups(colouring, labels, data)
    return groups[shown], names


@st.cache_data(show_spinner=False, max_entries=200)
def code_size(run_id: str, source: str) -> int | None:
    """Numbers in a stored code; None for raw samples."""
    Z = store().files.arrays(run_id, "final", [source]).get(source)
    return None if Z is None else int(Z[0].size)


def _colourings(data: Dataset) -> dict[str, str]:
    """Ways of colouring samples: by cluster, where there are classes by those, and by each attribute."""
    known = BY_CLASS if data.y is not None else {"cluster": BY_CLASS["cluster"]}
    titles = class_titles([*known.values(), *data.attributes])[len(known) :]  # an attribute may be called like another title
    return known | {f"{COLUMN}{name}": plain(title) for name, title in zip(data.attributes, titles, strict=True)}


def _against(name: str, labels: np.ndarray, data: Dataset) -> str:
    """How well the clusters agree with an attribute."""
    scores = evaluation.evaluate(*evaluation.known(data.attributes[name].y, labels))
    return f"Clusters against {plain(name)}: NMI (geometric) {scores['nmi_geometric']:.3f}, ARI {scores['ari']:.3f}."


def sample_groups(colouring: str, labels: np.ndarray, data: Dataset) -> tuple[np.ndarray, list[str]]:
    """Group of each sample and the names of the groups, for one way of colouring."""
    if colouring.startswith(COLUMN):
        attribute = data.attributes[colouring.removeprefix(COLUMN)]
        groups, names = in_groups(attribute.y, attribute.classes)
        return groups, plain_names(list(names))
    if colouring == "cluster" or data.y is None:
        return labels, plain_names([f"cluster {name}" for name in cluster_names(data, labels)])
    if colouring == "class":
        groups, names = in_groups(data.y, data.classes)
        return groups, plain_names(list(names))
    groups, names = in_groups(np.where(data.y < 0, -1, labels != data.y), ("correct", "wrong"))
    return groups, list(names)


def affinity_view(run: Run, data: Dataset) -> None:
    """Heatmap of C, of the post-processed affinity or of the prior graph, with its blocks."""
    form, present = held(run, data), matrices_of(run, data)
    matrices = {name: title for name, title in MATRICES.items() if present[name]}
    if not matrices:
        more = (
            " The graph that it reconstructs is shown under Anchors."
            if "S.row" in store().files.array_names(run.id, "final")
            else ""
        )
        st.info(f"This method clusters samples or codes directly: it has no affinity matrix.{more}", icon=":material/info:")
        return
    orders = {"cluster": "Cluster", "class": "Class"} if data.y is not None else {"cluster": "Cluster"}
    with st.container(horizontal=True):
        which = segments("Matrix", matrices, key="a_which")
        order = segments("Order by", orders, key="a_order")
    labels = numbered(run, data)
    groups = class_groups(data.y) if order == "class" and data.y is not None else labels
    names = dict(enumerate(plain_names(list(data.classes) if order == "class" else cluster_names(data, labels))))
    names[NO_CLASS] = UNLABELLED
    zoom = st.multiselect(
        "Zoom to", sorted(set(groups.tolist())), format_func=lambda g: names[g], placeholder="all blocks", key=f"a_zoom_{order}"
    )
    about = _about(which, form, run, data)
    if about:
        st.caption(" ".join(about))
    if order == "class":
        st.caption(":material/visibility: Ordered with the labels; the order by cluster needs none.")

    def draw(answer: Answer) -> None:
        arrays = answer.arrays
        n = len(arrays["order"])
        shown = [names[g] for g in dict.fromkeys(arrays["groups"].tolist())]
        figure = figures.blocks(arrays["blocks"], arrays["borders"], n, labels=shown)
        key = f"affinity:{run.id}:{which}:{order}:{zoom}"
        st.plotly_chart(figure, width=SQUARE, key=key, alt=f"{MATRICES[which]} ordered by {order}")
        if n > len(arrays["blocks"]):
            pixels = len(arrays["blocks"])
            st.caption(f"Means over blocks: {n:,} samples on {pixels} pixels. Zoom for detail.")

    answered("matrix", draw, run=run.id, which=which, order=order, pixels=PIXELS, clusters=zoom or None)


def _about(which: str, form: str | None, run: Run, data: Dataset) -> list[str]:
    """What must be known to read a matrix."""
    words = []
    if which == "graph":
        words.append(ABOUT["graph"])
    if form == "neighbors" and which in ("C", "affinity"):
        words.append(ABOUT["sparse"].format(k=min(run.spec.params["n_candidates"], data.n_samples - 1)))
    if form == "subset":
        words.append(ABOUT["subset"].format(s=run.spec.params["subset_size"], n=data.n_samples))
    return words


def workbench_view(run: Run, data: Dataset) -> None:
    """Cluster the stored C again under other affinity constants, at once and without training."""
    form = held(run, data)
    if form not in ("full", "subset"):
        why = {
            "neighbors": "The workbench changes how a full C becomes an affinity. Here C is sparse, and its affinity is |C|.",
            "anchors": "The workbench changes how a full C becomes an affinity. Here C is over anchors and has none.",
        }
        st.info(why.get(form or "", "This run has no self-expression matrix."), icon=":material/info:")
        return
    n = int(run.spec.params["subset_size"]) if form == "subset" else data.n_samples
    cls = methods.method_class(run.spec.method)
    declared = cls.declared()
    params = {**explore.settled_params(run), "n_clusters": run.result["n_clusters"]}
    left, right = st.columns([1, 2], gap="large")
    constants: dict[str, Any] = {}
    with left:
        st.button("Reset", icon=":material/undo:", key="w_reset", on_click=_reset_workbench, args=(run.id,))
        idle = cls.idle(standing(declared, params, f"w:{run.id}"))
        for name in (*explore.READOUT_CONSTANTS, "assign_labels"):
            concrete = replace(declared[name], optional=False)  # here one is chosen; Suggest tells which, below
            constants[name] = widget(concrete, params.get(name, concrete.default), key=f"w:{run.id}:{name}", idle=name in idle)
        constants["zero_diagonal"] = st.toggle("Drop the diagonal of C", key=f"w:{run.id}:zero")
        constants["n_clusters"] = int(st.number_input("K clusters", 2, n - 1, params["n_clusters"], key=f"w:{run.id}:K"))
        constants["random_state"] = int(
            st.number_input("seed of the last step", 0, MAX_SEED, run.spec.seed, key=f"w:{run.id}:seed")
        )

        suggestions(run, constants)
    about = _about("affinity", form, run, data)

    def draw(answer: Answer) -> None:
        scores, before = answer.facts["scores"], run.result["metrics"]
        wanted = with_labels([run]) | {"block_diagonality": "In clusters"}
        present = {name: title for name, title in wanted.items() if name in scores}
        for column, (name, title) in zip(st.columns(len(present)), present.items(), strict=True):
            change = scores[name] - before[name]
            column.metric(
                title, f"{scores[name]:.3f}", delta=f"{change:+.3f}" if abs(change) >= 5e-4 else None, delta_color="off"
            )
        arrays = answer.arrays
        figure = figures.blocks(arrays["blocks"], arrays["borders"], len(arrays["order"]))
        st.plotly_chart(figure, width=SQUARE, key="workbench", alt="Affinity under the chosen constants")
        seconds = f"Worked out in {answer.facts['seconds']:.1f} s from the stored C; changes are against the run."
        st.caption(" ".join([seconds, "Constants that are chosen by their ACC are chosen with the labels.", *about]))

    with right:
        answered("recluster", draw, run=run.id, pixels=PIXELS, **constants)
        experiments(run, constants)


def _reset_workbench(run_id: str) -> None:
    for key in [key for key in st.session_state if str(key).startswith(f"w:{run_id}:")]:
        del st.session_state[key]


def reconstruction_view(run: Run, data: Dataset) -> None:
    """What the network makes of samples: a draw, or those it does worst."""
    stored = store().files.arrays(run.id, "final", ("X_hat", "X_hat_rows"))
    X_hat = stored.get("X_hat")
    if X_hat is None or data.image_shape is None:
        st.info("There are no reconstructions of images in this run.", icon=":material/info:")
        return
    samples = data.samples[stored["X_hat_rows"]] if "X_hat_rows" in stored else data.samples  # of very many, some are kept
    error = evaluation.reconstruction_error(samples, X_hat)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        other = _run_beside(run)
        which = st.segmented_control(
            "Show", ["a draw", "the worst", "the best"], default="a draw", required=True, key="r_which"
        )
        seed = st.number_input("Draw", 0, 10_000, 0, disabled=which != "a draw", width=140)
    if which == "a draw":
        shown = np.sort(np.random.default_rng(int(seed)).choice(len(samples), min(36, len(samples)), replace=False))
    else:
        shown = np.argsort(-error if which == "the worst" else error)[:36]
    names = distinct_titles([run, *other], run)
    rows = {names[run.id]: X_hat} | {names[o.id]: store().files.array(o.id, "final", "X_hat") for o in other}
    for part in np.array_split(shown, max(1, len(shown) // 12)):
        sheet = reconstruction_sheet(samples[part], *(A[part] for A in rows.values()))
        st.image(sheet, width="stretch", alt=f"Originals, then reconstructions by {', '.join(rows)}")
    means = "; ".join(f"{name} {evaluation.reconstruction_error(samples, A).mean():.5f}" for name, A in rows.items())
    over = f"Mean squared error over {len(samples):,} samples"
    st.caption(f"Originals, and below them {plain(' and '.join(rows))}. {over}: {plain(means)}.")


def _run_beside(run: Run) -> list[Run]:
    """The other run, if any, whose reconstructions of the same samples the user wants to see."""
    others = [o for o in runs_beside(run) if o.id != run.id and "X_hat" in store().files.array_names(o.id, "final")]
    if not others:
        return []
    known, titles, start = {other.id: other for other in others}, dated_titles(others), partner(run, others)
    ids: list[str | None] = [None, *known]
    chosen = st.selectbox(
        "Beside",
        ids,
        ids.index(start.id) if start else 0,
        key=f"r_beside:{run.id}",
        width=300,
        format_func=lambda i: "nothing" if i is None else titles[i],
    )
    return [] if chosen is None else [known[chosen]]


def curves_view(run: Run, data: Dataset) -> None:
    """Scores over the run with the references, and every loss term."""
    rows = store().history(run.id)
    nmi, title, _ = nmi_of(run.spec.method)
    named = {
        "acc": "ACC",
        nmi: title,
        "silhouette": "Silhouette",
        "block_diagonality": "Block-diagonality",
        "diagonal_mass": "Diagonal mass",
    }
    series = {}
    for name, title in named.items():
        points = [(row.seq, row.scalars[name]) for row in rows if name in row.scalars]
        if points:
            steps, values = zip(*points, strict=True)
            series[title] = (np.array(steps), np.array(values))
    if series:
        st.caption("Scores while training; grey, the ACC of the references")
        figure = figures.curves(series, references=reference_lines(run, "acc"))
        st.plotly_chart(figure, key="score_curves", alt="Scores over the steps of the run")
    loss_curves(rows, run)
    if not rows or (not series and len(rows) < 3):
        st.info("This method has no training to draw.", icon=":material/info:")


def record_view(run: Run, data: Dataset) -> None:
    """Hyperparameters, how long each stage took, and everything else that is recorded."""
    left, right = st.columns(2, gap="large")
    declared = methods.method_class(run.spec.method).declared()
    with left:
        st.caption("Hyperparameters")
        values = {**run.spec.params, "n_clusters": run.result.get("n_clusters"), "random_state": run.spec.seed}
        taken = {name: f"{_text(value)}, chosen without labels" for name, value in run.result.get("taken", {}).items()}
        values |= taken
        table = [
            {"Parameter": param.name, "Value": _text(values.get(name)), "Default": _text(param.default), "Meaning": param.help}
            for name, param in declared.items()
        ]
        st.dataframe(pd.DataFrame(table), hide_index=True, alt="Hyperparameters of the run")
    with right:
        seconds = {k: v for k, v in run.result.get("seconds", {}).items() if v and k not in ("total", "cpu")}
        st.caption(
            f"Seconds by stage, {run.result['seconds']['total']:.1f} s in all, {run.result['seconds']['cpu']:.1f} s of CPU"
        )
        st.bar_chart(
            pd.DataFrame({"stage": list(seconds), "seconds": list(seconds.values())}),
            x="stage",
            y="seconds",
            horizontal=True,
            color=TEN[0],
            height=240,
        )
        device, memory = run.result.get("gpu") or run.result.get("device"), run.result.get("peak_rss_mb", 0)
        on_gpu = f" and {run.result['peak_gpu_mb']:.0f} MB of its own" if "peak_gpu_mb" in run.result else ""
        rounded = run.result.get("products", "float32")
        how = "products in float32" if rounded == "float32" else f"products rounded to {rounded} where that is faster"
        st.caption(f"Device {device}, {how}, peak memory {memory:.0f} MB{on_gpu}, data {run.result.get('fingerprint')}")
        start = start_words(run)
        if start:
            st.caption(f":material/compress: {start}")
        with st.expander("Spec as JSON"):
            st.json(run.spec.to_dict())


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "-".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
