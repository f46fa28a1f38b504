"""The command line as other programs use it: one JSON value on the last line, and exit codes that mean something."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core import cli
from core.datasets import DataSpec, load
from core.runs import Owner, RunStore, Status, make_spec, this_process
from tests.conftest import last_json, wait_until

pytestmark = pytest.mark.journey
ROOT = Path(__file__).resolve().parent.parent
SMALL = ("--dataset", "digits", "--per-class", "8")
RESULT_KEYS = {"run_id", "status", "method", "dataset", "params", "seed", "device", "n_samples", "metrics", "best", "seconds",
               "peak_rss_mb"}  # fmt: skip
SCORES = {"acc", "nmi_geometric", "nmi_arithmetic", "nmi_max", "ari", "purity", "silhouette"}


def ask(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command in this process."""
    try:
        code = cli.main([str(argument) for argument in arguments])
    except SystemExit as stop:  # argparse
        code = int(stop.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def npz(path: Path, **arrays: Any) -> Path:
    np.savez(path, allow_pickle=False, **{name: np.asarray(value) for name, value in arrays.items()})
    return path


# ---- journeys --------------------------------------------------------------------------------------------------------


def test_the_whole_life_of_a_run(
    command: Callable, capsys: pytest.CaptureFixture[str], store: RunStore, tmp_path: Path
) -> None:
    def told(*arguments: object) -> str:
        code, out, err = ask(capsys, *arguments)
        assert code == 0, err
        return out

    done = command("run", "udll", *SMALL, "--preset", "defaults", "--set", "epochs=5", "--set", "pretrain_epochs=3", "--set",
                   "channels=4-3", "--set", "kernel_sizes=3-3", "--seed", 4, "--device", "cpu", "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1, "results go to stdout, progress to stderr"
    assert "finetune" in done.stderr
    result = last_json(done.stdout)
    assert set(result) >= RESULT_KEYS
    assert (result["status"], result["method"], result["dataset"]) == ("done", "udll", "digits")
    assert (result["seed"], result["device"], result["n_samples"]) == (4, "cpu", 80)
    assert (result["params"]["epochs"], result["params"]["channels"]) == (5, [4, 3])
    assert set(result["metrics"]) >= SCORES and all(-1 <= result["metrics"][name] <= 1 for name in SCORES)
    seconds = result["seconds"]
    assert {"import", "load", "pretrain", "finetune", "watch", "spectral", "score", "total"} <= set(seconds)
    assert seconds["import"] > seconds["load"], "what was imported is not counted as loading"
    assert result["best"]["chosen_with_labels"] is True and result["best"]["acc"] >= result["metrics"]["acc"]
    assert result["peak_rss_mb"] > 50 and result["error"] is None
    run_id = result["run_id"]

    assert last_json(told("show", run_id, "--json")) == result
    (listed,) = last_json(told("list", "--json"))
    assert {key: listed[key] for key in result} == result
    assert run_id in told("list") and "chosen with the labels" in told("show", run_id)

    target = tmp_path / "run.zip"
    assert last_json(told("export", run_id, target, "--json")) == {"run_id": run_id, "file": str(target)}
    with zipfile.ZipFile(target) as archive:
        assert json.loads(archive.read("run.json"))["result"]["metrics"] == result["metrics"]
        with archive.open("arrays.npz") as stored:
            assert np.load(stored)["labels"].shape == (80,)

    deleted = command("delete", run_id, "--json")
    assert deleted.returncode == 0 and last_json(deleted.stdout) == {"deleted": run_id}
    assert last_json(told("list", "--json")) == [] and not store.files.folder(run_id).exists()
    assert ask(capsys, "show", run_id, "--json")[0] == 2


@pytest.fixture
def begun(store: RunStore, worker_env: Callable[..., dict[str, str]]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A command that trains for a long time, and its run once it is on its way."""
    arguments = ("run", "ae_kmeans", *SMALL, "--set", "pretrain_epochs=100000", "--device", "cpu", "--json")
    child = subprocess.Popen(
        [sys.executable, "-m", "core", *arguments],
        cwd=ROOT,
        env=worker_env(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        (run,) = wait_until(lambda: [run for run in store.runs() if run.progress.get("step", 0) > 1])
        yield child, run.id
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_in_the_middle_ends_with_130_and_a_stopped_run(
    store: RunStore, begun: tuple[subprocess.Popen[str], str], sent: signal.Signals
) -> None:
    child, run_id = begun
    child.send_signal(sent)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130 and "Traceback" not in err
    stopped = store.get(run_id)
    assert stopped.status == Status.STOPPED and stopped.result["n_samples"] == 80 and store.history(run_id)


def test_a_run_whose_process_is_gone_is_resumed(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    gone.wait()
    run = store.create(make_spec("kmeans", DataSpec("digits", per_class=8)), owner=Owner(gone.pid, 1.0, ""))
    assert cli.main(["resume", run.id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["run_id"] == run.id and store.get(run.id).status == Status.DONE
    assert cli.main(["resume", run.id]) == 1 and "is done" in capsys.readouterr().err
    assert cli.main(["resume", "nobody"]) == 2


def test_a_run_that_fails_ends_with_1_and_says_why(command: Callable, tmp_path: Path) -> None:
    (tmp_path / "t_failing.py").write_text(
        "from core.methods import Clusterer, register\nfrom core.training import Step\n\n\n"
        "@register\nclass Failing(Clusterer):\n"
        "    name = 't_failing'\n\n    def iter_fit(self, X, stages=None):\n"
        "        yield Step('finetune', 1, 2, {'loss': float('nan')})\n"
    )
    failed = command("run", "t_failing", *SMALL, "--json", AFFINITY_LAB_METHODS=str(tmp_path))
    assert failed.returncode == 1
    result = last_json(failed.stdout)
    assert set(result) >= RESULT_KEYS and result["status"] == "failed"
    assert "'loss'" in result["error"]["message"] and "epoch 1" in result["error"]["message"]
    assert "diverged" in command("run", "t_failing", *SMALL, AFFINITY_LAB_METHODS=str(tmp_path)).stderr


def test_a_reader_that_goes_away_is_no_error(worker_env: Callable[..., dict[str, str]]) -> None:
    done = subprocess.run(
        f"{sys.executable} -m core methods | head -n 1; exit ${{PIPESTATUS[0]}}", shell=True, executable="/bin/bash", cwd=ROOT,
        env=worker_env(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and done.stdout.strip() and "Traceback" not in done.stderr


# ---- what there is ---------------------------------------------------------------------------------------------------


def test_methods_lists_everything_that_a_form_needs(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ask(capsys, "methods", "--json")
    methods = {method["name"]: method for method in last_json(out)}
    assert code == 0 and {"udll", "ridge", "kmeans", "spectral", "ae_kmeans"} <= set(methods)
    alpha = next(param for param in methods["udll"]["parameters"] if param["name"] == "alpha")
    assert alpha["kind"] == "real" and alpha["low"] <= alpha["default"] <= alpha["high"] and alpha["help"] and alpha["symbol"]
    assert methods["ridge"]["presets"]["orl"]["dataset"] == "orl"
    code, text, _ = ask(capsys, "methods")
    assert code == 0 and all(f"{name}: " in text for name in methods) and alpha["allowed"] in text


def test_datasets_lists_what_is_here_and_how_to_get_the_rest(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AFFINITY_LAB_DATA", raising=False)
    code, out, _ = ask(capsys, "datasets", "--json")
    rows = {row["name"]: row for row in last_json(out)}
    assert code == 0 and rows["digits"]["available"] is True
    assert (rows["digits"]["n_samples"], rows["digits"]["n_classes"]) == (load("digits").n_samples, 10)
    assert rows["coil20"]["label_columns"] == ["pose"]
    assert rows["coil20"]["available"] is False and rows["coil20"]["how_to_get"]
    code, text, _ = ask(capsys, "datasets")
    assert code == 0 and rows["coil20"]["how_to_get"] in text


def test_an_empty_home_has_an_empty_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(capsys, "list", "--json") == (0, "[]\n", "")
    assert ask(capsys, "list") == (0, "", "")


def test_a_run_prints_its_scores_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ask(capsys, "run", "kmeans", *SMALL)
    assert code == 0 and all(score in out for score in SCORES) and "10 repetitions" in out and "done" in out


def test_options_choose_the_part_of_the_data_and_the_preset(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ask(capsys, "run", "ridge", "--dataset", "digits", "--n-classes", 4, "--per-class", 20, "--data-seed", 3,
                       "--scaling", "l2", "--set", "power=2", "--json")  # fmt: skip
    result = last_json(out)
    assert code == 0 and result["n_samples"] == 80 and result["preset"] == "digits"
    assert result["params"]["n_clusters"] == 4 and result["params"]["power"] == 2.0
    part = {"n_samples": None, "per_class": 20, "n_classes": 4, "n_test": None, "seed": 3}
    assert result["data"] == {"name": "digits", "scaling": "l2", "noise": 0.0, "make": {}, **part}


def test_noise_is_an_option_and_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, told = ask(capsys, "run", "kmeans", *SMALL, "--noise", 0.4, "--json")
    assert code == 0 and last_json(out)["data"]["noise"] == 0.4 and "digits with noise 0.4" in told
    assert "digits with noise 0.4" in ask(capsys, "list")[1]
    code, _, told = ask(capsys, "run", "kmeans", *SMALL, "--noise", "nan")
    assert code == 2 and "noise must be a number in [0, 5]" in told


def test_a_file_can_be_trained_on(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = np.repeat(["left", "right"], 15)
    path = npz(tmp_path / "mine.npz", X=rng.normal(size=(30, 3)) + 8 * (y == "right")[:, None], y=y)
    code, out, err = ask(capsys, "run", "kmeans", "--dataset", path, "--json")
    result = last_json(out)
    assert code == 0, err
    assert result["metrics"]["acc"] == 1.0 and result["params"]["n_clusters"] == 2 and result["dataset"] == str(path)


def test_a_file_is_imported_as_it_was_decided_and_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = [f"{i},{a:.3f},{i % 2},{1000 * a:.3f},{'ab'[i % 2]}" for i, a in enumerate(rng.normal(size=30))]
    (tmp_path / "mine.csv").write_text("\n".join(["no,a,b,c,kind", *lines]))
    code, out, err = ask(capsys, "import", tmp_path / "mine.csv", "--look", "--json")
    roles = {part["name"]: part["role"] for part in last_json(out)["parts"]}
    assert code == 0 and roles == {"no": "numbering", "a": "feature", "b": "feature", "c": "feature", "kind": "label"}
    code, out, err = ask(capsys, "import", tmp_path / "mine.csv", "--label", "b", "--drop", "kind", "--keep", "no",
                         "--name", "Mine", "--range=-9,9", "--json")  # fmt: skip
    kept = last_json(out)
    assert code == 0, err
    assert kept["name"].startswith("Mine-") and kept["columns"] == ["no", "a", "c"] and kept["classes"] == ["0", "1"]
    assert "Chosen at import: label 'b'; dropped 'kind'; kept 'no'; range -9 to 9." in kept["notes"]
    assert any("'standard' is recommended" in note for note in kept["notes"])
    code, out, err = ask(capsys, "run", "kmeans", "--dataset", kept["name"], "--scaling", "standard", "--json")
    assert code == 0 and last_json(out)["params"]["n_clusters"] == 2 and "Chosen at import" in err


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--label", "nix"], "no column 'nix'"),
        (["--drop", "nix"], "no column 'nix'"),
        (["--image-shape", "5"], "HxW"),
        (["--image-shape", "5x5"], "needs 25 features"),
        (["--range", "2,1"], "lo,hi"),
        (["--name", " "], "needs a letter"),
        (["--label", "a", "--no-label"], "not allowed with"),
    ],
)
def test_decisions_that_cannot_be_end_with_2_and_keep_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, lab_home: Path, options: list[str], word: str
) -> None:
    (tmp_path / "mine.csv").write_text("a,b\n" + "1,2\n3,5\n" * 9)
    code, _, err = ask(capsys, "import", tmp_path / "mine.csv", *options)
    assert code == 2 and word in err and "Traceback" not in err
    assert not list(lab_home.rglob("*.npz"))


# ---- what is refused -------------------------------------------------------------------------------------------------

REFUSED = [
    (["kmens", *SMALL], ["kmens", "kmeans"]),
    (["kmeans", "--dataset", "digit"], ["digit", "digits"]),
    (["kmeans", "--dataset", "/nowhere/file.npz"], ["/nowhere", "file.npz"]),
    (["kmeans", *SMALL, "--preset", "best"], ["best"]),
    (["udll", *SMALL, "--set", "alhpa=1"], ["alhpa", "alpha"]),
    (["udll", *SMALL, "--set", "alpha=-1"], ["alpha", "-1"]),
    (["udll", *SMALL, "--set", "alpha=nan"], ["alpha", "nan"]),
    (["udll", *SMALL, "--set", "epochs=1.5"], ["epochs", "1.5"]),
    (["udll", *SMALL, "--set", "channels=3--3"], ["channels", "3--3"]),
    (["udll", *SMALL, "--set", "alpha"], ["alpha", "KEY=VALUE"]),
    (["kmeans", *SMALL, "--set", "random_state=1"], ["random_state"]),
    (["kmeans", *SMALL, "--set", "n_clusters=80"], ["n_clusters", "80"]),
    (["kmeans", *SMALL, "--seed", "-1"], ["seed", "-1"]),
    (["kmeans", *SMALL, "--seed", "x"], ["--seed"]),
    (["kmeans", *SMALL, "--snapshots", "0"], ["snapshots"]),
    (["kmeans", *SMALL, "--device", "tpu"], ["--device", "tpu"]),
    (["kmeans", *SMALL, "--scaling", "log"], ["--scaling"]),
    (["kmeans", "--dataset", "digits", "--per-class", "1000"], ["per_class", "1000"]),
    (["kmeans", "--dataset", "digits", "--n-classes", "11"], ["n_classes", "11"]),
    (["kmeans", "--dataset", "digits", "--n-samples", "3"], ["n_samples", "3"]),
    (["kmeans"], ["--dataset"]),
]


@pytest.mark.parametrize(("arguments", "words"), REFUSED, ids=lambda v: " ".join(v[-2:]))
def test_bad_arguments_end_with_2_a_word_on_stderr_and_nothing_stored(
    capsys: pytest.CaptureFixture[str], store: RunStore, arguments: list[str], words: list[str]
) -> None:
    code, out, err = ask(capsys, "run", *arguments, "--json")
    assert code == 2 and out == "" and "Traceback" not in err
    assert all(word in err for word in words), err
    assert store.runs() == []


def bad_files(folder: Path) -> dict[str, tuple[Path, str]]:
    """Files that cannot be used, and a word that the message must hold."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 4)), np.arange(20) % 2
    holes = X.copy()
    holes[2, 3] = np.nan
    infinite = X.copy()
    infinite[5, 0] = np.inf
    text = folder / "text.npz"
    text.write_text("this is no archive")
    words = folder / "words.csv"
    words.write_text("a,b\n" + "one,two\n" * 10)
    return {
        "nan": (npz(folder / "nan.npz", X=holes, y=y), "nan at sample 3, feature 4"),
        "infinite": (npz(folder / "infinite.npz", X=infinite, y=y), "inf"),
        "labels": (npz(folder / "labels.npz", X=X, y=y[:-1]), "19"),
        "one sample": (npz(folder / "one.npz", X=X[:1], y=y[:1]), "1"),
        "constant": (npz(folder / "constant.npz", X=np.ones((20, 4)), y=y), "constant"),
        "empty": (npz(folder / "empty.npz", X=np.zeros((0, 4))), "empty.npz"),
        "no archive": (text, "text.npz"),
        "words": (words, "words.csv"),
        "a folder": (folder, str(folder.name)),
    }


@pytest.mark.parametrize(
    "case", ["nan", "infinite", "labels", "one sample", "constant", "empty", "no archive", "words", "a folder"]
)
def test_bad_files_end_with_2_a_word_on_stderr_and_nothing_stored(
    capsys: pytest.CaptureFixture[str], store: RunStore, tmp_path: Path, case: str
) -> None:
    path, word = bad_files(tmp_path)[case]
    code, out, err = ask(capsys, "run", "kmeans", "--dataset", path, "--set", "n_clusters=2", "--json")
    assert code == 2 and out == "" and err.startswith("error:")
    assert word in err, err
    assert store.runs() == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_ends_with_2_in_a_fresh_process_too(command: Callable, store: RunStore) -> None:
    done = command("run", "udll", *SMALL, "--device", "cuda", "--json")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error:") and "cuda" in done.stderr
    assert store.runs() == [] and list((store.home / "runs").iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [["show", "nobody"], ["export", "nobody", "x.zip"], ["delete", "nobody"], ["show", "../runs.sqlite"], ["worker", "nobody"],
     ["worker"], ["show"], ["fly"], []],
    ids=" ".join,
)  # fmt: skip
def test_commands_on_what_is_not_there_end_with_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        code, out, err = ask(capsys, *arguments, *(["--json"] if arguments else []))
    finally:
        signal.signal(signal.SIGTERM, handler)  # the worker command sets its own
    assert code == 2 and out == "" and err.strip() and "Traceback" not in err
    assert not (tmp_path / "x.zip").exists()


@pytest.mark.parametrize("target", ["no/such/folder/run.zip", "."])
def test_an_export_to_nowhere_ends_with_2_and_leaves_nothing(
    capsys: pytest.CaptureFixture[str], store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    run_id = store.create(make_spec("kmeans", DataSpec("digits"))).id
    folder = tmp_path / "out"
    folder.mkdir()
    monkeypatch.chdir(folder)
    code, out, err = ask(capsys, "export", run_id, target, "--json")
    assert code == 2 and out == "" and err.startswith("error:")
    assert list(folder.iterdir()) == []


def test_an_active_run_is_not_deleted_and_a_lost_one_is_shown_as_lost(
    capsys: pytest.CaptureFixture[str], store: RunStore
) -> None:
    spec = make_spec("kmeans", DataSpec("digits"))
    active, lost = (store.create(spec, owner=owner).id for owner in (this_process(), Owner(os.getpid(), 1.0, "")))
    code, out, err = ask(capsys, "delete", active, "--json")
    assert code == 1 and out == "" and "starting" in err and store.get(active).active
    code, out, _ = ask(capsys, "list", "--json")
    assert code == 0 and {run["run_id"]: run["status"] for run in last_json(out)} == {active: "starting", lost: "lost"}
    assert ask(capsys, "delete", lost)[0] == 0 and [run.id for run in store.runs()] == [active]


@pytest.mark.parametrize("watched", [True, False])
def test_how_far_an_import_is_stands_on_one_line_of_a_terminal_and_nowhere_else(
    capsys: pytest.CaptureFixture[str], lab_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, watched: bool
) -> None:
    (tmp_path / "mine.csv").write_text("a,b\n" + "\n".join(f"{k},{k % 3}" for k in range(40)))
    (tmp_path / "broken.zip").write_bytes(b"PK")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: watched)
    code, _, read = ask(capsys, "import", str(tmp_path / "mine.csv"))
    assert code == 0 and ("Reading: " in read or not watched)
    code, _, refused = ask(capsys, "import", str(tmp_path / "broken.zip"))
    assert code == 2
    for before in (read, refused.split("error: ")[0]):
        assert before.endswith("\r") and "\n" not in before if watched else before == ""
