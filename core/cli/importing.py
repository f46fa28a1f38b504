"""Bring data: look at a file, say what of it is what, and keep it under a name."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from core import datasets
from core.cli.commands import Add, check_target, data_arguments, data_spec, target_arguments
from core.cli.exits import EXIT_DONE
from core.cli.one_line import one_line
from core.common import InvalidInput
from core.datasets import Choices, Dataset

RANGE = "which values become 0 and 1, or auto; negative ones as --range=-1,1"


def add(command: Add) -> None:
    sub = command("import", _import, "Keep a data file, or a folder of pictures, as a data set of its own.")
    sub.add_argument(
        "file", type=Path, help=f"a file that ends in one of {', '.join(datasets.SUFFIXES)}, or a folder of pictures"
    )
    sub.add_argument("--name", help="what to call it; the name of the file by default")
    label = sub.add_mutually_exclusive_group()
    label.add_argument("--label", metavar="COL", help="column or array of the classes")
    label.add_argument("--no-label", action="store_true", help="there are no classes, whatever the names say")
    sub.add_argument("--drop", action="append", default=[], metavar="COL", help="a column that is no feature; may be repeated")
    sub.add_argument(
        "--keep", action="append", default=[], metavar="COL", help="a column that is one, though it looks like none"
    )
    sub.add_argument(
        "--further", action="append", default=[], metavar="COL", help="a column of further labels, to colour and to score by"
    )
    sub.add_argument(
        "--text",
        action="append",
        default=[],
        metavar="COL",
        help="a column of text that becomes tf-idf weights; may be repeated",
    )
    sub.add_argument("--unlabelled", metavar="VALUE", help="a value among the labels that stands for no label, as -1")
    sub.add_argument("--image-shape", metavar="HxW[xC]", help="rows are flattened images; pictures are brought to this size")
    sub.add_argument("--transpose", action="store_true", help="samples are columns")
    sub.add_argument("--range", default="auto", metavar="LO,HI", help=RANGE)
    sub.add_argument("--look", action="store_true", help="only say what is found and what it is taken for")
    _add_others(command)


def _add_others(command: Add) -> None:
    changed = command("change", _change, "Keep an upload once more, with another range or another column to score by.")
    changed.add_argument("name", help="of the upload, as datasets lists it")
    changed.add_argument("--range", default="", metavar="LO,HI", help=f"{RANGE}; as it is by default")
    changed.add_argument("--label", metavar="COL", help="which of its label columns scores")
    out = command("export-data", _export, "Write a data set, or a part of it, as it is scaled, to a .npz or .parquet.")
    data_arguments(out)
    out.add_argument("file", type=Path)
    target_arguments(out)


def _change(options: argparse.Namespace) -> int:
    path = datasets.change_upload(options.name, range=datasets.parse_change(options.range), label=options.label)
    print(json.dumps(describe_import(datasets.load(path.stem))) if options.json else path.stem)
    return EXIT_DONE


def _export(options: argparse.Namespace) -> int:
    check_target(options.file, force=options.force)
    data = datasets.load(data_spec(options))
    datasets.export(data, options.file)
    said = {"file": str(options.file), "n_samples": data.n_samples, "fingerprint": data.fingerprint}
    print(json.dumps(said) if options.json else options.file)
    return EXIT_DONE


def choices_of(options: argparse.Namespace) -> Choices:
    return Choices(
        label="" if options.no_label else options.label,
        drop=tuple(options.drop),
        keep=tuple(options.keep),
        unlabelled=options.unlabelled,
        text=tuple(options.text),
        further=tuple(options.further),
        image_shape=None if options.image_shape is None else datasets.parse_image_shape(options.image_shape),
        transpose=options.transpose,
        range=datasets.parse_range(options.range),
    )


def _import(options: argparse.Namespace) -> int:
    choices = choices_of(options)
    if options.name is not None and not options.name.strip():
        raise InvalidInput(f"A name needs a letter or a digit. Got {options.name!r}.")
    if options.look:
        found = datasets.look_at(options.file, choices)
        said = [found["problem"]] if "problem" in found else []
        print(json.dumps(found) if options.json else "\n".join([*(_line(part) for part in found["parts"]), *said]))
        return EXIT_DONE
    with one_line() as say, datasets.heard_by(lambda done, total: say("", f"Reading: {done / max(total, 1):4.0%}")):
        path = datasets.import_file(options.file, choices, options.name)
    data = datasets.load(path.stem)
    described = describe_import(data)
    if options.json:
        print(json.dumps(described))
        return EXIT_DONE
    print(f"{data.name}: {data.n_samples} x {'x'.join(map(str, described['shape']))}, {data.n_classes or 'no'} classes")
    for note in data.notes:
        print(f"    {note}")
    return EXIT_DONE


def _line(part: dict[str, Any]) -> str:
    order = ("name", "role", "type", "shape", "range", "preview")
    missing = f"{part['missing']} missing" if part.get("missing") else ""
    return "    ".join([*(str(part[key]) for key in order if part.get(key)), *([missing] if missing else [])])


def describe_import(data: Dataset) -> dict[str, Any]:
    """A data set that was just kept, as plain data."""
    return {
        "name": data.name, "n_samples": data.n_samples, "shape": list(data.image_shape or (data.X.shape[1],)),
        "n_classes": data.n_classes, "n_labelled": data.n_labelled, "classes": list(data.classes),
        "label_columns": list(data.attributes),
        "columns": list(data.columns), "notes": list(data.notes), "fingerprint": data.fingerprint,
    }  # fmt: skip
