"""Where models are kept and which one answers: files in the private store, one champion per segment and owner."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models import F, Q
from django.utils.translation import gettext as _

from accounts.errors import Unavailable
from scoring.model_files import ModelFileCorrupted, check_against_booster, file_sha256, load_model
from scoring.models import ScoringModel
from scoring.serving import DictionaryChanged, LiveModel

logger = logging.getLogger(__name__)


def champion(segment: str, institution_id: int | None = None) -> ScoringModel:
    """The model in force: the institution's own, else the shared one. Raises Unavailable when there is neither."""
    return in_place(segment, institution_id)[0]


def in_place(segment: str, institution_id: int | None = None) -> tuple[ScoringModel, ScoringModel | None]:
    """The model in force and its challenger, if any; of each the institution's own, else the shared one.

    Raises Unavailable without a model in force.
    """
    Status = ScoringModel.Status
    mine = Q(institution=None) if institution_id is None else Q(institution=None) | Q(institution_id=institution_id)
    found: dict[str, ScoringModel] = {}
    for model in ScoringModel.objects.filter(
        mine, segment=segment, status__in=[Status.CHAMPION, Status.CHALLENGER]
    ).order_by(F("institution_id").asc(nulls_last=True)):
        found.setdefault(model.status, model)
    if Status.CHAMPION not in found:
        raise Unavailable(
            _("Todavía no hay un modelo de puntaje aprobado para este tipo de solicitud."), code="no_champion"
        )
    return found[Status.CHAMPION], found.get(Status.CHALLENGER)


def live_model(model: ScoringModel) -> LiveModel:
    """The model ready to score, kept in this process by its hash. Raises Unavailable when its file cannot be used."""
    with _or_unavailable(model):
        return _loaded(model.file, model.sha256)


def verify(model: ScoringModel) -> None:
    """Read the file anew, and hold its tables against the booster they were read from. Raises Unavailable."""
    with _or_unavailable(model):
        content = read_file(model.file)
        load_model(content, model.sha256)
        check_against_booster(content)


@contextmanager
def _or_unavailable(model: ScoringModel) -> Iterator[None]:
    try:
        yield
    except (OSError, ModelFileCorrupted, DictionaryChanged) as error:
        logger.critical("model %s (%s) cannot be used: %s", model.name, model.sha256[:12], error)
        raise Unavailable(
            _("El modelo de puntaje %(name)s no se puede usar: %(why)s") % {"name": model.name, "why": error},
            code="model_unusable",
        ) from error


@lru_cache(maxsize=32)
def _loaded(file: str, sha256: str) -> LiveModel:
    model = load_model(read_file(file), sha256)
    model.reader  # noqa: B018  (a model of another dictionary is refused now, not at its first applicant)
    return model


def store_file(content: bytes) -> tuple[str, str]:
    """Put a model file into the private store under its hash; returns its name and the hash."""
    sha256 = file_sha256(content)
    name = f"models/{sha256}.ayni"
    if not default_storage.exists(name):
        name = default_storage.save(name, ContentFile(content))
    return name, sha256


def store_predictions(sha256: str, predicted: np.ndarray) -> None:
    """Keep what a model said of its training rows while it had not seen them: float64[n], NaN where it never was."""
    name = _predictions_name(sha256)
    if not default_storage.exists(name):
        content = io.BytesIO()
        np.save(content, predicted.astype(np.float64), allow_pickle=False)
        default_storage.save(name, ContentFile(content.getvalue()))


def predictions(model: ScoringModel) -> np.ndarray | None:
    """The same, in the order of its data set's rows; None for a model of before they were kept."""
    try:
        return np.load(io.BytesIO(read_file(_predictions_name(model.sha256))), allow_pickle=False)
    except OSError:
        return None


def _predictions_name(sha256: str) -> str:
    return f"models/{sha256}.held-out.npy"


def read_file(name: str) -> bytes:
    with default_storage.open(name, "rb") as file:
        return file.read()
