"""Methods: adding one is one file, names are unique, and bad requests are refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core import methods
from core.common import ParameterError, UnknownName
from core.methods import Clusterer, Preset, register
from tests.conftest import last_json

METHOD = '''
"""Slices: cut the samples, sorted by one feature, into K equal parts."""

import numpy as np

from core.common import integer
from core.methods import Clusterer, Preset, register
from core.training import Step


@register
class Slices(Clusterer):
    """Equal slices along one feature."""

    name = "slices"
    title = "Slices"
    summary = "Sorts by one feature."
    paper = "Nobody 2026"
    presets = {"digits": Preset(title="Digits", dataset="digits", params={"feature": 20})}

    feature: int = integer(0, symbol="f", low=0, high=1000, soft=(0, 63), help="The feature to sort by.")

    def iter_fit(self, X, stages=None):
        self.clusters(X)
        for step in range(3):
            yield Step("sort", step + 1, 3, {"distance": 3.0 - step})
        yield self.conclude({"Z": np.asarray(X).reshape(len(X), -1)})

    def labeller(self, arrays, affinity):
        rank = np.argsort(np.argsort(arrays["Z"][:, self.feature], kind="stable"), kind="stable")
        return lambda seed: (rank * self.K // len(rank)).astype(np.int64)
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder outside the package with one method in one file."""
    path = tmp_path / "methods"
    path.mkdir()
    (path / "slices.py").write_text(METHOD)
    return path


@pytest.mark.journey
def test_one_file_is_all_that_a_method_needs_to_be_listed(folder: Path, command: Callable) -> None:
    done = command("methods", "--json", AFFINITY_LAB_METHODS=str(folder))
    assert done.returncode == 0, done.stderr
    listed = {method["name"]: method for method in last_json(done.stdout)}
    assert {"slices", "udll", "kmeans"} <= set(listed)
    assert [p["name"] for p in listed["slices"]["parameters"]] == ["n_clusters", "random_state", "feature"]
    assert listed["slices"]["presets"]["digits"]["params"] == {"feature": 20}


@pytest.mark.journey
def test_one_file_is_all_that_a_method_needs_to_run(folder: Path, command: Callable) -> None:
    arguments = ("run", "slices", "--dataset", "digits", "--per-class", 10, "--json")
    done = command(*arguments, AFFINITY_LAB_METHODS=str(folder))
    assert done.returncode == 0, done.stderr
    result = last_json(done.stdout)
    assert (result["status"], result["method"], result["preset"]) == ("done", "slices", "digits")
    assert result["params"]["feature"] == 20 and result["n_samples"] == 100
    assert 0.1 <= result["metrics"]["acc"] < 1
    without = command(*arguments)
    assert without.returncode == 2 and "slices" in without.stderr


@pytest.mark.journey
def test_a_file_that_takes_a_name_which_is_taken_is_refused(folder: Path, command: Callable) -> None:
    (folder / "again.py").write_text(METHOD)
    done = command("methods", AFFINITY_LAB_METHODS=str(folder))
    assert done.returncode != 0
    assert "slices" in done.stderr and "taken" in done.stderr


def test_a_name_cannot_be_registered_twice() -> None:
    known = methods.registered()["kmeans"]
    with pytest.raises(TypeError, match="kmeans"):

        @register
        class Other(Clusterer):
            name = "kmeans"

    assert methods.registered()["kmeans"] is known


def test_a_method_must_have_a_name() -> None:
    with pytest.raises(TypeError, match="Nameless"):

        @register
        class Nameless(Clusterer):
            pass


def test_the_list_is_read_only_and_deep_methods_come_first() -> None:
    known = methods.registered()
    with pytest.raises(TypeError):
        known["mine"] = known["kmeans"]  # type: ignore[index]
    deep = [cls.learns == "deep" for cls in known.values()]
    assert any(deep) and deep == sorted(deep, reverse=True)
    assert all(name == cls.name for name, cls in known.items())


def test_build_checks_and_converts_what_it_is_given() -> None:
    method = methods.build("kmeans", n_clusters="3", n_init=2.0, random_state=7)
    assert (method.n_clusters, method.get_params()["n_init"], method.random_state, method.device) == (3, 2, 7, "cpu")
    X = np.repeat(np.eye(3, dtype=np.float32), 5, axis=0)
    assert len(set(zip(method.fit_predict(X), np.repeat(range(3), 5)))) == 3


@pytest.mark.parametrize(
    ("name", "params", "error", "words"),
    [
        ("kmens", {}, UnknownName, ["kmens", "Did you mean 'kmeans'", "udll"]),
        ("kmeans", {"n_cluster": 3}, UnknownName, ["n_cluster", "Did you mean 'n_clusters'", "kmeans"]),
        ("kmeans", {"n_clusters": 1}, ParameterError, ["'n_clusters'", "kmeans", "[2, 1000]", "1"]),
        ("kmeans", {"n_init": "many"}, ParameterError, ["'n_init'", "'many'"]),
        ("udll", {"alpha": float("nan")}, ParameterError, ["'alpha'", "udll", "nan"]),
        ("udll", {"penalty": "none"}, ParameterError, ["'penalty'", "'free'", "'symmetric'"]),
    ],
)
def test_build_refuses_by_name(name: str, params: dict, error: type[Exception], words: list[str]) -> None:
    with pytest.raises(error) as caught:
        methods.build(name, **params)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize("bad", [{"n_init": 0}, {"n_clusters": True}])
def test_the_constructor_and_set_params_check_too(bad: dict) -> None:
    cls = methods.method_class("kmeans")
    with pytest.raises(ParameterError, match=next(iter(bad))):
        cls(**bad)
    with pytest.raises(ParameterError, match=next(iter(bad))):
        cls().set_params(**bad)


def test_the_preset_is_the_one_asked_for_else_the_one_of_the_data_else_the_defaults() -> None:
    presets = methods.method_class("ridge").presets
    assert methods.preset_for("ridge", "orl") == ("orl", presets["orl"])
    assert methods.preset_for("ridge", "orl", "auto") == ("orl", presets["orl"])
    assert methods.preset_for("ridge", "orl", "coil20") == ("coil20", presets["coil20"])
    assert methods.preset_for("ridge", "orl", "defaults") == ("defaults", None)
    assert methods.preset_for("ridge", "something else") == ("rule", None)
    assert methods.preset_for("ridge", "orl", "rule") == ("rule", None)
    assert methods.preset_for("kmeans", "something else") == ("defaults", None)
    with pytest.raises(UnknownName, match="rule"):
        methods.preset_for("kmeans", "something else", "rule")
    with pytest.raises(UnknownName) as caught:
        methods.preset_for("ridge", "orl", "coil21")
    assert "Did you mean 'coil20'" in str(caught.value) and "defaults" in str(caught.value)
    with pytest.raises(UnknownName):
        methods.preset_for("rigde", "orl")


@pytest.mark.parametrize(
    ("method", "dataset", "expected"),
    [
        ("udll", "coil100", "coil100"),
        ("dsc", "coil100", "coil100"),
        ("dsc", "yaleb", "yaleb-code"),
        ("udll", "yaleb", "yaleb"),
        ("rgrl", "yaleb", "yaleb-fast"),
        ("grdnn", "digits", "digits-fast"),
        ("rgrl", "fashion_mnist", "rule"),
        ("tagnet", "fashion_mnist", "defaults"),
    ],
)
def test_the_automatic_preset_is_any_of_the_data_before_the_defaults(method: str, dataset: str, expected: str) -> None:
    assert methods.preset_for(method, dataset, "auto")[0] == expected


def test_the_papers_preset_goes_before_the_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {
        name: Preset(title=name, dataset="orl", params={}, source=source)
        for name, source in (("orl-ours", "ours"), ("orl-code", "code"), ("orl-paper", "paper"))
    }
    monkeypatch.setattr(methods.method_class("kmeans"), "presets", made)
    assert methods.preset_for("kmeans", "orl")[0] == "orl-paper"
    monkeypatch.delitem(made, "orl-paper")
    assert methods.preset_for("kmeans", "orl")[0] == "orl-code"


def test_a_preset_of_the_data_set_may_be_named_by_its_ending() -> None:
    presets = methods.method_class("rgrl").presets
    assert methods.preset_for("rgrl", "coil20") == ("coil20", presets["coil20"])
    assert methods.preset_for("rgrl", "coil20", "fast") == ("coil20-fast", presets["coil20-fast"])
    assert methods.preset_for("rgrl", "orl", "code") == ("orl-code", presets["orl-code"])
    assert "orl" not in presets and methods.preset_for("rgrl", "orl") == ("orl-fast", presets["orl-fast"])
    with pytest.raises(UnknownName, match="fast"):
        methods.preset_for("rgrl", "digits", "fast")
