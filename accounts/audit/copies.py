"""Published checkpoints in places that the database cannot touch: the file store, and mailboxes of regulators.

Every checkpoint is copied to the file store (in production with object lock, under other credentials). The
first one of each day is mailed to CHECKPOINT_MAIL_TO: it covers everything before it.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import checkpoints
from accounts.audit.checkpoints import Checkpoint
from accounts.clock import LIMA
from accounts.formats import format_moment
from accounts.messages import NotDelivered, send_mail

AGAIN = timedelta(minutes=1)  # after a store or a mail server that did not answer
LOOKED_BACK = 500  # published checkpoints looked at for a copy that is missing

logger = logging.getLogger(__name__)


class Courier:
    """Delivers what has been published since the last time; keeps trying without holding up the sealer."""

    def __init__(self) -> None:
        self.delivered = 0
        self.next_try: datetime | None = None

    def deliver(self) -> None:
        """Copy and mail what is new, at most once a minute while something fails."""
        newest = max((checkpoints.number_of(path) for path in checkpoints.published_paths()[-1:]), default=0)
        if newest <= self.delivered or (self.next_try and timezone.now() < self.next_try):
            return
        try:
            copy_missing()
            mail_missing()
            self.delivered, self.next_try = newest, None
        except Exception as error:  # stores raise what they like; sealing must go on
            logger.error("checkpoints were not delivered to their second place: %s", error)
            self.next_try = timezone.now() + AGAIN


def store() -> Storage:
    """The file store of signed checkpoints."""
    return storages["checkpoints"]


def copy_missing() -> int:
    """Copy published files that the store does not have; returns how many. Never replaces one."""
    copied, kept = 0, store()
    for path in reversed(checkpoints.published_paths()[-LOOKED_BACK:]):
        if kept.exists(path.name):
            break
        kept.save(path.name, ContentFile(path.read_bytes()))
        copied += 1
    return copied


def newest_copy() -> Checkpoint | None:
    """The newest checkpoint in the store, to compare the database with; None when there is none.

    Raises CheckpointInvalid.
    """
    kept = store()
    if not kept.exists(""):
        return None
    names = [name for name in kept.listdir("")[1] if name.startswith("checkpoint-")]
    if not names:
        return None
    with kept.open(max(names)) as file:
        return checkpoints.parsed(file.read().decode())


def mail_missing() -> int:
    """Mail the first checkpoint of each day that has not been sent; returns how many mails were handed over."""
    recipients, sent = settings.CHECKPOINT_MAIL_TO, 0
    if not recipients:
        return 0
    for checkpoint in _firsts_of_days(_mailed()):
        for to in recipients:
            try:
                send_mail(to, *_letter(checkpoint), dedupe_key=f"checkpoint-{checkpoint.number}-{to}")
            except NotDelivered:
                logger.error("checkpoint %s was not mailed", checkpoint.number)
                raise
            sent += 1
        _marker().write_text(str(checkpoint.number), encoding="ascii")
    return sent


def _firsts_of_days(after: int) -> Iterator[Checkpoint]:
    """Published checkpoints above number `after` that are the first of their day in Lima, oldest first."""
    day_before = None
    for path in checkpoints.published_paths()[-LOOKED_BACK:]:
        checkpoint = checkpoints.read(path)
        day = datetime.fromisoformat(checkpoint.facts["at"]).astimezone(LIMA).date()
        if day != day_before and checkpoint.number > after:
            yield checkpoint
        day_before = day


def _letter(checkpoint: Checkpoint) -> tuple[str, str]:
    at = format_moment(datetime.fromisoformat(checkpoint.facts["at"]))
    subject = _("Punto de control %(number)s de Ayni") % {"number": checkpoint.number}
    words = _(
        "Guarda este correo: es la prueba de hasta dónde llegaban las cadenas el %(at)s. Copia lo que sigue a un"
        " archivo constancia.json y úsalo con: python3 verify.py --held constancia.json"
    ) % {"at": at}
    return subject, f"{words}\n\n{checkpoints.to_json(checkpoint)}"


def _marker() -> Path:
    return checkpoints.folder() / "mailed"


def _mailed() -> int:
    return int(_marker().read_text(encoding="ascii")) if _marker().exists() else 0
