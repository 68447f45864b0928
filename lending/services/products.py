"""What an institution lends: drafted, published under the legal cap, withdrawn; every change kept with its before."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from accounts import audit
from accounts.actors import Actor
from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState, NotFound
from accounts.models import Institution
from accounts.tenancy.scope import current_institution_id
from lending.matching import publication_problems
from lending.models import Product, ProductVersion
from lending.reasons import CROPS, DEPARTMENTS, SECTORS
from lending.selectors.products import product_terms, usury_cap
from lending.services.catalogue import close_version, list_version
from lending.services.policies import save_policy
from scoring.models import Segment

__all__ = ["create_product", "publish_product", "save_policy", "save_product_terms", "withdraw_product"]

TERMS: Final = (
    "summary",
    "amount_min",
    "amount_max",
    "term_min",
    "term_max",
    "tea_min",
    "tea_max",
    "amortization",
    "insurance_monthly_rate",
    "insurance_base",
    "fee_upfront",
    "down_payment_min",
    "disbursement_days",
    "regions",
    "sectors",
    "crops",
    "score_min",
    "age_min",
    "age_max",
    "activity_months_min",
    "creditors_max",
)
_LISTS: Final[dict[str, Any]] = {"regions": DEPARTMENTS, "sectors": SECTORS, "crops": CROPS}
MOST_DOWN: Final = Decimal("0.9")  # above it nothing worth a contract is lent
MOST_MONTHS: Final = 360
MOST_MONTHS_ONCE: Final = 120  # one payment at the end
MOST_WAIT: Final = 90  # days
Status = ProductVersion.Status


@transaction.atomic
def create_product(*, actor: Actor, name: str, segment: str, code: str = "") -> Product:
    """A product without terms yet; its code is made from the name unless given. Raises NotAllowed, InvalidInput."""
    actor.require("lending.manage_products")
    name = " ".join(name.split())
    code = slugify(code or name)[:40]
    errors: dict[str, list[str]] = {}
    if not name or len(name) > 80:
        errors["name"] = [_("Escribe un nombre de hasta 80 letras")]
    if segment not in Segment.values:
        errors["segment"] = [_("Elige casa, negocio o campo")]
    if name and not code:
        errors["code"] = [_("Escribe un código con letras y números")]
    if not errors and Product.objects.filter(code=code).exists():
        errors["code"] = [_("Ya hay un producto con ese código")]
    if errors:
        raise InvalidInput(fields=errors)
    product = Product.objects.create(code=code, name=name, segment=segment)
    audit.record(actor, "lending.product.created", product, code=code, segment=segment)
    return product


@transaction.atomic
def save_product_terms(*, product_id: UUID, actor: Actor, **terms: Any) -> ProductVersion:
    """The product's draft with these terms over the ones it had, or over the published ones.

    Rates are fractions, money is soles. Published terms never change. Raises NotAllowed, NotFound,
    InvalidInput by field.
    """
    actor.require("lending.manage_products")
    product = _locked(product_id)
    unknown = sorted(set(terms) - set(TERMS))
    if unknown:
        raise InvalidInput(fields={name: [_("Este dato no existe")] for name in unknown})
    versions = ProductVersion.objects.filter(product_id=product.pk)
    draft = versions.filter(status=Status.DRAFT).order_by("-number").first()
    base = draft or versions.order_by("-number").first()
    before = _terms(base) if base else {}
    if draft is None:
        last = versions.aggregate(last=Max("number"))["last"] or 0
        draft = ProductVersion(product=product, number=last + 1, created_by_id=actor.user_id, **before)
    for name, value in terms.items():
        setattr(draft, name, value)
    _check(draft)
    is_new = draft.institution_id is None
    draft.institution_id = product.institution_id
    draft.save()
    changed = _changes(before, _terms(draft))
    if changed or is_new:
        audit.record(
            actor, "lending.product.terms_saved", draft, product=product.pk, number=draft.number, changed=changed
        )
    return draft


@transaction.atomic
def publish_product(*, version_id: UUID, actor: Actor, on: date | None = None) -> ProductVersion:
    """Offer these terms from `on` (today); the version before them is withdrawn. A repeated call changes nothing.

    Raises NotAllowed, NotFound, InvalidState for withdrawn terms, and InvalidInput, in words, where the legal
    cap of the day is missing or passed, or a charge is forbidden.
    """
    actor.require("lending.manage_products")
    version = ProductVersion.objects.select_related("product").filter(pk=version_id).first()
    if version is None:
        raise NotFound
    _locked(version.product_id)
    version.refresh_from_db()
    if version.status == Status.PUBLISHED:
        return version
    if version.status == Status.WITHDRAWN:
        raise InvalidState(_("Estas condiciones ya se retiraron. Crea una versión nueva a partir de ellas."))
    on = on or today()
    if on > today():
        raise InvalidInput(fields={"on": [_("La publicación rige desde hoy o antes")]})
    _check(version)
    problems = publication_refusals(version, on)
    if problems:
        raise InvalidInput(problems[0], fields={"tea_max": problems}, code="cannot_publish")
    previous = ProductVersion.objects.filter(product_id=version.product_id, status=Status.PUBLISHED).first()
    if previous:
        previous.status, previous.withdrawn_on = Status.WITHDRAWN, on
        previous.save(update_fields=["status", "withdrawn_on"])
        close_version(previous, on)
    version.status, version.published_on = Status.PUBLISHED, on
    version.published_by_id, version.published_at = actor.user_id, timezone.now()
    version.save(update_fields=["status", "published_on", "published_by", "published_at"])
    list_version(version)
    cap = usury_cap(on, version.currency)
    audit.record(
        actor,
        "lending.product.published",
        version,
        product=version.product_id,
        number=version.number,
        on=on,
        replaces=previous.pk if previous else None,
        changed=_changes(_terms(previous) if previous else {}, _terms(version)),
        usury_cap=cap.value if cap else None,
    )
    return version


@transaction.atomic
def withdraw_product(*, product_id: UUID, actor: Actor, on: date | None = None) -> Product:
    """Offer the product to nobody new from `on` (today); offers already made stand. Safe to repeat.

    Raises NotAllowed, NotFound.
    """
    actor.require("lending.manage_products")
    product = _locked(product_id)
    version = ProductVersion.objects.filter(product_id=product.pk, status=Status.PUBLISHED).first()
    if version:
        on = on or today()
        version.status, version.withdrawn_on = Status.WITHDRAWN, on
        version.save(update_fields=["status", "withdrawn_on"])
        close_version(version, on)
        audit.record(actor, "lending.product.withdrawn", version, product=product.pk, number=version.number, on=on)
    return product


def publication_refusals(version: ProductVersion, on: date) -> list[str]:
    """Why these terms may not be published, in words: the legal cap of the day, and charges that are forbidden.

    Evaluation, disbursement, administration and prepayment may not be charged (Ley 28587; Res. SBS
    3274-2017); what is kept back at the start can only be a cooperative's affiliation.
    """
    cap = usury_cap(on, version.currency)
    refusals = [reason.text for reason in publication_problems(product_terms(version), cap.value if cap else None)]
    if version.fee_upfront:
        institution = Institution.objects.get(pk=current_institution_id())
        if institution.kind != Institution.Kind.COOPAC:
            refusals.append(
                _("Solo una cooperativa puede cobrar afiliación. Cobrar por evaluar, desembolsar o administrar un"
                  " crédito está prohibido.")
            )  # fmt: skip
    return refusals


def _locked(product_id: UUID) -> Product:
    product = Product.objects.select_for_update().filter(pk=product_id).first()
    if product is None:
        raise NotFound
    return product


def _terms(version: ProductVersion) -> dict[str, Any]:
    return {name: getattr(version, name) for name in TERMS}


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """From and to, for every term that differs."""
    return {name: {"from": before.get(name), "to": value} for name, value in after.items() if before.get(name) != value}


def _check(version: ProductVersion) -> None:
    """Raises InvalidInput by field unless the terms make sense together."""
    errors: dict[str, list[str]] = {}
    try:
        version.full_clean(exclude=["institution", "product"], validate_unique=False, validate_constraints=False)
    except ValidationError as refusal:
        errors = dict(refusal.message_dict)
    for low, high, words in (
        ("amount_min", "amount_max", _("El monto máximo no puede ser menor que el mínimo")),
        ("term_min", "term_max", _("El plazo máximo no puede ser menor que el mínimo")),
        ("tea_min", "tea_max", _("La TEA máxima no puede ser menor que la mínima")),
        ("age_min", "age_max", _("La edad máxima no puede ser menor que la mínima")),
    ):
        if not {low, high} & set(errors) and getattr(version, high) < getattr(version, low):
            errors[high] = [words]
    for name in ("amount_min", "term_min"):
        if name not in errors and getattr(version, name) <= 0:
            errors[name] = [_("Debe ser mayor que cero")]
    for name in ("tea_min", "insurance_monthly_rate", "fee_upfront", "down_payment_min"):
        if name not in errors and getattr(version, name) < 0:
            errors[name] = [_("No puede ser negativo")]
    if "insurance_monthly_rate" not in errors and version.insurance_monthly_rate > Decimal("0.05"):
        errors["insurance_monthly_rate"] = [_("El seguro no pasa de 5 % al mes")]
    if "down_payment_min" not in errors and version.down_payment_min > MOST_DOWN:
        errors["down_payment_min"] = [_("La cuota inicial no pasa del 90 por ciento del precio")]
    most_months = MOST_MONTHS_ONCE if version.amortization == version.Amortization.BULLET else MOST_MONTHS
    if "term_max" not in errors and version.term_max > most_months:
        errors["term_max"] = [_("El plazo no pasa de %(months)s meses") % {"months": most_months}]
    if not {"fee_upfront", "amount_min"} & set(errors) and version.fee_upfront * 3 > version.amount_min:
        errors["fee_upfront"] = [_("La comisión no pasa de la tercera parte del monto mínimo")]
    if "disbursement_days" not in errors and version.disbursement_days > MOST_WAIT:
        errors["disbursement_days"] = [_("El desembolso no tarda más de %(days)s días") % {"days": MOST_WAIT}]
    if "score_min" not in errors and not 300 <= version.score_min <= 850:
        errors["score_min"] = [_("El puntaje va de 300 a 850")]
    if "age_min" not in errors and version.age_min < 18:
        errors["age_min"] = [_("La edad mínima es 18 años")]
    for name, allowed in _LISTS.items():
        if not set(getattr(version, name)) <= set(allowed):
            errors[name] = [_("Elige de la lista")]
    if errors:
        raise InvalidInput(fields=errors)
