"""How exactly a run multiplies matrices."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from core import runs
from core.common import InvalidInput
from core.datasets import DataSpec
from core.explore import same_settings
from core.runs import RunSpec, RunStore, arithmetic, make_spec, this_process
from core.runs.arithmetic import BFLOAT16, FLOAT32, TF32, multiplying, products
from pages.ui.naming import told_apart

DATA = DataSpec("digits", per_class=12, n_classes=4)
TINY = {"pretrain_epochs": 2, "epochs": 2}


@pytest.fixture
def instructions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A processor of one's own."""

    def give(line: str) -> None:
        (tmp_path / "cpuinfo").write_text(f"processor : 0\n{line}\n")
        monkeypatch.setattr(arithmetic, "PROCESSOR", tmp_path / "cpuinfo")
        arithmetic._instructions.cache_clear()

    yield give
    arithmetic._instructions.cache_clear()


@pytest.mark.parametrize(
    ("asked", "device", "line", "found"),
    [
        ("auto", "cpu", "flags : sse avx512f avx512_bf16", BFLOAT16),
        ("auto", "cpu", "Features : asimd bf16", BFLOAT16),
        ("auto", "cpu", "flags : sse avx512f", FLOAT32),
        ("auto", "cpu", "model name : one with avx512_bf16 in its name", FLOAT32),
        ("auto", "cuda:0", "", TF32),
        ("exact", "cpu", "flags : avx512_bf16", FLOAT32),
        ("exact", "cuda", "", FLOAT32),
    ],
)
def test_what_is_rounded_is_what_the_machine_is_made_for(asked: str, device: str, line: str, found: str, instructions) -> None:
    instructions(line)
    assert products(asked, device) == found


def test_nothing_is_known_of_a_machine_without_such_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(arithmetic, "PROCESSOR", tmp_path / "none")
    arithmetic._instructions.cache_clear()
    assert products("auto", "cpu") == FLOAT32
    arithmetic._instructions.cache_clear()


@pytest.mark.parametrize(("kind", "value"), [(BFLOAT16, "bf16"), (TF32, "tf32")])
def test_all_is_put_back_even_after_an_error(kind: str, value: str) -> None:
    places = {BFLOAT16: torch.backends.mkldnn, TF32: torch.backends.cuda}
    place = places[kind].matmul  # type: ignore[attr-defined]
    before = place.fp32_precision
    with pytest.raises(KeyError), multiplying(kind):
        assert place.fp32_precision == value
        raise KeyError
    with multiplying(FLOAT32):
        assert place.fp32_precision == before


def test_a_run_says_how_it_multiplied_and_networks_of_both_kinds_are_kept_apart(store: RunStore, instructions) -> None:
    instructions("flags : avx512_bf16")
    done = []
    for asked in ("auto", "exact", "auto"):
        spec = make_spec("udll", DATA, overrides=TINY, device="cpu", arithmetic=asked)
        done.append(runs.execute(store, store.create(spec, owner=this_process()).id))
    assert [run.result["products"] for run in done] == [BFLOAT16, FLOAT32, BFLOAT16]
    assert [run.result["pretrained"]["reused"] for run in done] == [False, False, True]
    assert torch.backends.mkldnn.matmul.fp32_precision == "none"  # type: ignore[attr-defined]
    assert same_settings(done[0].spec) == same_settings(done[1].spec), "it is the same run but for roundings, as on a GPU"
    names = list(told_apart(done, score=False).values())
    assert ["auto" in names[0], "exact" in names[1], "auto" in names[2]] == [True] * 3 and len(set(names)) == 3
    assert "arithmetic" not in "".join(told_apart([done[0], done[2]], score=False).values())


def test_what_numpy_multiplies_is_exact_whatever_is_asked(store: RunStore, instructions) -> None:
    """Also in a worker that has torch from the run before."""
    instructions("flags : avx512_bf16")
    spec = make_spec("ridge", DATA, device="cpu", arithmetic="auto")
    assert spec.arithmetic == "exact"
    assert runs.execute(store, store.create(spec, owner=this_process()).id).result["products"] == FLOAT32


def test_the_arithmetic_is_checked_and_runs_of_before_were_exact() -> None:
    with pytest.raises(InvalidInput, match=r"arithmetic must be one of auto, exact. Got 'half' instead."):
        make_spec("udll", DATA, arithmetic="half")
    spec = make_spec("udll", DATA)
    plain = spec.to_dict()
    assert RunSpec.from_dict(plain) == spec and spec.arithmetic == "auto"
    del plain["arithmetic"]
    assert RunSpec.from_dict(plain).arithmetic == "exact"
