"""One file from the network: told how far it is, gone on with after a break, compared with its checksum.

Nothing is asked for but on a click or by ``fetch``. What has come so far stays beside its target as ``.part``.
"""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from core.common import DataError

MIRROR = "AFFINITY_LAB_MIRROR"
"""Address of a folder that holds the same files, for places without a way to the originals."""
Tell = Callable[[int, int], None]
TRIES, SECONDS, MOST = 3, 30.0, 2**31
_PIECE = 2**16


@dataclass(frozen=True)
class Remote:
    """A file elsewhere.

    Attributes
    ----------
    address
        Where it is; its last part is its name.
    checksum
        ``md5:...`` or ``sha256:...``; empty where nobody publishes one.
    megabytes
        About how large it is.
    """

    address: str
    checksum: str
    megabytes: float

    @property
    def name(self) -> str:
        return self.address.rpartition("/")[2]

    @property
    def place(self) -> str:
        """The address that is asked."""
        mirror = os.environ.get(MIRROR, "").rstrip("/")
        return f"{mirror}/{self.name}" if mirror else self.address


def download(remote: Remote, folder: Path, tell: Tell) -> Path:
    """Get a file into a folder, unless it is there; `tell` hears of bytes, done and in all (0: unknown).

    Raises
    ------
    DataError
        If the network, the server or the disk does not allow it, or the file is another one.
    """
    target = folder / remote.name
    if target.is_file():
        return target
    part = folder / f"{remote.name}.part"
    for left in reversed(range(TRIES)):
        try:
            _go_on(remote, part, tell)
            break
        except urllib.error.HTTPError as error:
            raise DataError(f"{_host(remote)} refused {remote.name}: {error.code} {error.reason}.{_kept(part)}") from error
        except (OSError, HTTPException) as error:  # no network, a host that is down, a connection that breaks
            if not left:
                why = getattr(error, "reason", None) or error
                raise DataError(f"{_host(remote)} could not be reached, or broke off: {why}.{_kept(part)}") from error
    _compare(remote, part)
    os.replace(part, target)
    return target


def _go_on(remote: Remote, part: Path, tell: Tell) -> None:
    """Ask for what is missing; a server that sends all of it is listened to from the start."""
    have = part.stat().st_size if part.is_file() else 0
    asked = urllib.request.Request(remote.place, headers={"User-Agent": "affinity-lab"})
    if have:
        asked.add_header("Range", f"bytes={have}-")
    try:
        answer: Any = urllib.request.urlopen(asked, timeout=SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing is missing, or it is of another file: the checksum knows
            return
        raise
    with answer, part.open("ab" if answer.status == 206 else "wb", buffering=0) as out:
        total = int(answer.headers.get("Content-Length") or 0) + out.tell()
        while piece := answer.read1(_PIECE):
            out.write(piece)
            if out.tell() > MOST:
                raise DataError(f"{remote.name} has more than {MOST} bytes.")
            tell(out.tell(), total if total > out.tell() else out.tell())
        if answer.headers.get("Content-Length") and out.tell() < total:
            raise ConnectionError(f"{out.tell()} of {total} bytes came")


def _compare(remote: Remote, part: Path) -> None:
    """Throw away what is another file."""
    kind, _, wanted = remote.checksum.partition(":")
    if not kind:
        return
    with part.open("rb") as stream:
        found = hashlib.file_digest(stream, kind).hexdigest()
    if found != wanted:
        part.unlink()
        raise DataError(
            f"{remote.name} from {_host(remote)} is another file than expected: its {kind} is {found}, not {wanted}. It was "
            "thrown away."
        )


def _host(remote: Remote) -> str:
    return urlsplit(remote.place).netloc or remote.place


def _kept(part: Path) -> str:
    """What is not lost."""
    if not part.is_file():
        return " Are you online?"
    return f" Are you online? {part.stat().st_size / 2**20:.1f} MB are kept: the next try goes on from there."
