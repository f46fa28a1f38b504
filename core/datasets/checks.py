"""Checks that every format shares, and how files and names are quoted in messages.

Every file is untrusted. A reader first looks at what the file declares (`check_size`), then expands it. Nothing is repaired
in silence.
"""

from __future__ import annotations

import csv
import math
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from core.common import DataError

MAX_FILE = 2**31
"""Largest file, in bytes."""
MAX_BYTES = 3 * 2**28
"""What one array may take while it is read and used: as it is stored, and again as the float32 that methods get."""
MAX_COLUMNS = 20_000
MAX_CLASSES = 1_000
MIN_SAMPLES = 4
MAX_NAME = 80

_DAMAGED: tuple[type[Exception], ...] = (
    *(OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError, SyntaxError, ArithmeticError),
    *(MemoryError, RuntimeError, UnicodeError, struct.error, csv.Error, zlib.error, zipfile.BadZipFile),
)
"""What parsing libraries raise on damaged files; SciPy and PyArrow have errors of their own besides."""


def quoted(path: Path | str) -> str:
    """A file's name as messages show it: without its folders, without control characters, not too long."""
    return repr(tidy(Path(path).name))


def tidy(text: str) -> str:
    """Text of unknown origin without control characters, in at most `MAX_NAME` characters."""
    spaced = " ".join(text[: 16 * MAX_NAME].split())
    shown = "".join(mark for mark in spaced if unicodedata.category(mark)[0] != "C")
    return shown if len(shown) <= MAX_NAME else shown[: MAX_NAME - 1] + "…"


def tidy_sentence(text: str) -> str:
    """A sentence of unknown origin without control characters, in at most a thousand characters."""
    spaced = " ".join(text[:1000].split())
    return "".join(mark for mark in spaced if unicodedata.category(mark)[0] != "C")


def listed(names: Sequence[str], most: int = 10) -> str:
    """Names of unknown origin in a row, the first few of many."""
    shown = ", ".join(repr(tidy(name)) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown or "nothing"


@contextmanager
def refusing_damage(source: str, form: str, *also: type[Exception]) -> Iterator[None]:
    """Turn whatever a parsing library raises on a damaged file into a `DataError`."""
    damaged = _DAMAGED + also
    try:
        yield
    except DataError:
        raise
    except MemoryError as error:
        raise DataError(f"{source} takes more memory than a file may while it is read.") from error
    except damaged as error:
        reason = tidy(str(error)) or type(error).__name__
        raise DataError(f"{source} cannot be read as {form}: cut off, damaged or another kind ({reason}).") from error


def check_size(source: str, what: str, shape: Sequence[int], itemsize: int) -> None:
    """Refuse an array by its declared shape, before anything is expanded: the copy that is kept counts as well."""
    if any(size < 0 for size in shape):
        raise DataError(f"{source}: {what} declares the impossible shape {tuple(shape)}.")
    size = math.prod(shape) * (4 if itemsize == 1 else itemsize + 4)
    if size > MAX_BYTES:
        raise DataError(
            f"{source}: {what} of shape {tuple(shape)} would take {size / 2**30:.1f} GiB once expanded, with the copy that is "
            f"kept; at most {MAX_BYTES / 2**30:.3g} GiB are allowed."
        )


def check_kind(source: str, what: str, dtype: np.dtype[Any], allowed: str) -> None:
    """Refuse an array by its type: `allowed` lists NumPy kinds."""
    if dtype.kind in allowed:
        return
    if dtype.hasobject:
        raise DataError(f"{source}: {what} is a pickled (object) array, which is never opened. Save plain numbers.")
    names = {"c": "complex numbers", "U": "text", "S": "text", "M": "dates", "m": "durations", "V": "records"}
    words = "numbers or text" if "U" in allowed else "real numbers"
    raise DataError(f"{source}: {what} must hold {words}. It holds {names.get(dtype.kind, str(dtype))}.")
