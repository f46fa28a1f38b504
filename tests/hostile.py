"""Small files that would take a machine: how each kind is written. All are refused in words, soon, and in little memory."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

RANDOM = np.random.default_rng(3)
Write = Callable[[Path], Any]


def npy_header(shape: tuple[int, ...], descr: str = "<f8") -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
    return stream.getvalue()


def zip_of(name: str, packed: bytes, size: int, *, flags: int = 0) -> bytes:
    """A zip of one deflated member, put together by hand so that it can lie."""
    encoded = name.encode()
    fields = struct.pack("<HHHHHIIIHH", 20, flags, 8, 0, 0, 0, len(packed), size, len(encoded), 0)
    local = b"PK\x03\x04" + fields + encoded + packed
    central = b"PK\x01\x02" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0) + encoded
    return local + central + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)


def deflated(start: bytes, zeros: int) -> bytes:
    """`start` and then so many mebibytes of zeros, deflated: one packed mebibyte repeated, so it takes no time."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return head + block * zeros + packer.flush()


def content(*pieces: bytes) -> Write:
    return lambda path: path.write_bytes(b"".join(pieces))


def npz_of(shape: tuple[int, ...], descr: str, mebibytes: int, declared: int | None = None) -> Write:
    header = npy_header(shape, descr)
    size = len(header) + mebibytes * 2**20 if declared is None else declared
    return lambda path: path.write_bytes(zip_of("X.npy", deflated(header, mebibytes), size))


def element(kind: int, inside: bytes) -> bytes:
    return struct.pack("<II", kind, len(inside)) + inside


def mat_of(shape: tuple[int, int], data: bytes, zeros: int = 0) -> bytes:
    """A deflated MATLAB file with one variable of doubles, put together by hand so that it can lie."""
    head = element(6, struct.pack("<II", 6, 0)) + element(5, struct.pack("<ii", *shape))
    head += struct.pack("<I", 3 << 16 | 1) + b"fea\0" + data
    packer = zlib.compressobj(9)
    packed = packer.compress(element(14, head)) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH) if zeros else b""
    return b"MATLAB 5.0".ljust(124) + b"\0\1IM" + element(15, packed + block * zeros + packer.flush())


def hdf5(fill: Callable[[Any], Any]) -> Write:
    def write(path: Path) -> None:
        import h5py

        with h5py.File(path, "w") as store:
            fill(store)

    return write


def chunk_bomb(store: Any) -> None:
    packer = zlib.compressobj(9)
    packed = packer.compress(bytes(2**27)) + packer.flush()
    made = store.create_dataset("X", (12, 5), np.float64, chunks=(12, 5), compression="gzip")
    made.id.write_direct_chunk((0, 0), packed)


def sparse_group(name: str, attrs: dict[str, Any], keys: tuple[str, str, str]) -> Callable[[Any], None]:
    def fill(store: Any) -> None:
        group = store.create_group(name)
        for key, value in attrs.items():
            group.attrs[key] = value
        for key, values in zip(keys, (np.ones(3), np.arange(3), np.array([0, 1, 2, 3]))):
            group.create_dataset(key, data=values)

    return fill


def reference_cells(store: Any) -> None:
    import h5py

    store.create_dataset("fea", data=RANDOM.normal(size=(2, 300_000)))
    store.create_dataset("gnd", (1, 300_000), dtype=h5py.ref_dtype, chunks=(1, 300_000), compression="gzip")


def parquet(make: Callable[[], dict[str, Any]], **options: Any) -> Write:
    def write(path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table(make()), path, **options)

    return write


def distinct_labels(groups: int, each: int) -> Write:
    """A number of its own for each of so many rows: a few bytes a thousand, as differences."""

    def write(path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = pa.schema([("a", pa.int8()), ("label", pa.int64())])
        options: dict[str, Any] = {"use_dictionary": False, "column_encoding": {"label": "DELTA_BINARY_PACKED"}}
        with pq.ParquetWriter(path, schema, compression="zstd", **options) as writer:
            for group in range(groups):
                labels = np.arange(group * each, (group + 1) * each)
                writer.write_table(pa.table({"a": np.zeros(each, np.int8), "label": labels}, schema=schema))

    return write


def words(n: int, name: str = "label") -> Write:
    def write(path: Path) -> None:
        with path.open("w") as stream:
            stream.write(f"a,{name}\n")
            for start in range(0, n, 100_000):
                stream.write("".join(f"{place % 7},w{place}\n" for place in range(start, min(n, start + 100_000))))

    return write


def gzip_of(start: bytes, block: bytes, blocks: int) -> Write:
    def write(path: Path) -> None:
        with gzip.open(path, "wb", 1) as stream:
            stream.write(start)
            for _ in range(blocks):
                stream.write(block)

    return write


def png_of(width: int, height: int) -> bytes:
    """A PNG that declares its size, and holds a few rows of it."""

    def chunk(kind: bytes, inside: bytes) -> bytes:
        return struct.pack(">I", len(inside)) + kind + inside + struct.pack(">I", zlib.crc32(kind + inside))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def zip_with(members: Callable[[], dict[str, bytes]]) -> Write:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, inside in members().items():
                archive.writestr(name, inside)

    return write


def v4(rows: int, columns: int) -> bytes:
    return struct.pack("<5i", 0, rows, columns, 0, 4) + b"fea\0" + bytes(80)


QUICK: dict[str, tuple[Write, str]] = {
    "bomb.npz": (npz_of((3 * 2**17, 1024), "<f8", 3 * 2**10), "GiB once expanded"),
    "liar.npz": (npz_of((3 * 2**17, 1024), "<f8", 3 * 2**10, 480), "."),
    "more.npz": (npz_of((12, 5), "<f8", 700), "takes .* bytes where its header asks for"),
    "bytes.npz": (npz_of((2**9, 2**20), "|u1", 2**9), "2.0 GiB once expanded"),
    "floats.npz": (npz_of((2**17, 2**10), "<f4", 2**9), "1.0 GiB once expanded"),
    "absurd.npz": (npz_of((10**12, 10**12), "<f8", 0), "."),
    "negative.npz": (npz_of((-4, 5), "<f8", 0), "."),
    "long-text.npz": (npz_of((100, 2), "<U99999999", 0), "."),
    "brackets.npz": (content(zip_of("X.npy", deflated(b"[[[" * 3000, 0), 9000)), "."),
    "pickled.npz": (lambda path: np.savez(path, X=np.array([{}] * 9, object)), "never opened"),
    "pickle.npz": (content(pickle.dumps([1] * 99)), "no zip directory"),
    "locked.npz": (content(zip_of("X.npy", deflated(npy_header((12, 5)), 0), 128, flags=1)), "encrypted"),
    "many.npz": (zip_with(lambda: {f"{place}.npy": b"" for place in range(101)}), "lists 101 members"),
    "large.npy": (content(npy_header((2**20, 2**10)), bytes(99)), "GiB once expanded"),
    "cut.npy": (content(npy_header((12, 5)), bytes(99)), "where its header asks for"),
    "wide.csv": (content(b",".join([b"a"] * 300_000), b"\n", b",".join([b"1"] * 300_000)), "columns; at most 20000"),
    "lines.csv": (content(b",".join([b"c"] * 20_000), b"\n" * 20_000), "GiB once expanded"),
    "nul.csv": (content(b"a,b\n1,2\n\0\0\n"), "is no text"),
    "one-line.csv": (content(b"a" * 5_000_000), "Its first row has more than 4194304 bytes"),
    "quote.csv": (content(b'a,"b\n', b"1,2\n" * 10**6), "cannot be read as a CSV table"),
    "words.csv": (words(300_000), "at least 1001 classes; at most 1000"),
    "numbers.csv": (lambda path: path.write_text("a,label\n" + "".join(f"1,{i}\n" for i in range(99_999))), "at most 1000"),
    "cut.csv.gz": (lambda path: path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 999)[:-9]), "packed table"),
    "columns.parquet": (parquet(lambda: {f"c{place}": [1, 2, 3, 4] for place in range(20_001)}), "20001 columns; at most"),
    "runs.parquet": (parquet(lambda: {"a": np.zeros(2**24, np.int8)}), "GiB once expanded|every value"),
    "labels.parquet": (distinct_labels(1, 2_000_000), "at least 100.* classes; at most 1000"),
    "words.parquet": (
        parquet(lambda: {"a": range(99_999), "label": [f"{i}" for i in range(99_999)]}),
        "classes; at most 1000",
    ),
    "bomb.mat": (content(mat_of((2**17, 3 * 2**10), struct.pack("<II", 9, 3 * 2**30), 3 * 2**10)), "GiB once expanded"),
    "liar.mat": (content(mat_of((12, 5), struct.pack("<II", 9, 480) + bytes(480), 2000)), "."),
    "variables.mat": (content(b"MATLAB 5.0".ljust(124), b"\0\1IM", bytes(8) * 10_001), "more than 10000 variables"),
    "declares.v4.mat": (content(v4(10**8, 10**8)), "reaches beyond the end"),
    "negative.v4.mat": (content(v4(-1, 5)), "."),
    "chunks.mat": (
        hdf5(lambda store: store.create_dataset("X", (320, 1000), "f8", chunks=(1, 10), compression="gzip")),
        "lies in 32000 chunks; at most 20000",
    ),
    "chunk.mat": (hdf5(chunk_bomb), "holds more than it declares"),
    "shape.mat": (
        hdf5(lambda store: store.create_dataset("X", (10**6, 10**6), "f8", chunks=(100, 100), compression="gzip")),
        "would take",
    ),
    "declares.mat": (
        hdf5(lambda store: store.create_dataset("X", (1000, 250_000), "f8", chunks=(10, 60_000), compression="gzip")),
        "would take",
    ),
    "big-chunk.mat": (
        hdf5(lambda store: store.create_dataset("X", (400, 400), "f8", chunks=(1, 400), maxshape=(None, None), scaleoffset=2)),
        "compressed in a way that MATLAB does not write",
    ),
    "sparse.mat": (hdf5(sparse_group("X", {"MATLAB_sparse": np.uint64(2**40)}, ("data", "ir", "jc"))), "would take"),
    "cells.mat": (hdf5(reference_cells), "has 300000 words; at most 200000"),
    "sparse.h5ad": (
        hdf5(sparse_group("X", {"encoding-type": "csr_matrix", "shape": np.array([3, 2**40])}, ("data", "indices", "indptr"))),
        "would take",
    ),
    "unfit.h5ad": (
        hdf5(sparse_group("X", {"encoding-type": "csr_matrix", "shape": np.array([9, 9])}, ("data", "indices", "indptr"))),
        "do not fit together",
    ),
    "declares-idx3-ubyte": (content(b"\0\0\x08\x03", struct.pack(">3I", 2**31, 28, 28)), "would take"),
    "bomb-idx3-ubyte.gz": (gzip_of(b"\0\0\x08\x03" + struct.pack(">3I", 9, 2, 2), bytes(2**20), 64), "It holds more"),
    "pixels.zip": (zip_with(lambda: {"a.png": png_of(60_000, 60_000)}), "pixels|cannot be read as a picture"),
    "wide.zip": (zip_with(lambda: {"a.png": png_of(12_000, 12_000)}), "12000 x 12000 pixels; at most"),
    "cut.zip": (zip_with(lambda: {f"{place}.png": png_of(100, 100) for place in range(5)}), "cannot be read as pictures"),
    "fake.zip": (zip_with(lambda: {f"{place}.png": b"<svg onload='alert(1)'/>" for place in range(5)}), "as a picture"),
    "zeros.zip": (zip_with(lambda: {"a.png": bytes(2**27)}), "bytes; at most"),
    "outside.zip": (zip_with(lambda: {"../../a.txt": b"", "/etc/b.txt": b""}), "holds no pictures"),
}
"""Kinds that are written in no time: name of the file, how it is written, and the words it is refused with."""

HEAVY: dict[str, tuple[Write, str]] = {
    "130-million.parquet": (distinct_labels(13, 10**7), "GiB once expanded"),
    "20-million.parquet": (distinct_labels(2, 10**7), "at least 100.* classes"),
    "large.parquet": (parquet(lambda: {"a": np.zeros(6 * 10**7), "b": np.ones(6 * 10**7)}, compression="zstd"), "GiB once"),
    "8-million-words.csv": (words(8_000_000), "at least 1001 classes; at most 1000"),
    "bomb.csv.gz": (gzip_of(b"a,b\n", b"1,2\n" * 2**18, 600), "more than 512 MB of text"),
    "full.npz": (npz_of((2**16, 900), "<f8", 450), "every value is 0"),
    "full.mat": (
        hdf5(lambda store: store.create_dataset("X", data=np.zeros((100, 600_000)), chunks=(10, 60_000), compression="gzip")),
        "every value is 0",
    ),
    "members.zip": (zip_with(lambda: {f"{place}.png": b"" for place in range(65_400)}), "lists 65400 members"),
}
"""Kinds that take seconds to write."""
