"""Presets as data: what a file may say, how it is read, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.common import InvalidInput
from core.methods import preset_for, registered
from core.methods.presets import CHOSEN, SOURCES, load_presets

HEAD = 'title = "T"\ndataset = "orl"\nsource = "ours"\nchosen = "with labels"\n'
FOLDER = Path(__file__).resolve().parent.parent / "core" / "methods"


def presets(tmp_path: Path, text: str) -> dict:
    file = tmp_path / "method.toml"
    file.write_text(text)
    return load_presets(file)


def test_values_come_from_what_is_extended_in_turn_then_from_the_preset(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("[orl]\na = 0\ne = 5\n")
    found = presets(
        tmp_path,
        f"""
[notes]
slow = "Hours."
[shared.one]
a = 1
b = 1
[presets.first]
{HEAD}
note = ["It is", "slow"]
extends = ["other.orl", "shared.one"]
params = {{ b = 2, c = 3 }}
[presets.second]
{HEAD}
extends = ["presets.first"]
params = {{ c = 4 }}
""",
    )
    assert found["first"].params == {"a": 1, "b": 2, "c": 3, "e": 5} and found["first"].note == "It is Hours."
    assert found["second"].params == {"a": 1, "b": 2, "c": 4, "e": 5} and found["second"].note == ""


def test_a_preset_may_say_that_it_is_the_first_of_its_data() -> None:
    assert preset_for("udll", "digits")[0] == "digits-cold" and preset_for("udll", "digits", "digits")[0] == "digits"
    for name, cls in registered().items():
        firsts = [preset.dataset for preset in cls.presets.values() if preset.first]
        assert len(firsts) == len(set(firsts)), f"{name} has two presets that come first"


def test_networks_are_at_hand_everywhere(tmp_path: Path) -> None:
    found = presets(tmp_path, f'[presets.p]\n{HEAD}extends = ["networks.orl"]\n')
    assert found["p"].params["channels"] == [10, 20, 30]


@pytest.mark.parametrize(
    "text",
    [
        HEAD.replace("ours", "mine"),
        HEAD.replace("with labels", "somehow"),
        HEAD.replace('title = "T"\n', ""),
        HEAD + "colour = 3\n",
        HEAD + 'extends = ["shared.nothing"]\n',
        HEAD + 'extends = ["nofile.orl"]\n',
    ],
)
def test_what_is_wrong_is_refused_by_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInput, match=r"preset 'p' in method\.toml"):
        presets(tmp_path, f"[presets.p]\n{text}")


def test_no_file_is_no_presets(tmp_path: Path) -> None:
    assert load_presets(tmp_path / "nobody.toml") == {}


def test_every_file_belongs_to_a_method_or_is_extended() -> None:
    texts = {file: file.read_text() for file in FOLDER.rglob("*.toml")}
    assert len(texts) > 20
    for file in texts:
        extended = any(f'"{file.stem}.' in text for text in texts.values())
        assert file.stem in registered() or extended, f"{file.name} is for nobody"


@pytest.mark.parametrize("name", [name for name, cls in registered().items() if cls.presets])
def test_every_preset_is_valid_and_says_where_it_comes_from(name: str) -> None:
    for preset in registered()[name].presets.values():
        assert preset.source in SOURCES and preset.chosen in CHOSEN and preset.title
        assert (preset.source == "ours") or preset.chosen == "published"
        registered()[name](**preset.params)
