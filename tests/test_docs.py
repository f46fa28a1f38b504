"""The documents: short, true where a test can tell, and with an example that runs."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from core import cli, datasets, methods
from core.bench.results import FOLDER, Row, load_results
from tests.conftest import ROOT, last_json

README = (ROOT / "README.md").read_text()
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "core/README.md", "core/jobs/README.md")
TITLES = re.findall(r'st.Page\(.*?title="([^"]+)"', (ROOT / "pages" / "ui" / "navigation.py").read_text())


def code(language: str) -> str:
    """The first block of the README in a language."""
    return re.search(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)[1]  # type: ignore[index]


def test_the_readme_is_short_and_tells_of_every_page_method_and_data_set() -> None:
    assert len(README.splitlines()) < 200
    assert len(TITLES) >= 6 and [title for title in TITLES if f"\n**{title}.**" not in README] == []
    assert [name for name in methods.registered() if f"`{name}`" not in README] == []
    assert [name for name in datasets.dataset_names() if f"`{name}`" not in README] == []


def test_what_seeds_agree_on_is_what_the_benchmark_kept() -> None:
    kept = {(row.of["method"], row.of["data"]): row.scores for row in load_results(FOLDER / "consensus.json").rows}
    told = re.search(r"\*\*RGRL\*\*, .*?\n\n", README, flags=re.DOTALL)[0]  # type: ignore[index]
    for data in ("orl", "mnist_1000"):
        for score in kept["rgrl", data].values():
            assert f"{score.mean:.3f} ± {score.std:.3f}".replace("0.", ".") in told


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_point_at_files_that_are_there(name: str) -> None:
    text = (ROOT / name).read_text()
    linked = re.findall(r"\]\(([^)#:]+)\)", text)
    named = re.findall(r"`((?:core|pages|tests|assets)/[\w./]+)`", text)
    assert [path for path in linked if not (ROOT / name).parent.joinpath(path).exists()] == []
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_name_commands_that_there_are(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    known = set(re.findall(r"^    (\w+)(?= |$)", capsys.readouterr().out, flags=re.MULTILINE))
    assert {"run", "bench"} <= known
    text = (ROOT / name).read_text()
    assert set(re.findall(r"python -m core (\w+)", text)) <= known
    if name == "README.md":
        block = re.search(r"```\n(python -m core.*?)```", text, flags=re.DOTALL)[1]  # type: ignore[index]
        assert {word for word in known if not re.search(rf"\b{word}\b", block)} == {"worker"}, "the app's own, not for people"


@pytest.mark.journey
def test_the_method_of_the_readme_is_one_that_runs(tmp_path: Path, command: Callable) -> None:
    (tmp_path / "soft_means.py").write_text(code("python"))
    outside = {"AFFINITY_LAB_METHODS": str(tmp_path)}
    listed = {method["name"]: method for method in last_json(command("methods", "--json", **outside).stdout)}
    assert [p["name"] for p in listed["soft_means"]["parameters"]] == ["n_clusters", "random_state", "epochs"]
    done = command("run", "soft_means", "--dataset", "digits", "--per-class", 30, "--json", **outside)
    assert done.returncode == 0, done.stderr
    result = last_json(done.stdout)
    assert result["status"] == "done" and result["metrics"]["acc"] > 0.5 and not result["alarms"]


def in_print(row: Row, names: Sequence[str]) -> str:
    """Scores of a row as the README shows them: ours with their spread, and the paper's in brackets."""

    def short(*values: float | None) -> str:
        return " ± ".join(f"{value:.3f}".removeprefix("0") for value in values if value is not None)

    scores = [row.scores[name] for name in names]
    ours, papers = [short(score.mean, score.std) for score in scores], [short(score.paper) for score in scores]
    return f"{' / '.join(ours)} ({' / '.join(papers)})"


@pytest.mark.parametrize(
    ("title", "file"),
    {"RGRL": "rgrl-table4", "UDLL": "udll-table3", "DSCDAN": "dscdan-table3", "GR-DNN": "grdnn-table2"}.items(),
)
def test_the_scores_of_the_readme_are_those_that_are_kept_with_their_spread(title: str, file: str) -> None:
    rows = README.split(f"\n**{title}**, ")[1].split("\n\n")[1].splitlines()[2:]
    shown = [cell.strip() for row in rows for cell in row.split("|")[2:-1] if cell.strip()]
    known = set()
    for row in load_results(FOLDER / f"papers-{file}.json").rows:
        told = [name for name, score in row.scores.items() if score.mean is not None and score.paper is not None]
        known |= {in_print(row, names) for count in (1, 2) for names in itertools.permutations(told, count)}
    assert len(shown) >= 4
    assert [cell for cell in shown if cell not in known] == []
