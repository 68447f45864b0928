"""Many rows for PostgreSQL at once: columns of arrays as binary `COPY`, and keys for them. Pure.

Every column is as wide in each row, so that a million rows are one structured array and never touch a Python
object. There is no NULL: the statement that takes the rows over turns a value into it, and takes the spaces off texts.
"""

from collections.abc import Iterator, Mapping
from io import RawIOBase
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_EPOCH: Final = np.datetime64("2000-01-01", "D")
FAR_DAY: Final = np.datetime64("9999-12-31", "D")  # stands for NULL
_BLOCK: Final = 8_192  # rows that stay in cache while column after column is written into them
_TYPES: Final = {"bigint": ">i8", "integer": ">i4", "smallint": ">i2", "date": ">i4", "uuid": "V16"}


def binary_rows(columns: Mapping[str, tuple[str, Any]]) -> Iterator[bytes | memoryview]:
    """Pieces of a file of rows for `COPY … (FORMAT binary)`; a piece is good until the next one is asked for.

    Columns map a name to its SQL type and values, all of one length.

    Types: bigint, integer, smallint, date (datetime64[D]), uuid (uint8[n, 16]), text (strings; spaces fill them up).
    """
    arrays = [(kind, _filled_up(values) if kind == "text" else values) for kind, values in columns.values()]
    codes = [_TYPES.get(kind) or f"V{values.dtype.itemsize}" for kind, values in arrays]
    layout: list[tuple[str, str]] = [("fields", ">i2")]
    for place, code in enumerate(codes):
        layout += [(f"l{place}", ">i4"), (f"v{place}", code)]
    frame = np.zeros(1, np.dtype(layout))  # a row without its values
    frame["fields"] = len(arrays)
    for place, code in enumerate(codes):
        frame[f"l{place}"] = np.dtype(code).itemsize
    columns_of = [(f"v{place}", _as_sent(kind, values)) for place, (kind, values) in enumerate(arrays)]
    count = len(arrays[0][1])
    rows = np.repeat(frame, min(count, _BLOCK))  # filled again for each block: whoever reads has copied the one before
    yield _HEADER
    for start in range(0, count, _BLOCK):
        block = rows[: min(count - start, _BLOCK)]
        for name, values in columns_of:
            block[name] = values[start : start + _BLOCK]
        yield block.view(np.uint8).data
    yield _TRAILER


def _as_sent(kind: str, values: Any) -> NDArray[Any]:
    if kind == "date":
        return (values.astype("datetime64[D]") - _EPOCH).astype(np.int64)
    return np.ascontiguousarray(values).view("V16").ravel() if kind == "uuid" else np.asarray(values)


def _filled_up(texts: Any) -> NDArray[np.void]:
    """Texts as UTF-8 of one width."""
    array = pa.array(texts, pa.string()) if isinstance(texts, list) else texts
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    _validity, places, data = array.buffers()
    ends = np.frombuffer(places, np.int32)[array.offset : array.offset + len(array) + 1].astype(np.int64)
    lengths = np.diff(ends)
    width = max(int(lengths.max(initial=0)), 1)
    filled = np.full(len(array) * width, ord(" "), np.uint8)
    if ends[-1] > ends[0]:
        into = np.repeat(np.arange(len(array)) * width - ends[:-1], lengths)
        filled[into + np.arange(ends[0], ends[-1])] = np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]
    return filled.view(f"V{width}")


def keys(milliseconds: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.uint8]:
    """UUIDv7 keys uint8[n, 16] of instants since 1970; those of one instant are in the order they are given."""
    count = len(milliseconds)
    found = random.integers(0, 256, (count, 16), np.uint8)
    for byte in range(6):
        found[:, byte] = (milliseconds >> (8 * (5 - byte))) & 0xFF
    order = np.arange(count, dtype=np.int64)  # twenty bits of it
    found[:, 6] = 0x70 | ((order >> 16) & 0x0F)
    found[:, 7] = (order >> 8) & 0xFF
    found[:, 8] = 0x80 | ((order >> 2) & 0x3F)
    found[:, 9] = ((order & 0x03) << 6) | (found[:, 9] & 0x3F)
    return found


class ByteStream(RawIOBase):
    """A file over pieces of bytes, as `copy_expert` reads it, without joining them."""

    def __init__(self, pieces: Iterator[bytes | memoryview]) -> None:
        self._pieces, self._rest = pieces, memoryview(b"")

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not len(self._rest):
            self._rest = memoryview(next(self._pieces, b""))
        taken, self._rest = (self._rest, memoryview(b"")) if size < 0 else (self._rest[:size], self._rest[size:])
        return bytes(taken)
