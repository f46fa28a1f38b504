"""What each column of a table is: a feature, the classes, a further label, a running number, or nothing that can be used.

Guesses are said in the notes of the data set, and the user's choices go before them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.common import DataError
from core.datasets.checks import listed, tidy
from core.datasets.choices import NO_LABEL, Choices
from core.datasets.columns import Cells, Numbers, Table, Unusable, is_yes_no
from core.datasets.labels import Coded
from core.datasets.names import ID_NAMES, attribute_keys, check_known, label_column, label_like, simple

_COUNTING = 10


@dataclass(frozen=True)
class Roles:
    """What each column is taken for, by name; `why` says it in words."""

    label: str | None
    attributes: Mapping[str, str]
    features: tuple[str, ...]
    numbering: tuple[str, ...]
    ignored: Mapping[str, str]


def label_columns(source: str, names: Sequence[str], choices: Choices) -> list[str]:
    """The columns that hold labels by their names, before any of them is read: the classes first."""
    others = [name for name in names if name not in choices.further]
    label = label_column(others) if choices.label is None else choices.label or None
    check_known(
        source, "column", [*([label] if label else []), *choices.drop, *choices.keep, *choices.text, *choices.further], names
    )
    further = [] if choices.label == NO_LABEL else list(attribute_keys(source, names, choices.further).values())
    return [name for name in ([label] if label else []) + further if name not in {*choices.drop, *choices.text}]


def roles(source: str, table: Table, choices: Choices) -> Roles:
    """Guess what each column is, where the user leaves it open.

    Raises
    ------
    DataError
        If no feature is left, a numeric column has cells that are no numbers, or a column that was asked for is missing.
    """
    names = list(table.columns)
    apart = label_columns(source, names, choices)
    attributes = {key: name for key, name in attribute_keys(source, names, choices.further).items() if name in apart}
    label = next((name for name in apart if name not in attributes.values()), None)
    if choices.columns:
        return _those_of_the_model(source, table, choices, label, attributes)
    left = [name for name in names if name not in apart and name not in choices.drop]
    if label is None and choices.label is None:
        label = _text_label(table, [name for name in left if name not in {*choices.keep, *choices.text}])
        left = [name for name in left if name != label]
    ignored = {name: why for name in left if (why := _no_feature(table.columns[name], name))}
    ignored |= {name: "beside the text" for name in left if choices.text and name not in choices.text}
    ignored |= {
        name: "another column of labels"
        for name in label_like(left)
        if label not in (None, name) and not _coordinate(name, names)
    }
    ignored = {name: why for name, why in ignored.items() if name not in choices.keep}
    features = [name for name in left if name not in ignored]
    _check_cells(source, table, features)
    numbering = [name for name in features if name not in choices.keep and _is_numbering(name, table.columns[name])]
    if len(numbering) == len(features):
        numbering = []
    features = [name for name in features if name not in numbering]
    if not features:
        raise DataError(
            f"{source} has no column of features beside its labels: they must be real numbers. "
            f"It has {listed(names)}.{_reasons(ignored)}{_of_text(table, ignored)}"
        )
    return Roles(label, attributes, tuple(features), tuple(numbering), ignored)


def _coordinate(name: str, names: Sequence[str]) -> bool:
    """A y beside an x is no label."""
    return simple(name) == "y" and "x" in map(simple, names)


def _those_of_the_model(source: str, table: Table, choices: Choices, label: str | None, attributes: Mapping[str, str]) -> Roles:
    missing = [name for name in choices.columns if name not in table.columns]
    if missing:
        raise DataError(
            f"{source} lacks the column {listed(missing)} that the run learnt from. It needs {listed(choices.columns)}; "
            f"it has {listed(list(table.columns))}."
        )
    _check_cells(source, table, choices.columns)
    label = None if label in choices.columns else label
    attributes = {key: name for key, name in attributes.items() if name not in choices.columns}
    used = {label, *attributes.values(), *choices.columns}
    return Roles(
        label, attributes, choices.columns, (), {name: "not learnt from" for name in table.columns if name not in used}
    )


def _text_label(table: Table, names: Sequence[str]) -> str | None:
    """The only text column that names a few groups."""
    texts = [name for name in names if isinstance(table.columns[name], Coded) and not is_yes_no(table.columns[name])]
    found = [
        name for name in texts if 2 <= len(_coded(table, name).names) <= max(2, table.n // 2) and simple(name) not in ID_NAMES
    ]
    return found[0] if len(found) == 1 else None


def _coded(table: Table, name: str) -> Coded:
    found = table.columns[name]
    assert isinstance(found, Coded)
    return found


def _no_feature(cells: Cells, name: str) -> str:
    """Why a column is no feature, in a few words; empty where it may be one."""
    if isinstance(cells, Unusable):
        return "" if cells.broken else cells.why
    if isinstance(cells, Coded) and not is_yes_no(cells):
        return "text"
    return ""


def _is_numbering(name: str, cells: Cells) -> bool:
    """Whether a column numbers the samples: by its name, or because it counts upwards."""
    if simple(name) in ID_NAMES:
        return True
    if not isinstance(cells, Numbers) or cells.values.ndim > 1 or len(cells.values) < _COUNTING:
        return False
    values = cells.values
    return values.dtype.kind in "iuf" and bool(
        (np.diff(values.astype(np.float64)) > 0).all() and (values == np.floor(values)).all()
    )


def _check_cells(source: str, table: Table, names: Sequence[str]) -> None:
    for name in names:
        cells = table.columns[name]
        why = cells.why if isinstance(cells, Unusable) else "holds text" if _no_feature(cells, name) else ""
        if why:
            raise DataError(
                f"{source}: features must be real numbers. Column {tidy(name)!r} {why}. "
                "A column of labels is named label, class, target or the like, or label_<name>; or choose it as the label."
            )


def _of_text(table: Table, ignored: Mapping[str, str]) -> str:
    """That texts can be features, where there are any."""
    texts = [name for name in ignored if is_text(table.columns[name])]
    return f" Texts become features on request: choose {listed(texts[:3])} as text, for tf-idf." if texts else ""


def is_text(cells: Cells) -> bool:
    """Whether a column holds words, few or many."""
    return (isinstance(cells, Coded) and not is_yes_no(cells)) or (isinstance(cells, Unusable) and cells.why.startswith("text"))


def _reasons(ignored: Mapping[str, str]) -> str:
    return "".join(f" {tidy(name)!r}: {why}." for name, why in list(ignored.items())[:5])
