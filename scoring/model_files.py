"""A scoring model as one file: what serves it, what it was read from, and a hash over both.

    AYNI-MODEL 1 <sha256 of everything after this line>
    <length of the document> <length of the booster>
    <document: JSON with tables, calibration, scale and metadata>
    <booster: XGBoost's UBJSON, the auditable source of the tables>

Nothing in it is code and nothing is executed on loading. The same model gives the same bytes, so the hash of the
file names the model. XGBoost is only needed to open the booster.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from django.utils.translation import gettext

from scoring.calibration import calibration_document, calibration_from
from scoring.points import Scale
from scoring.serving import LiveModel
from scoring.tables import Tables

if TYPE_CHECKING:
    import xgboost

MAGIC = b"AYNI-MODEL 1 "
LARGEST = 200 * 1024 * 1024


class ModelFileCorrupted(ValueError):
    """The file is not, or no longer, the model it claims to be; it must not be used."""


def dump_model(model: LiveModel, booster: bytes) -> bytes:
    """The file's bytes, the same for the same model."""
    document = json.dumps(
        {
            "segment": model.segment,
            "tables": model.tables.as_document(),
            "calibration": calibration_document(model.calibration),
            "scale": model.scale.as_document(),
            "metadata": dict(model.metadata),
        },
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    ).encode()
    body = f"{len(document)} {len(booster)}\n".encode() + document + b"\n" + booster
    return MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def load_model(content: bytes, sha256: str | None = None) -> LiveModel:
    """The model in a file. `sha256` is what the registry holds for it.

    Raises ModelFileCorrupted when a single byte is not what it was.
    """
    document, _ = _opened(content, sha256)
    try:
        return LiveModel(
            segment=document["segment"],
            tables=Tables.from_document(document["tables"]),
            calibration=calibration_from(document["calibration"]),
            scale=Scale.from_document(document["scale"]),
            metadata=document["metadata"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileCorrupted(
            gettext("El archivo del modelo está incompleto: %(what)s.") % {"what": error}
        ) from error


def load_booster(content: bytes, sha256: str | None = None) -> xgboost.Booster:
    """The XGBoost model beside the tables, to verify them. Raises ModelFileCorrupted."""
    import xgboost

    _, booster = _opened(content, sha256)
    return xgboost.Booster(model_file=bytearray(booster))


def check_against_booster(content: bytes, rows: int = 500) -> None:
    """Score made-up complete applicants with the tables and with XGBoost, which must say the same.

    A scorecard has no booster behind its tables: they are what was learnt. Raises ModelFileCorrupted when the
    tables are not the booster's.
    """
    import xgboost

    model = load_model(content)
    _, booster = _opened(content, None)
    if not booster and model.metadata.get("parameters", {}).get("algorithm") == "scorecard":
        return
    rng = np.random.default_rng(1)
    X = np.column_stack([rng.uniform(feature.low, feature.high, rows) for feature in model.reader.features])
    theirs = load_booster(content).predict(xgboost.DMatrix(X), output_margin=True).astype(np.float64)
    if blend := model.metadata.get("blend"):
        trees, line, level = blend["weights"]
        theirs = trees * theirs + line * Tables.from_document(blend["linear"]).margins(X) + level
    if not np.allclose(model.tables.margins(X), theirs, atol=1e-4):
        raise ModelFileCorrupted(gettext("Las tablas del modelo no son las de su origen; no se usará."))


def file_sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _opened(content: bytes, sha256: str | None) -> tuple[Mapping[str, Any], bytes]:
    if len(content) > LARGEST or not content.startswith(MAGIC):
        raise ModelFileCorrupted(gettext("El archivo no es un modelo de puntaje."))
    if sha256 is not None and file_sha256(content) != sha256:
        raise ModelFileCorrupted(gettext("El archivo del modelo cambió desde que se registró; no se usará."))
    claimed, _, body = content[len(MAGIC) :].partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != claimed:
        raise ModelFileCorrupted(gettext("El archivo del modelo está dañado; no se usará."))
    sizes, _, rest = body.partition(b"\n")
    document_size, booster_size = (int(size) for size in sizes.split())
    if len(rest) != document_size + 1 + booster_size:
        raise ModelFileCorrupted(gettext("El archivo del modelo está dañado; no se usará."))
    return json.loads(rest[:document_size]), rest[document_size + 1 :]
