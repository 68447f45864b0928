"""Sending an SMS or a mail to a person.

In production an HTTP gateway (SMS_GATEWAY_URL) and a mail server (EMAIL_URL) deliver; where one is not set,
the message is written to OUTBOX_ROOT, where the demo shows it. Call these outside transactions where you
can: they talk to the network. The same `dedupe_key` is delivered once.
"""

import hashlib
import json
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.errors import Unavailable

TIMEOUT_SECONDS = 5
MAX_ANSWER_BYTES = 10_000


class NotDelivered(Unavailable):
    """The gateway or the mail server did not take the message; trying again later may work."""

    code = "message_not_delivered"
    default_message = _("No pudimos enviarte el mensaje. Inténtalo otra vez en unos minutos.")


class Undeliverable(NotDelivered):
    """It was refused for good (a number or address that does not exist); trying again won't help."""

    code = "message_undeliverable"
    default_message = _("No pudimos enviar un mensaje a ese número o correo. Revisa que esté bien escrito.")


@dataclass(frozen=True, slots=True)
class WrittenMessage:
    """A message in the outbox folder."""

    channel: str  # "sms" or "mail"
    to: str
    subject: str
    text: str
    dedupe_key: str
    written_at: datetime


def send_sms(to: str, text: str, dedupe_key: str) -> None:
    """Send `text` to the mobile `to` (+51…), once per `dedupe_key`.

    Raises Undeliverable when the gateway refuses it for good, NotDelivered when trying again may work.
    """
    if settings.SMS_GATEWAY_URL:
        _post_to_gateway({"to": to, "text": text, "id": dedupe_key})
    else:
        _write(WrittenMessage("sms", to, "", text, dedupe_key, timezone.now()))


def send_mail(to: str, subject: str, text: str, dedupe_key: str) -> None:
    """Send a plain-text mail, with a Message-ID made from `dedupe_key`. Raises NotDelivered."""
    if not settings.MAIL_SERVER:
        _write(WrittenMessage("mail", to, subject, text, dedupe_key, timezone.now()))
        return
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip(">")
    mail = EmailMessage(
        subject=" ".join(subject.split()),
        body=text,
        to=[to],
        headers={"Message-ID": f"<{_digest('mail', dedupe_key)}@{domain}>"},
    )
    try:
        mail.send()
    except OSError as error:  # smtplib's errors are OSErrors
        raise NotDelivered from error


def written_messages(limit: int = 100) -> list[WrittenMessage]:
    """What the outbox folder holds, newest first."""
    found = []
    for path in Path(settings.OUTBOX_ROOT).glob("*/*.json"):
        try:
            document = json.loads(path.read_text())
            written_at = datetime.fromisoformat(document.pop("written_at"))
            found.append(WrittenMessage(**document, written_at=written_at))
        except (OSError, ValueError, TypeError, KeyError):
            continue  # somebody else's file, or one that is just being removed
    return sorted(found, key=lambda message: message.written_at, reverse=True)[:limit]


def _write(message: WrittenMessage) -> None:
    """Put the message into the outbox folder; a second one with the same key leaves the first as it is."""
    folder = Path(settings.OUTBOX_ROOT) / message.channel
    folder.mkdir(parents=True, exist_ok=True)
    document = {**asdict(message), "written_at": message.written_at.isoformat()}
    with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".part", delete=False) as part:
        json.dump(document, part, ensure_ascii=False)
    try:
        os.link(part.name, folder / f"{_digest(message.channel, message.dedupe_key)}.json")
    except FileExistsError:
        pass
    finally:
        os.unlink(part.name)


def _digest(channel: str, dedupe_key: str) -> str:
    return hashlib.sha256(f"{channel}:{dedupe_key}".encode()).hexdigest()[:40]


def _post_to_gateway(document: Mapping[str, Any]) -> None:
    """POST the message as JSON; the gateway is told its key so that a repeat is not sent twice."""
    request = urllib.request.Request(  # noqa: S310 (the address is the operator's setting, http or https)
        settings.SMS_GATEWAY_URL,
        data=json.dumps(document).encode(),
        headers={"Content-Type": "application/json", "Idempotency-Key": str(document["id"])},
    )
    if settings.SMS_GATEWAY_TOKEN:
        request.add_header("Authorization", f"Bearer {settings.SMS_GATEWAY_TOKEN}")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            answer.read(MAX_ANSWER_BYTES)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (408, 409, 425, 429) or error.code >= 500:
            raise NotDelivered from error
        raise Undeliverable from error
    except OSError as error:
        raise NotDelivered from error
