"""Pretrained auto-encoders, kept between runs so that methods can be compared from the same start.

One folder per network under ``<home>/pretrained``, named after what decides it: the content of the data, the recipe
(network, pretraining, seed) and the kind of device. A network is written once and never changed. What else training starts
from, as a dictionary or a graph, is kept in the same way under ``<home>/starts``.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common import StorageError, UnknownName, demand_writable, stored_file, temporary_neighbour, written_by_the_dead
from core.runs.files import read_tensors

NETWORKS, STARTS = "pretrained", "starts"  # folders
ABOUT, STATE, PICTURES = "about.json", "state.pt", "pictures.npz"
ALWAYS_TOLD = ("dataset", "n_samples", "method", "run", "device")
VERSION = 2  # raise it when a recipe comes to mean another network, or its state other parts


@dataclass(frozen=True)
class Pretrained:
    """A kept network, as far as it can be told without loading it.

    Attributes
    ----------
    key
        Its name, 16 hexadecimal digits.
    recipe
        Network, pretraining and seed.
    facts
        ``mean_squared_error``, ``seconds``, and where it comes from: ``dataset``, ``fingerprint``, ``n_samples``,
        ``method``, ``run``, ``device``, ``created``.
    """

    key: str
    recipe: Mapping[str, Any]
    facts: Mapping[str, Any]


class PretrainedStore:
    """The kept networks of one home, or with the folder `STARTS` what else is kept."""

    def __init__(self, home: str | Path, folder: str = NETWORKS) -> None:
        self.root = Path(home) / folder

    @staticmethod
    def key(fingerprint: str, recipe: Mapping[str, Any], device: str) -> str:
        """Name of the network that a recipe gives on data of that content."""
        told = json.dumps({"data": fingerprint, "recipe": dict(recipe), "device": device, "version": VERSION}, sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def all(self) -> list[Pretrained]:
        """Every kept network, newest first."""
        folders = [path.parent for path in self.root.glob(f"*/{ABOUT}") if path.parent.name.isalnum()]
        found = [kept for kept in map(self._about, folders) if kept is not None]
        return sorted(found, key=lambda kept: -kept.facts["created"])

    def find(self, key: str) -> Pretrained | None:
        folder = self._folder(key)
        return self._about(folder) if key.isalnum() else None

    def state(self, key: str) -> dict[str, Any]:
        """The tensors, on the CPU."""
        return dict(read_tensors(self._known(key) / STATE))

    def pictures(self, key: str) -> dict[str, NDArray]:
        """``X`` and ``X_hat``: some samples and their reconstructions."""
        path = self._known(key) / PICTURES
        with stored_file(path), np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}

    def put(
        self,
        key: str,
        recipe: Mapping[str, Any],
        state: Mapping[str, Any],
        facts: Mapping[str, Any],
        pictures: Mapping[str, NDArray],
    ) -> None:
        """Keep a network; if it is there already, the first one stays."""
        import torch

        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        self.root.mkdir(parents=True, exist_ok=True)
        self.sweep()
        draft = temporary_neighbour(self.root / "draft")
        draft.mkdir()
        try:
            (draft / STATE).write_bytes(buffer.getbuffer())
            np.savez(draft / PICTURES, allow_pickle=False, **pictures)
            (draft / ABOUT).write_text(json.dumps({"recipe": dict(recipe), "facts": dict(facts)}))
            for name in (STATE, PICTURES, ABOUT):
                _to_disk(draft / name)
            if self.find(key) is None and self._folder(key).exists():  # one that cannot be understood makes room
                self._bury(key)
            os.replace(draft, self._folder(key))  # a folder appears whole or not at all
        except OSError:
            if self.find(key) is None:  # else another run was faster, with the same network
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def delete(self, key: str) -> None:
        """Forget a network; the runs that used it keep their own weights."""
        demand_writable("deleting a network")
        self._known(key)
        self._bury(key)

    def _bury(self, key: str) -> None:
        grave = temporary_neighbour(self.root / "deleted")
        grave.mkdir()
        os.replace(self._folder(key), grave / key)
        shutil.rmtree(grave)

    def sweep(self) -> None:
        """Remove what a killed process left half-written or half-deleted."""
        for rest in self.root.glob(".*.tmp"):
            if written_by_the_dead(rest):
                shutil.rmtree(rest, ignore_errors=True)

    def _folder(self, key: str) -> Path:
        return self.root / key

    def _known(self, key: str) -> Path:
        if self.find(key) is None:
            raise UnknownName("pretrained network", key, [kept.key for kept in self.all()])
        return self._folder(key)

    def _about(self, folder: Path) -> Pretrained | None:
        """What is told of a network; None if it is not there, or not any more, or not to be understood."""
        try:
            told = json.loads((folder / ABOUT).read_text())
            facts = {**told["facts"]}
            float(facts["created"]), float(facts["seconds"]), [facts[name] for name in ALWAYS_TOLD]
            return Pretrained(folder.name, dict(told["recipe"]), facts)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError) as error:
            logging.getLogger(__name__).warning("The kept network %s cannot be read: %s", folder.name, error)
            return None


@dataclass
class RunShelf:
    """What one run sees of the stores: networks, and parts of another start, of its data on its kind of device.

    Attributes
    ----------
    store
        Of the networks; the other parts are beside it.
    provenance
        ``dataset``, ``fingerprint``, ``n_samples``, ``method``, ``run``, ``device``.
    used, parts
        What the run began with: of the network, and of every other part by its name, ``key``, whether it was ``reused``,
        the ``run`` that made it and the ``seconds`` this took.
    lenient
        Takes a kind and words; what is not kept inside it need not end the run.
    """

    store: PretrainedStore
    provenance: Mapping[str, Any]
    used: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)
    lenient: Callable[[str, str], AbstractContextManager[None]] = lambda *_: nullcontext()
    _since: float = field(default_factory=time.monotonic)

    def get(self, recipe: Mapping[str, Any]) -> Mapping[str, Any] | None:
        key, store = self._key(recipe), self._store_of(recipe)
        kept = store.find(key)
        if kept is not None:
            with suppress(UnknownName, FileNotFoundError):  # deleted while it was looked for
                try:
                    state = store.state(key)
                except StorageError as error:  # made again, and the broken one gives way to it
                    logging.getLogger(__name__).warning("%s It is made again.", error)
                    store.delete(key)
                    raise FileNotFoundError(key) from error
                origin = kept.facts["run"]
                reused = origin != self.provenance["run"]  # a resumed run finds what it left there itself
                self._note(recipe, {"key": key, "reused": reused, "run": origin, "seconds": kept.facts["seconds"]})
                return state
        self._since = time.monotonic()
        return None

    def put(
        self, recipe: Mapping[str, Any], state: Mapping[str, Any], facts: Mapping[str, Any], arrays: Mapping[str, Any]
    ) -> None:
        key, seconds = self._key(recipe), time.monotonic() - self._since
        told = {**facts, **self.provenance, "seconds": seconds, "created": time.time()}
        with self.lenient("shelf", "What other runs could have begun with"):
            self._store_of(recipe).put(key, _plain(recipe), state, told, arrays)
            self._note(recipe, {"key": key, "reused": False, "run": self.provenance["run"], "seconds": seconds})

    def _store_of(self, recipe: Mapping[str, Any]) -> PretrainedStore:
        return PretrainedStore(self.store.root.parent, STARTS) if "part" in recipe else self.store

    def _note(self, recipe: Mapping[str, Any], how: dict[str, Any]) -> None:
        if "part" in recipe:
            self.parts[recipe["part"]] = how
        else:
            self.used = how

    def _key(self, recipe: Mapping[str, Any]) -> str:
        return PretrainedStore.key(self.provenance["fingerprint"], _plain(recipe), self.provenance["device"])


def _to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _plain(recipe: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in recipe.items()}
