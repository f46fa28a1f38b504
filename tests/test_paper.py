"""What others are given of a run: figures whose files open and hold the numbers, a command and a script that repeat it."""

from __future__ import annotations

import io
import json
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core import datasets, methods, runs
from core.datasets import DataSpec
from core.explore import run_report
from core.plots import paper
from core.runs import RunSpec, RunStore, as_command, as_script, execute, make_spec, this_process
from tests.conftest import ROOT

SMALL = DataSpec("digits", per_class=12, n_classes=4)
POINTS = np.random.default_rng(0).standard_normal((60, 2))
GROUPS = np.arange(60) % 3


def drawn() -> dict[str, Any]:
    size = paper.Size(9.0, 0.75, 7.0)
    return {
        "embedding": paper.embedding(POINTS, GROUPS, ["a", "b & c", "<d>"], size, title="codes"),
        "affinity": paper.affinity(np.kron(np.eye(3), np.ones((5, 5))) + 1e-3, [1 / 3, 2 / 3], size),
        "confusion": paper.confusion(np.array([[31, 2], [0, 27]]), ["p", "q"], ["p", "q"], size),
        "curves": paper.curves({"ACC": ([1, 2, 3], [0.2, 0.5, 0.625])}, size, label="score"),
    }


@pytest.mark.parametrize("what", ["embedding", "affinity", "confusion", "curves"])
def test_a_figure_is_of_the_size_that_was_asked_for_in_every_format(what: str) -> None:
    figure = drawn()[what]
    png = Image.open(io.BytesIO(paper.rendered(figure, "png")))
    assert png.size[0] == pytest.approx(9.0 / 2.54 * 300, abs=2) and png.size[1] == pytest.approx(0.75 * png.size[0], abs=2)
    pdf = paper.rendered(figure, "pdf")
    box = re.search(rb"/MediaBox \[\s*0 0 ([\d.]+) ([\d.]+)", pdf)
    assert pdf.startswith(b"%PDF") and box and float(box[1]) == pytest.approx(9.0 / 2.54 * 72, abs=0.5)
    assert paper.rendered(figure, "svg").decode().count("<svg") == 1


def test_figures_hold_the_numbers_as_text() -> None:
    svg = {name: paper.rendered(figure, "svg").decode() for name, figure in drawn().items()}
    assert all(f">{count}<" in svg["confusion"] for count in (31, 2, 27))
    assert ">codes<" in svg["embedding"] and "b &amp; c" in svg["embedding"] and "&lt;d&gt;" in svg["embedding"]
    assert ">ACC<" in svg["curves"] and ">score<" in svg["curves"] and ">step<" in svg["curves"]
    line = drawn()["curves"].axes[0].lines[0]
    np.testing.assert_allclose(line.get_ydata(), [0.2, 0.5, 0.625])
    offsets = np.concatenate([c.get_offsets() for c in drawn()["embedding"].axes[0].collections])
    np.testing.assert_allclose(np.sort(offsets, axis=0), np.sort(POINTS, axis=0))


def spec(method: str, preset: str = "defaults", **overrides: Any) -> RunSpec:
    data = replace(SMALL, seed=3, noise=0.05, scaling="standard")
    return make_spec(method, data, preset=preset, overrides=overrides, seed=5, device="cpu")


@pytest.mark.parametrize(
    "wanted",
    [
        spec("ridge", strength=0.3, zero_diagonal=False),
        spec("udll", "digits", epochs=3, channels="4-3", kernel_sizes="3-3", n_clusters=4),
        spec("spectralnet", n_clusters=None),
    ],
)
def test_the_command_of_a_run_asks_for_the_same_run(wanted: RunSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.cli import training
    from core.cli.main import _parser

    asked: list[RunSpec] = []
    monkeypatch.setattr(
        runs, "prepare", lambda found, load=None: asked.append(found) or (_ for _ in ()).throw(KeyboardInterrupt)
    )
    words = shlex.split(as_command(wanted))
    assert words[:4] == ["python", "-m", "core", "run"]
    with pytest.raises(KeyboardInterrupt):
        training._run(_parser().parse_args(words[3:]))
    found = asked[0]
    assert json.dumps(found.to_dict(), sort_keys=True) == json.dumps(wanted.to_dict(), sort_keys=True)


@pytest.mark.parametrize("method", sorted(methods.registered()))
def test_every_method_has_a_script_of_less_than_thirty_lines(method: str) -> None:
    script = as_script(make_spec(method, SMALL, device="cpu"))
    assert len(script.splitlines()) < 30
    compile(script, method, "exec")


def test_the_script_ends_in_the_same_labels(store: RunStore) -> None:
    wanted = spec("ridge", strength=0.3)
    run = execute(store, store.create(wanted, owner=this_process()).id)
    script = as_script(wanted) + "\nimport json\nprint('LABELS', json.dumps(labels.tolist()))\n"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    labels = json.loads(done.stdout.split("LABELS ")[1])
    np.testing.assert_array_equal(labels, store.files.arrays(run.id, "final")["labels"])


def test_a_report_is_one_page_without_a_link_and_escapes_what_is_hostile(store: RunStore, tmp_path: Any) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    rows = "\n".join(f"{i % 7},{i % 3},{hostile if i % 2 else 'b'}" for i in range(40))
    data = DataSpec(datasets.store_upload("mine.csv", f"a,b,label\n{rows}\n".encode()).stem)
    run = execute(store, store.create(make_spec("kmeans", data, device="cpu"), owner=this_process()).id)
    page = run_report(store, run, datasets.load(data))
    assert hostile not in page and "http" not in re.sub(r"data:image/png;base64,[^\"]+", "", page)
    assert f"{run.result['metrics']['acc']:.4f}" in page and run.result["fingerprint"] in page
    assert "python -m core run kmeans" in page and page.count("<img") >= 1
