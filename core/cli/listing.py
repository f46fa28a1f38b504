"""What there is: methods, data sets, and how to get those that are not here."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from core import datasets, methods
from core.cli.commands import Add
from core.cli.exits import EXIT_DONE
from core.cli.one_line import one_line
from core.common import DataError
from core.methods import Clusterer


def add(command: Add) -> None:
    command("methods", _methods, "List the methods with their parameters and presets.")
    command("datasets", _datasets, "List the data sets, and how to get those that are not here.")
    fetch = command("fetch", _fetch, "Get a classic from where the field has it; says its terms first.")
    fetch.add_argument("name", help="as datasets lists it, or as people write it: COIL-20, Olivetti, Extended Yale B")
    fetch.add_argument("--terms", action="store_true", help="only say the terms, and how much there is to load")


def _methods(options: argparse.Namespace) -> int:
    known = methods.registered()
    if options.json:
        print(json.dumps([describe_method(cls) for cls in known.values()]))
        return EXIT_DONE
    for name, cls in known.items():
        print(f"{name}: {cls.title}. {cls.summary} [{cls.paper}]")
        print(f"    presets: {', '.join(cls.presets) or 'none'}; by rule: {'; '.join(r.title for r in cls.rules) or 'nothing'}")
        for param in cls.declared().values():
            print(f"    {param.name} = {_text(param.default)}  ({param.allowed}) {param.help}")
    return EXIT_DONE


def describe_method(cls: type[Clusterer]) -> dict[str, Any]:
    """A method as plain data."""
    presets = {
        name: {
            "title": p.title,
            "dataset": p.dataset,
            "params": dict(p.params),
            "source": p.source,
            "chosen": p.chosen,
            "note": p.note,
        }
        for name, p in cls.presets.items()
    }
    return {
        "name": cls.name, "title": cls.title, "summary": cls.summary, "paper": cls.paper, "objective": cls.objective,
        "family": cls.family, "learns": cls.learns, "uses_gpu": cls.uses_gpu, "shows": sorted(cls.shows), "presets": presets,
        "rules": [{"title": rule.title, "why": rule.why} for rule in cls.rules],
        "parameters": [param.describe() for param in cls.declared().values()],
    }  # fmt: skip


def _datasets(options: argparse.Namespace) -> int:
    rows = [describe_dataset(entry) for entry in datasets.entries()]
    if options.json:
        print(json.dumps(rows))
        return EXIT_DONE
    for row in rows:
        size = f"{row['n_samples']} x {'x'.join(map(str, row['shape']))}, {row['n_classes']} classes"
        size += "".join(f", label column {name}" for name in row["label_columns"])
        print(f"{row['name']}: {row['title']}, {size}, {'here' if row['available'] else 'not here'}")
        if row["knobs"]:
            print("    --make " + ",".join(f"{knob['name']}={knob['default']}" for knob in row["knobs"]))
        if not row["available"]:
            print(f"    {row['how_to_get']}")
    for path in datasets.uploads():
        print(f"{path.stem}: uploaded")
    return EXIT_DONE


def _fetch(options: argparse.Namespace) -> int:
    name = datasets.known_as(options.name)
    if name in datasets.RECIPES:
        raise DataError(datasets.RECIPES[name].words)
    listed = datasets.entry(name)
    size = datasets.megabytes(listed)
    print(f"{listed.title}: {listed.terms}" + (f" About {size:.0f} MB." if size else ""), file=sys.stderr)
    if options.terms:
        return EXIT_DONE
    with one_line() as say:
        path = datasets.fetch(name, lambda words, done, total: say(words, _far(done, total)))
    note = datasets.origin_note(name)
    if note:
        print(note, file=sys.stderr)
    if options.json:
        print(json.dumps({"name": name, "file": None if path is None else str(path), "as_tested": not note}))
    else:
        print(listed.how_to_get if path is None else path)
    return EXIT_DONE


def _far(done: int, total: int) -> str:
    return f" {done / 2**20:.1f}" + (f" of {total / 2**20:.1f} MB" if total else " MB") if done else ""


def describe_dataset(entry: datasets.Entry) -> dict[str, Any]:
    """A data set of the catalogue as plain data."""
    return {
        "name": entry.name, "title": entry.title, "summary": entry.summary, "n_samples": entry.n,
        "shape": list(entry.shape), "n_classes": entry.n_classes, "available": datasets.available(entry.name),
        "how_to_get": entry.how_to_get, "terms": entry.terms, "label_columns": list(entry.attributes),
        "knobs": _knobs(entry.name),
    }  # fmt: skip


def _knobs(name: str) -> list[dict[str, Any]]:
    """What can be set of a data set that is made on the fly."""
    return [knob.describe() for knob in datasets.MAKERS[name].knobs.values()] if name in datasets.MAKERS else []


def _text(value: Any) -> str:
    return "-".join(map(str, value)) if isinstance(value, tuple) else str(value)
