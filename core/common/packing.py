"""Arrays and a few facts as plain bytes that Python and a browser read alike: nothing to unpickle, nothing to inflate."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.common.errors import StorageError

MAGIC = b"ALF1"
ALIGNMENT = 8  # a typed array of a browser must begin at a multiple of its item's size
KINDS = {"uint8": "<u1", "uint16": "<u2", "int16": "<i2", "int32": "<i4", "float32": "<f4"}


def pack(facts: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> bytes:
    """Facts and arrays as one record: magic, length of the header and of the whole, header as JSON, arrays one after the other.

    Records can be put behind each other, see `unpacked`.

    Raises
    ------
    TypeError
        If an array is of a type that a browser has no array for.
    """
    entries, bodies, offset = [], [], 0
    for name, array in arrays.items():
        kind = np.asarray(array).dtype.name
        if kind not in KINDS:
            raise TypeError(f"An array to be packed must be of {', '.join(KINDS)}. Got {name!r} of {kind} instead.")
        body = np.ascontiguousarray(array, dtype=KINDS[kind]).tobytes()
        body += b"\0" * (-len(body) % ALIGNMENT)
        entries.append({"name": name, "kind": kind, "shape": list(array.shape), "offset": offset})
        bodies.append(body)
        offset += len(body)
    header = json.dumps({"facts": dict(facts), "arrays": entries}, allow_nan=False).encode()
    header += b" " * (-len(header) % ALIGNMENT)
    return MAGIC + struct.pack("<III", len(header), offset, 0) + header + b"".join(bodies)


def unpacked(content: bytes) -> Iterator[tuple[dict[str, Any], dict[str, NDArray]]]:
    """The records of `pack` in `content`, one by one.

    Raises
    ------
    StorageError
        If it holds something else.
    """
    place = 0
    while place < len(content):
        try:
            if content[place : place + 4] != MAGIC:
                raise ValueError("it does not begin as such a record does")
            header_size, body_size, _ = struct.unpack_from("<III", content, place + 4)
            start = place + 16 + header_size
            if start + body_size > len(content):
                raise ValueError("it ends too early")
            header = json.loads(content[place + 16 : start])
            arrays = {entry["name"]: _array(content, start, entry) for entry in header["arrays"]}
        except (ValueError, KeyError, TypeError, struct.error) as error:
            raise StorageError(f"These are no packed arrays: {error}.") from error
        yield header["facts"], arrays
        place = start + body_size


def _array(content: bytes, start: int, entry: Mapping[str, Any]) -> NDArray:
    shape = tuple(int(side) for side in entry["shape"])
    count = int(np.prod(shape, dtype=np.int64))
    array = np.frombuffer(content, dtype=KINDS[entry["kind"]], count=count, offset=start + int(entry["offset"]))
    return array.reshape(shape)
