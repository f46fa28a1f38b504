"""A run as one page that needs nothing else: what was run, scores and where they come from, pictures, how to repeat it."""

from __future__ import annotations

import base64
import html
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

from core import methods
from core.common import unpacked
from core.datasets import Dataset
from core.plots import paper
from core.runs import Run, RunStore, as_command, as_script, frame_files, shown_samples

STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2733}
table{border-collapse:collapse;margin:.6rem 0}
td,th{border-bottom:1px solid #d5dde3;padding:.25rem .8rem .25rem 0;text-align:left}
img{max-width:48%}pre{background:#f3f6f8;padding:.8rem;overflow-x:auto}small{color:#5b6b79}"""
PACKAGES = ("torch", "numpy", "scipy", "scikit-learn")


def run_report(store: RunStore, run: Run, data: Dataset) -> str:
    """The page, as HTML without a single link; every text of the user or of a file is escaped."""
    cls = methods.method_class(run.spec.method)
    parts = [
        f"<h1>{_e(cls.title)} on {_e(data.title)}</h1>",
        f"<p>{_e(cls.summary)} <i>{_e(cls.paper)}</i></p>",
        "<h2>Scores</h2>",
        _scores(run),
        "<h2>Pictures</h2>",
        *_pictures(store, run, data),
        "<h2>Hyperparameters</h2>",
        _table(("name", "value"), sorted((name, value) for name, value in run.spec.params.items())),
        "<h2>How to repeat it</h2>",
        f"<pre>{_e(as_command(run.spec))}</pre><pre>{_e(as_script(run.spec))}</pre>",
        "<h2>Where it comes from</h2>",
        _table(("what", "which"), _provenance(run, data)),
    ]
    title = _e(f"{cls.title} on {data.title}")
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    return f"{head}{''.join(parts)}</html>"


def _e(text: object) -> str:
    return html.escape(str(text))


def _table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    lines = ["<tr>" + "".join(f"<th>{_e(cell)}</th>" for cell in head) + "</tr>"]
    lines += ["<tr>" + "".join(f"<td>{_e(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    return f"<table>{''.join(lines)}</table>"


def _scores(run: Run) -> str:
    spread: Mapping[str, Any] = run.result.get("spread", {})
    rows = []
    for name, value in run.result.get("metrics", {}).items():
        over = (
            f"{spread[name]['mean']:.4f} ± {spread[name]['std']:.4f} over repetitions of the last step"
            if name in spread
            else ""
        )
        rows.append((name, f"{value:.4f}", over))
    preset = methods.method_class(run.spec.method).presets.get(run.spec.preset)
    known = run.result.get("n_labelled")
    partly = f"Scores against labels count the {known} of {run.result['n_samples']} samples that have one. " if known else ""
    chosen = (
        f"Constants of the preset {preset.title} were chosen: {preset.chosen}."
        if preset
        else "Defaults, chosen for no data set."
    )
    changed = " Some were changed by the user." if run.spec.modified else ""
    return _table(("score", "final epoch", "spread"), rows) + f"<p><small>{_e(partly + chosen + changed)}</small></p>"


def _pictures(store: RunStore, run: Run, data: Dataset) -> Iterable[str]:
    files = frame_files(store.files.folder(run.id))
    if not files:
        return
    _, last = next(unpacked(files[-1].read_bytes()))
    size = paper.Size(12, 0.85, 9)
    if "labels" in last:
        labels = last["labels"][shown_samples(data.n_samples)]
        names = [
            data.classes[k] if data.y is not None and k < len(data.classes) else str(k) for k in range(int(labels.max()) + 1)
        ]
        for name, title in (("circle", "By affinity to each cluster"), ("points", "Codes, two principal components")):
            if name in last:
                yield _image(paper.embedding(last[name].reshape(-1, 2) / 32767, labels, names, size, title=title), title)
    if "blocks" in last:
        decades = last["blocks"].astype(float) / 255 - 1
        values = float(last["top"][0]) * 10 ** (4 * decades)
        yield _image(paper.affinity(values, [], size, title="Affinity, ordered by cluster"), "Affinity")


def _image(figure: Any, title: str) -> str:
    content = base64.b64encode(paper.rendered(figure, "png")).decode()
    return f'<img alt="{_e(title)}" src="data:image/png;base64,{content}">'


def _provenance(run: Run, data: Dataset) -> list[tuple[str, str]]:
    seconds = run.result.get("seconds", {}).get("total", 0.0)
    return [
        ("run", run.id),
        ("seed", str(run.spec.seed)),
        ("preset", run.spec.preset),
        ("data", f"{data.title}: {data.n_samples} samples, fingerprint {run.result.get('fingerprint')}"),
        ("device", str(run.result.get("gpu") or run.result.get("device"))),
        ("seconds", f"{seconds:.1f}"),
        ("Python", platform.python_version()),
        *((name, version(name)) for name in PACKAGES),
    ]
