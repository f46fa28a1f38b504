"""The list of faults fits the code; whether tests find them is tried by ``make mutants``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants.__main__ import FAILED, PASSED, report
from tests.mutants.catalogue import ROOT, Mutant, catalogue

ONE = Mutant("a.py", "x + 1", "x - 1", ("test_a.py",), "sums")


@pytest.mark.parametrize("mutant", catalogue(), ids=lambda mutant: f"{mutant.file}-{mutant.why}")
def test_a_fault_is_one_edit_and_names_its_tests(mutant: Mutant) -> None:
    assert (ROOT / mutant.file).read_text().count(mutant.old) == 1, f"not there once: {mutant.old!r}"
    assert mutant.old != mutant.new and mutant.why
    assert (ROOT / mutant.tests[0]).is_file()


def test_an_edit_is_made_and_taken_back(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("y = x + 1\n")
    with ONE.within(tmp_path):
        assert file.read_text() == "y = x - 1\n"
        with pytest.raises(ValueError, match=r"a\.py holds the text 0 times"), ONE.within(tmp_path):
            pass
    assert file.read_text() == "y = x + 1\n"


@pytest.mark.parametrize(
    ("sound", "spoilt", "code", "said"),
    [
        (PASSED, FAILED, 0, "0 survive"),
        (PASSED, PASSED, 1, "SURVIVES a.py - sums"),
        (PASSED, 5, 2, "1 are unclear"),
        (FAILED, FAILED, 2, "fail without any fault"),
    ],
)
def test_survivors_are_told_from_those_found(
    sound: int, spoilt: int, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def each(work: object, things: list[object]) -> list[int]:
        return [spoilt if isinstance(thing, Mutant) else sound for thing in things]

    assert report([ONE], each) == code  # type: ignore[arg-type]
    assert said in capsys.readouterr().out
