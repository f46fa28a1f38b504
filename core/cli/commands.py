"""How a command is added, and the arguments that several commands take."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from core import datasets, methods
from core.common import InvalidInput, ParameterError, UnknownName
from core.datasets import DataSpec, Scaling

Command = Callable[[argparse.Namespace], int]
"""Runs a command and returns its exit code."""

Add = Callable[[str, Command, str], argparse.ArgumentParser]
"""Adds a command by name, what it runs, and its help."""


def data_arguments(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--dataset", required=True, help="name, or a file or folder that import takes")
    sub.add_argument("--n-samples", type=int, help="random subset of that size")
    sub.add_argument("--per-class", type=int, help="that many samples of each class")
    sub.add_argument("--n-classes", type=int, help="only the first classes")
    sub.add_argument("--n-test", type=int, help="hold out so many samples, of the published test part where there is one")
    sub.add_argument("--noise", type=float, default=0.0, help="standard deviation of Gaussian noise, added after scaling")
    sub.add_argument("--data-seed", type=int, default=0, help="seed of the subset, of the noise, and of data that are made")
    sub.add_argument(
        "--make", default="", metavar="KEY=VALUE,...", help="knobs of data that are made on the fly, as n_subspaces=3,angle=30"
    )


def data_spec(options: argparse.Namespace, scaling: Scaling = "unit") -> DataSpec:
    name = options.dataset
    if name not in datasets.dataset_names() and Path(name).exists():
        name = str(Path(name).resolve())  # the record must find the file from anywhere
    return DataSpec(
        name=name, n_samples=options.n_samples, per_class=options.per_class, n_classes=options.n_classes,
        seed=options.data_seed, scaling=scaling, n_test=options.n_test, noise=options.noise,
        make=datasets.parse_knobs(name, options.make),
    )  # fmt: skip


def parse_settings(method: str, settings: Sequence[str]) -> dict[str, Any]:
    """Read ``key=value`` pairs as values of a method's hyperparameters."""
    cls = methods.method_class(method)
    declared = cls.declared()
    values = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise ParameterError(f"--set takes KEY=VALUE. Got {setting!r} instead.")
        if key not in declared:
            raise UnknownName(f"parameter of {method}", key, declared)
        values[key] = declared[key].parse(text, method)
    return values


def target_arguments(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--force", action="store_true", help="replace the file if it exists")


def check_target(file: Path, *, force: bool = False) -> None:
    """Refuse a target that is no place for a file, or where one is that nobody said may go.

    Raises
    ------
    InvalidInput
        If its folder is missing, it is a folder, a link or a device, or it exists and `force` is not set.
    """
    if not file.absolute().parent.is_dir():
        raise InvalidInput(f"The folder {file.parent} does not exist.")
    if file.is_dir():
        raise InvalidInput(f"{file} is a folder; give the name of a file in it.")
    if file.is_symlink() or (file.exists() and not file.is_file()):
        raise InvalidInput(f"{file} is a link or a device; give the name of a regular file.")
    if file.exists() and not force:
        raise InvalidInput(f"{file} exists already. Give another name, or --force to replace it.")
