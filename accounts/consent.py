"""What people are asked to agree to, purpose by purpose, and how an answer is kept as evidence.

Ley 29733 and DS 016-2024-JUS put the burden of proof on the lender: each answer keeps the version and the
SHA-256 of the exact text shown, its language, the instant, the channel and the address it came from. A text
that changes gets a new VERSION; old hashes stay explained by this file's history.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.errors import InvalidInput
from accounts.models import Consent, Institution

VERSION: Final = "2026-11"
LANGUAGES: Final = ("es", "en")

# Without this one nobody may look at the application; every other answer is free.
NECESSARY: Final = frozenset({Consent.Purpose.EVALUATION})

# purpose: language: (title, text)
TEXTS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    Consent.Purpose.EVALUATION: {
        "es": (
            "Evaluar mi solicitud con mis ingresos, gastos y deudas",
            "Autorizo a {institution} a usar los datos y documentos que entrego, incluidos mis ingresos, que la ley"
            " protege como datos sensibles, para evaluar esta solicitud. Los verán sus analistas y quienes la"
            " supervisan por ley. Se guardan mientras dure la relación y diez años más, como pide la ley contra el"
            " lavado de activos. Si no autorizo, no se puede evaluar la solicitud. Puedo ver, corregir o pedir que"
            " borren mis datos, y retirar este permiso, en Mis datos o en cualquier agencia.",
        ),
        "en": (
            "Assess my application with my income, expenses and debts",
            "I authorise {institution} to use the data and documents I provide, including my income, which the law"
            " protects as sensitive data, to assess this application. Its credit officers, and those who supervise it"
            " by law, will see them. They are kept while the relationship lasts and ten years more, as the law"
            " against money laundering requires. Without this permission the application cannot be assessed. I may"
            " see, correct or ask to erase my data, and withdraw this permission, under My data or at any branch.",
        ),
    },
    Consent.Purpose.AUTOMATED: {
        "es": (
            "Calcular mi puntaje con un programa",
            "Autorizo que un programa de {institution} calcule mi puntaje con lo que declaro y proponga una"
            " respuesta. Veré las razones y puedo pedir, sin costo, que una persona revise el resultado. Si no"
            " autorizo, una persona evalúa mi solicitud desde el inicio; puede tardar más.",
        ),
        "en": (
            "Work out my score with a program",
            "I authorise a program of {institution} to work out my score from what I declare and to propose an"
            " answer. I will see the reasons and may ask, free of charge, that a person review the result. Without"
            " this permission a person assesses my application from the start; it may take longer.",
        ),
    },
    Consent.Purpose.BUREAU: {
        "es": (
            "Consultar la central de riesgos",
            "Autorizo a {institution} a consultar mis deudas y pagos en la central de riesgos de la SBS y en centrales"
            " privadas, solo para evaluar esta solicitud. Si no autorizo, se evalúa con lo que declaro y presento.",
        ),
        "en": (
            "Consult the credit bureau",
            "I authorise {institution} to consult my debts and payments at the SBS credit register and at private"
            " bureaus, only to assess this application. Without this permission it is assessed with what I declare"
            " and present.",
        ),
    },
    Consent.Purpose.CONTACT: {
        "es": (
            "Escribirme sobre mi solicitud",
            "Autorizo a {institution} a enviarme mensajes de texto y correos sobre esta solicitud. Si no autorizo, veré"
            " la respuesta al entrar a mi cuenta o en la agencia.",
        ),
        "en": (
            "Write to me about my application",
            "I authorise {institution} to send me text messages and e-mail about this application. Without this"
            " permission I will see the answer in my account or at the branch.",
        ),
    },
    Consent.Purpose.MARKETING: {
        "es": (
            "Enviarme ofertas de otros productos",
            "Autorizo a {institution} a ofrecerme otros productos. No cambia en nada la evaluación de esta solicitud.",
        ),
        "en": (
            "Send me offers of other products",
            "I authorise {institution} to offer me other products. It changes nothing in how this application is"
            " assessed.",
        ),
    },
}


@dataclass(frozen=True, slots=True)
class ConsentText:
    """One purpose as it is shown: the title beside the box and the text below it."""

    purpose: str
    title: str
    body: str
    language: str
    necessary: bool
    version: str = VERSION

    @property
    def sha256(self) -> str:
        """Hash of the exact words shown."""
        return hashlib.sha256(f"{self.title}\n{self.body}".encode()).hexdigest()


def consent_texts(institution: Institution, language: str | None = None) -> list[ConsentText]:
    """Every purpose in the order it is asked, in `language` (the active one; Spanish where there is no other)."""
    spoken = (language or get_language() or "es").split("-")[0]
    spoken = spoken if spoken in LANGUAGES else "es"
    found = []
    for purpose, words in TEXTS.items():
        title, body = (part.format(institution=institution.name) for part in words[spoken])
        found.append(ConsentText(str(purpose), title, body, spoken, purpose in NECESSARY))
    return found


def check_consents(answers: Mapping[str, bool]) -> None:
    """Raise InvalidInput, by field `consent_<purpose>`, for a missing necessary one or an unknown name."""
    errors = {f"consent_{name}": [_("Este permiso no existe")] for name in answers if name not in TEXTS}
    for purpose in NECESSARY:
        if answers.get(purpose) is not True:
            errors[f"consent_{purpose}"] = [
                _("Marca este permiso para enviar tu solicitud: sin él nadie puede mirar tus datos para evaluarla")
            ]
    if errors:
        raise InvalidInput(fields=errors)


def record_consents(
    *,
    institution: Institution,
    subject_id: UUID,
    application_id: UUID,
    answers: Mapping[str, bool],
    channel: str,
    ip: str | None,
    given_by_id: int | None,
    recorded_by_id: int | None = None,
    language: str | None = None,
) -> list[Consent]:
    """Keep an answer for every purpose, refusals included, in the caller's transaction.

    `given_by_id` is the person's own account where they have one; `recorded_by_id` the officer who took down
    the answer of somebody beside them.
    """
    now = timezone.now()
    return Consent.objects.bulk_create(
        Consent(
            institution_id=institution.pk,
            subject_id=subject_id,
            application_id=application_id,
            purpose=text.purpose,
            granted=answers.get(text.purpose) is True,
            text_version=text.version,
            text_sha256=text.sha256,
            language=text.language,
            channel=channel,
            ip=ip,
            given_by_id=given_by_id,
            recorded_by_id=recorded_by_id,
            given_at=now,
        )
        for text in consent_texts(institution, language)
    )


def agreeing(purpose: str, subject_ids: Iterable[UUID]) -> set[UUID]:
    """Those of these people whose standing answer to a purpose is yes everywhere: one no is a no."""
    answers = Consent.objects.filter(subject_id__in=list(subject_ids), purpose=purpose, withdrawn_at__isnull=True)
    said: dict[UUID, bool] = {}
    for subject_id, granted in answers.values_list("subject_id", "granted"):
        said[subject_id] = said.get(subject_id, True) and granted
    return {subject_id for subject_id, yes in said.items() if yes}


def granted_purposes(application_ids: list[UUID]) -> dict[UUID, frozenset[str]]:
    """What stands agreed to (and not withdrawn since) for each application, in one query."""
    found: dict[UUID, set[str]] = {key: set() for key in application_ids}
    rows = Consent.objects.filter(
        application_id__in=application_ids, granted=True, withdrawn_at__isnull=True
    ).values_list("application_id", "purpose")
    for application_id, purpose in rows:
        if application_id is not None:
            found[application_id].add(purpose)
    return {key: frozenset(purposes) for key, purposes in found.items()}
