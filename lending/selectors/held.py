"""Everything an institution holds of one person, found by following the keys: a new table is in it from the start.

From the person's applicant rows and applications, every key that points to something of theirs is followed, whether
a foreign key or a plain column named like one (`application_id`, `loan_id`, …).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final
from uuid import UUID

from django.apps import apps
from django.db.models import Field, ForeignKey, Model, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.audit.words import event_words
from accounts.formats import short_name
from accounts.models import AuditEntry, Complaint, DataRequest, Membership, User
from accounts.models.base import InstitutionOwned
from accounts.models.people import Role
from lending.models import Applicant, Application, Loan

# Columns that name something of a person without being a foreign key to it.
POINTERS: Final[dict[str, type[Model]]] = {
    "subject_id": Applicant,
    "applicant_id": Applicant,
    "application_id": Application,
    "loan_id": Loan,
}
LEFT_OUT: Final = {
    "accounts.AuditEntry": "shown as who looked and what was done, in words",
    "accounts.AuditSeal": "links of the chain, no personal words",
    "accounts.OutboxEvent": "announcements with ids only, closed within minutes",
    "accounts.SubjectKey": "the key that would unlink the pseudonyms",
}
# What the serving role may see of tables that are closed to it: that there is a row, never what it says.
CLOSED: Final = {"lending.FairnessAnswer": ("pk", "institution_id", "application_id", "answered_at")}
SECRET_COLUMNS: Final = frozenset(
    {"institution", "document_hash", "stored_name", "code_hash", "token_hash", "api_client_id"}
)
DECLARED, WORKED_OUT, STAFF, SYSTEM = (
    _("Lo declaraste tú"),
    _("Lo calculó un programa"),
    _("Lo escribió el personal"),
    _("Lo registró el sistema"),
)
# model: (what it is, where it is from); others are named by their model and came from the system
WORDS: Final[dict[str, tuple[Any, Any]]] = {
    "lending.Applicant": (_("Tus datos personales"), DECLARED),
    "lending.HouseholdProfile": (_("Datos de tu hogar"), DECLARED),
    "lending.EnterpriseProfile": (_("Datos de tu negocio"), DECLARED),
    "lending.FarmProfile": (_("Datos de tu chacra"), DECLARED),
    "lending.Application": (_("Tus solicitudes"), DECLARED),
    "lending.Document": (_("Tus documentos"), DECLARED),
    "lending.Assessment": (_("Evaluaciones"), WORKED_OUT),
    "scoring.Score": (_("Puntajes con sus razones"), WORKED_OUT),
    "lending.Offer": (_("Ofertas"), WORKED_OUT),
    "lending.Decision": (_("Propuestas y decisiones"), STAFF),
    "lending.ReviewRequest": (_("Pedidos de revisión"), DECLARED),
    "lending.OfferFeedback": (_("Tu opinión de las ofertas"), DECLARED),
    "lending.FairnessAnswer": (_("Tus respuestas voluntarias, cerradas a quien decide"), DECLARED),
    "lending.Notification": (_("Mensajes que te enviamos"), SYSTEM),
    "lending.Contract": (_("Contratos"), SYSTEM),
    "lending.SigningCode": (_("Códigos de firma enviados"), SYSTEM),
    "lending.SigningLink": (_("Enlaces de firma enviados"), SYSTEM),
    "lending.ContractGuarantor": (_("Quiénes responden por un crédito, según su contrato"), STAFF),
    "lending.Loan": (_("Créditos"), SYSTEM),
    "lending.Guarantee": (_("Garantías de tus créditos"), STAFF),
    "lending.GroupMember": (_("Grupos en que participas"), STAFF),
    "lending.GroupLoan": (_("Créditos de tu grupo"), SYSTEM),
    "lending.Installment": (_("Cuotas"), SYSTEM),
    "lending.Disbursement": (_("Desembolsos"), STAFF),
    "lending.Repayment": (_("Pagos"), STAFF),
    "lending.PrepaymentRequest": (_("Lo que pediste de tus pagos anticipados"), DECLARED),
    "lending.Allocation": (_("A qué se aplicó cada pago"), SYSTEM),
    "lending.Restructure": (_("Cambios de cronograma"), STAFF),
    "lending.ContactNote": (_("Notas de cobranza"), STAFF),
    "lending.PromiseToPay": (_("Promesas de pago"), DECLARED),
    "lending.ExternalClass": (_("Tu clasificación en otras entidades"), _("Vino de la central de riesgos")),
    "lending.LedgerEntry": (_("Asientos contables de tus créditos"), SYSTEM),
    "lending.LoanSpan": (_("Estado de tus créditos, por días"), WORKED_OUT),
    "lending.DebtorSpan": (_("Tu clasificación, por días"), WORKED_OUT),
    "lending.MarketEcho": (_("De qué comparación vino tu solicitud"), SYSTEM),
    "accounts.Consent": (_("Permisos que diste o negaste"), DECLARED),
    "accounts.DataRequest": (_("Tus pedidos sobre tus datos"), DECLARED),
    "accounts.BureauCorrection": (_("Correcciones avisadas a centrales de riesgos"), STAFF),
    "accounts.Complaint": (_("Hojas del libro de reclamaciones"), DECLARED),
    "accounts.Membership": (_("Tu acceso a esta entidad"), SYSTEM),
}


@dataclass(frozen=True, slots=True)
class Section:
    """Rows of one kind, as stored, with where they came from."""

    label: str
    title: Any
    source: Any
    rows: list[Model]


@dataclass(frozen=True, slots=True)
class Look:
    """Somebody did something with the person's data, or looked at it."""

    at: datetime
    who: str
    role: str
    what: str


def held_of(user_id: int) -> list[Section]:
    """Every row of the institution in scope that is about this person, by kind. Their own account only."""
    applicants = list(Applicant.objects.filter(user_id=user_id))
    applications = list(
        Application.objects.filter(Q(owner_id=user_id) | Q(applicant_id__in=[one.pk for one in applicants]))
    )
    return _sections(_reached({Applicant: applicants, Application: applications}, user_id))


def held_of_applicant(applicant: Applicant) -> list[Section]:
    """The same for an applicant who may have no account."""
    applications = list(Application.objects.filter(applicant_id=applicant.pk))
    return _sections(_reached({Applicant: [applicant], Application: applications}, applicant.user_id))


def _reached(found: dict[type[Model], list[Any]], user_id: int | None) -> dict[type[Model], list[Any]]:
    """Follow keys until nothing new is reached: one query for each key that leads to something of the person."""
    known: dict[type[Model], dict[Any, Model]] = {model: {row.pk: row for row in rows} for model, rows in found.items()}
    if user_id is not None:
        for own in (DataRequest, Complaint, Membership):
            known[own] = {row.pk: row for row in own.objects.filter(user_id=user_id)}
    fresh: dict[type[Model], set[Any]] = {model: set(rows) for model, rows in known.items() if rows}
    while fresh:
        following: dict[type[Model], set[Any]] = {}
        for target, keys in fresh.items():
            for model, column in keys_to(target):
                rows = known.setdefault(model, {})
                pointing = model._default_manager.filter(**{f"{column}__in": keys})
                for row in pointing.only(*CLOSED.get(model._meta.label, ())):
                    if row.pk not in rows:
                        rows[row.pk] = row
                        following.setdefault(model, set()).add(row.pk)
        fresh = following
    return {model: list(rows.values()) for model, rows in known.items() if rows}


@cache
def keys_to(target: type[Model]) -> tuple[tuple[type[Model], str], ...]:
    """(model, column) of everything that points at `target` by a foreign key or a column named like one."""
    found: list[tuple[type[Model], str]] = []
    for model in owned_models():
        for field in model._meta.local_concrete_fields:
            if isinstance(field, ForeignKey) and field.remote_field.model is target:
                found.append((model, field.attname))
            elif not isinstance(field, ForeignKey) and POINTERS.get(field.name) is target:
                found.append((model, field.name))
    return tuple(found)


@cache
def owned_models() -> tuple[type[Model], ...]:
    """The institution's tables that a person's rows may be in."""
    return tuple(
        model
        for app in ("accounts", "scoring", "lending")
        for model in apps.get_app_config(app).get_models()
        if issubclass(model, InstitutionOwned) and model._meta.label not in LEFT_OUT
    )


def personal_models() -> set[str]:
    """Labels of all tables that can be reached from a person."""
    reached: set[type[Model]] = {Applicant, Application, DataRequest, Complaint, Membership}
    fresh: list[type[Model]] = [Applicant, Application]
    while fresh:
        for model, _column in keys_to(fresh.pop()):
            if model not in reached:
                reached.add(model)
                fresh.append(model)
    return {model._meta.label for model in reached}


def _sections(found: dict[type[Model], list[Any]]) -> list[Section]:
    order = list(WORDS)
    labels = sorted(found, key=lambda model: order.index(model._meta.label) if model._meta.label in order else 99)
    return [
        Section(
            model._meta.label,
            WORDS.get(model._meta.label, (model._meta.verbose_name, SYSTEM))[0],
            WORDS.get(model._meta.label, (None, SYSTEM))[1],
            found[model],
        )
        for model in labels
    ]


# --- for programs -------------------------------------------------------------------------------------------------


def as_document(sections: list[Section]) -> list[dict[str, Any]]:
    """The sections as JSON: every column but keyed hashes and file names; staff by short name."""
    people = _people(sections)
    return [
        {
            "table": section.label,
            "title": str(section.title),
            "source": str(section.source),
            "rows": [dict(_columns(row, people)) for row in section.rows],
        }
        for section in sections
    ]


def _columns(row: Model, people: dict[int, str]) -> Iterator[tuple[str, Any]]:
    for field in shown_columns(row):
        value = getattr(row, field.attname)
        if is_person_key(field):
            yield field.name, people.get(value) if value is not None else None
        else:
            yield field.name, plain(value)


def shown_columns(row: Model) -> list[Any]:
    """The columns a person is shown of a row: no keyed hash or file name, nothing the serving role may not read."""
    hidden = SECRET_COLUMNS | row.get_deferred_fields()
    return [field for field in row._meta.concrete_fields if field.name not in hidden and field.attname not in hidden]


def plain(value: Any) -> Any:
    """A stored value as JSON knows it; amounts and rates keep their digits as text."""
    if isinstance(value, (Decimal, UUID, Promise)):
        return str(value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return value


def is_person_key(field: Field) -> bool:
    """Whether the column names somebody's account."""
    return isinstance(field, ForeignKey) and field.remote_field.model is User


def _people(sections: list[Section]) -> dict[int, str]:
    keys = {
        getattr(row, field.attname)
        for section in sections
        for row in section.rows
        for field in shown_columns(row)
        if is_person_key(field)
    }
    return {one.pk: short_name(str(one)) for one in User.objects.filter(pk__in=keys - {None})}


# --- who looked ---------------------------------------------------------------------------------------------------


def looks_at(sections: list[Section], own_user_id: int | None, limit: int = 200) -> list[Look]:
    """Who opened, changed or decided something of the person's, newest first; their own acts are left out."""
    subjects = [str(row.pk) for section in sections for row in section.rows if isinstance(row.pk, UUID)]
    found = (
        AuditEntry.objects.filter(subject_id__in=subjects, actor_user_id__isnull=False)
        .exclude(actor_user_id=own_user_id)
        .order_by("-at_us")
        .values_list("at_us", "event", "actor_user_id")[:limit]
    )
    entries = list(found)
    keys = {key for *_rest, key in entries}
    names = {one.pk: short_name(str(one)) for one in User.objects.filter(pk__in=keys)}
    roles = {
        one.user_id: one.job_title or ", ".join(str(Role(role).label) for role in one.roles if role != Role.APPLICANT)
        for one in Membership.objects.filter(user_id__in=keys)
    }
    return [
        Look(
            at=datetime.fromtimestamp(at_us / 1_000_000, tz=UTC),
            who=names.get(key, ""),
            role=roles.get(key, ""),
            what=str(event_words(event)),
        )
        for at_us, event, key in entries
    ]
