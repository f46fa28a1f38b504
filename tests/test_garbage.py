"""What is loaded is looked through for garbage once, not after every page."""

from __future__ import annotations

import gc
import sys

import pytest

from pages.ui import garbage


def test_libraries_are_spared_when_they_come_in_and_not_at_every_run(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen: list[int] = []
    monkeypatch.setattr(garbage, "_seen", [0])
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(len(sys.modules)))
    for _ in range(3):
        garbage.spare_libraries()
    assert len(frozen) == 1
    monkeypatch.setattr(garbage, "_seen", [len(sys.modules) - garbage.GROWN])
    garbage.spare_libraries()
    assert len(frozen) == 2
