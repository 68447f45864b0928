"""Models that are kept for comparison, as one archive of JSON, arrays and UBJSON. Nothing in it is code."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

DOCUMENT = "model.json"
_DATE = (1980, 1, 1, 0, 0, 0)


def pack(document: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """The archive's bytes, the same for the same model."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        _put(file, DOCUMENT, json.dumps(document, sort_keys=True, ensure_ascii=False).encode())
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            _put(file, f"{name}.npy", buffer.getvalue())
    return content.getvalue()


def unpack(content: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The document and the arrays of an archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        document = json.loads(file.read(DOCUMENT))
        arrays = {
            name.removesuffix(".npy"): np.load(io.BytesIO(file.read(name)), allow_pickle=False)
            for name in file.namelist()
            if name.endswith(".npy")
        }
    return document, arrays


def _put(file: zipfile.ZipFile, name: str, content: bytes) -> None:
    file.writestr(zipfile.ZipInfo(name, date_time=_DATE), content, zipfile.ZIP_DEFLATED)
