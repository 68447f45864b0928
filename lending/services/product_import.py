"""Products and outside opportunities from a file: all or nothing, complaints by cell, safe to run again."""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from accounts import audit
from accounts.actors import Actor
from accounts.clock import today
from accounts.errors import InvalidInput
from accounts.models import Institution
from accounts.numbering import PRODUCT_FILES, take_turns
from accounts.tenancy.scope import current_institution_id
from lending.imports.sheets import CellProblem, SheetRefused, read_sheet, renamed
from lending.models import Opportunity, Product, ProductVersion
from lending.money import NotAnAmount, parse_amount
from lending.reasons import CROPS, DEPARTMENTS, SECTORS, SEGMENTS
from lending.services.products import TERMS, create_product, publish_product, save_product_terms

PRODUCT, OPPORTUNITY = "producto", "oportunidad"
# Heading: field. The template that people download has these headings; field names serve as well.
HEADINGS: Final[dict[str, str]] = {
    "tipo": "kind", "código": "code", "nombre": "name", "para": "segment", "resumen": "summary",
    "monto mínimo": "amount_min", "monto máximo": "amount_max", "plazo mínimo": "term_min",
    "plazo máximo": "term_max", "tea mínima %": "tea_min", "tea máxima %": "tea_max", "forma de pago": "amortization",
    "seguro mensual %": "insurance_monthly_rate", "comisión de afiliación": "fee_upfront",
    "cuota inicial mínima %": "down_payment_min",
    "días de desembolso": "disbursement_days", "departamentos": "regions", "rubros": "sectors", "cultivos": "crops",
    "puntaje mínimo": "score_min", "edad mínima": "age_min", "edad máxima": "age_max",
    "meses de actividad": "activity_months_min", "entidades con deuda": "creditors_max",
    "organizador": "organiser", "requisitos": "requirements", "enlace": "url", "desde": "valid_from",
    "hasta": "valid_to",
}  # fmt: skip
OF_OPPORTUNITY: Final = (
    *("code", "name", "organiser", "segment", "summary", "requirements", "url", "amount_max"),
    *("regions", "crops", "valid_from", "valid_to"),
)
_HEADING_OF: Final = {name: heading for heading, name in HEADINGS.items()}
_NAMES: Final = {**HEADINGS, **{name: name for name in HEADINGS.values()}}


@dataclass(slots=True)
class ImportReport:
    """What an import did: codes of products and opportunities."""

    created: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    published: list[str] = field(default_factory=list)


class _BadCell(ValueError):
    pass


@transaction.atomic
def import_products(*, actor: Actor, name: str, content: bytes, publish: bool = False) -> ImportReport:
    """Products (as drafts, or published) and opportunities of a CSV or XLSX file, known by their codes.

    The same file again changes nothing. Raises NotAllowed, InvalidInput for a file that is no table, and
    SheetRefused with every cell that is wrong; then nothing was imported.
    """
    actor.require("lending.manage_products")
    take_turns(PRODUCT_FILES)  # two files may name the same products in another order
    report, problems = ImportReport(), []
    seen: set[str] = set()
    for number, raw in read_sheet(name, content):
        row = renamed(raw, _NAMES)
        try:
            with transaction.atomic():
                _import_row(actor, row, seen, report, publish=publish)
        except SheetRefused as refusal:
            problems += [CellProblem(number, one.column, one.message) for one in refusal.problems]
        except InvalidInput as refusal:
            texts = refusal.fields or {"name": [str(refusal.message)]}
            problems += [
                CellProblem(number, _HEADING_OF.get(key, key), text) for key, found in texts.items() for text in found
            ]
    if problems:
        raise SheetRefused(problems)
    if not (report.created or report.changed or report.published):
        return report
    audit.record(
        actor,
        "lending.products.imported",
        Institution.objects.get(pk=current_institution_id()),
        created=report.created,
        changed=report.changed,
        published=report.published,
        unchanged=len(report.unchanged),
    )
    return report


def _import_row(actor: Actor, row: Mapping[str, str], seen: set[str], report: ImportReport, *, publish: bool) -> None:
    kind = _plain(row.get("kind", "")) or PRODUCT
    if kind not in (PRODUCT, OPPORTUNITY):
        raise InvalidInput(fields={"kind": [_("Escribe producto u oportunidad")]})
    code = slugify(row.get("code", ""))[:40]  # as it is kept, so that it is known again
    if not code:
        raise InvalidInput(fields={"code": [_("Escribe un código: así se reconoce al volver a importar")]})
    if code in seen:
        raise InvalidInput(fields={"code": [_("Este código ya está en otra fila")]})
    seen.add(code)
    names = OF_OPPORTUNITY if kind == OPPORTUNITY else ("code", "name", "segment", *TERMS)
    values = _read(row, names)
    if kind == OPPORTUNITY:
        _keep_opportunity(code, values, report)
    else:
        _keep_product(actor, code, values, report, publish=publish)


def _keep_product(actor: Actor, code: str, values: dict[str, Any], report: ImportReport, *, publish: bool) -> None:
    terms = {name: value for name, value in values.items() if name in TERMS}
    product = Product.objects.filter(code=code).first()
    if product is None:
        missing = [name for name in ("name", "segment", *_NEEDED) if name not in values]
        if missing:
            raise InvalidInput(fields={name: [_("Falta este dato")] for name in missing})
        product = create_product(actor=actor, name=values["name"], segment=values["segment"], code=code)
        report.created.append(code)
    elif values.get("segment", product.segment) != product.segment:
        raise InvalidInput(fields={"segment": [_("Un producto no cambia de tipo: usa otro código")]})
    else:
        newest = ProductVersion.objects.filter(product_id=product.pk).order_by("-number").first()
        same = newest is not None and all(getattr(newest, name) == value for name, value in terms.items())
        waits = publish and newest is not None and newest.status == ProductVersion.Status.DRAFT
        if same and not waits:
            report.unchanged.append(code)
            return
        if not same:
            report.changed.append(code)
    draft = save_product_terms(product_id=product.pk, actor=actor, **terms)
    if publish:
        publish_product(version_id=draft.pk, actor=actor)
        report.published.append(code)


def _keep_opportunity(code: str, values: dict[str, Any], report: ImportReport) -> None:
    lender_id = current_institution_id()
    kept = Opportunity.objects.filter(lender_id=lender_id, code=code).first()
    one = kept or Opportunity(lender_id=lender_id, code=code, valid_from=today())
    before = {name: getattr(one, name) for name in OF_OPPORTUNITY}
    for name, value in values.items():
        setattr(one, name, value)
    one.code = code
    try:
        one.full_clean(exclude=["lender"], validate_unique=False, validate_constraints=False)
    except ValidationError as refusal:
        raise InvalidInput(fields=dict(refusal.message_dict)) from refusal
    if one.valid_to and one.valid_to < one.valid_from:
        raise InvalidInput(fields={"valid_to": [_("La fecha final va después de la inicial")]})
    if kept and before == {name: getattr(one, name) for name in OF_OPPORTUNITY}:
        report.unchanged.append(code)
        return
    one.save()
    (report.changed if kept else report.created).append(code)


# --- cells ------------------------------------------------------------------------------------------------------

_NEEDED: Final = ("summary", "amount_min", "amount_max", "term_min", "term_max", "tea_min", "tea_max", "amortization")
_HIGHEST_RATE: Final = Decimal(1000)  # per cent


def _read(row: Mapping[str, str], names: tuple[str, ...]) -> dict[str, Any]:
    """The cells that are filled in, by field. Raises SheetRefused with all that cannot be read."""
    values, problems = {}, []
    for name in names:
        cell = row.get(name, "").strip()
        if not cell:
            continue
        try:
            values[name] = _READERS.get(name, _as_text)(cell)
        except (_BadCell, NotAnAmount) as problem:
            problems.append(CellProblem(0, _HEADING_OF.get(name, name), str(problem)))
    if problems:
        raise SheetRefused(problems)
    return values


def _as_text(cell: str) -> str:
    return " ".join(cell.split())


def _as_whole(cell: str) -> int:
    if not (cell.isascii() and cell.isdigit() and len(cell) <= 6):
        raise _BadCell(_("Escribe un número entero, por ejemplo 12"))
    return int(cell)


def _as_rate(cell: str) -> Decimal:
    try:
        rate = Decimal(cell.removesuffix("%").strip().replace(",", "."))
    except InvalidOperation:
        rate = Decimal(-1)
    if not (rate.is_finite() and 0 <= rate <= _HIGHEST_RATE):
        raise _BadCell(_("Escribe un porcentaje, por ejemplo 38.5"))
    return rate / 100


def _as_date(cell: str) -> date:
    for order in ((0, 1, 2), (2, 1, 0)):
        parts = cell.replace("/", "-").split("-")
        try:
            year, month, day = (int(parts[place]) for place in order)
            if len(parts) == 3 and year > 1900:
                return date(year, month, day)
        except (ValueError, IndexError, OverflowError):
            continue
    raise _BadCell(_("Escribe una fecha, por ejemplo 2026-12-31"))


def _one_of(table: Mapping[str, Any]) -> Callable[[str], str]:
    """A code from itself or from its word, whatever its accents and capitals."""

    def read(cell: str) -> str:
        known = {_plain(str(word)): code for code, word in table.items()} | {_plain(code): code for code in table}
        if _plain(cell) not in known:
            words = ", ".join(str(word) for word in table.values())
            raise _BadCell(_("«%(cell)s» no es una de estas: %(words)s") % {"cell": cell[:40], "words": words})
        return known[_plain(cell)]

    return read


def _many_of(table: Mapping[str, Any]) -> Callable[[str], list[str]]:
    one = _one_of(table)
    return lambda cell: sorted({one(part.strip()) for part in cell.replace(";", ",").split(",") if part.strip()})


def _plain(word: str) -> str:
    folded = unicodedata.normalize("NFKD", word.strip().lower())
    return "".join(letter for letter in folded if not unicodedata.combining(letter))


_READERS: Final[dict[str, Callable[[str], Any]]] = {
    **dict.fromkeys(("amount_min", "amount_max", "fee_upfront"), parse_amount),
    **dict.fromkeys(("tea_min", "tea_max", "insurance_monthly_rate", "down_payment_min"), _as_rate),
    **dict.fromkeys(
        (
            *("term_min", "term_max", "disbursement_days", "score_min", "age_min", "age_max"),
            *("activity_months_min", "creditors_max"),
        ),
        _as_whole,
    ),
    **dict.fromkeys(("valid_from", "valid_to"), _as_date),
    "segment": _one_of(SEGMENTS),
    "amortization": _one_of(dict(ProductVersion.Amortization.choices)),
    "regions": _many_of(DEPARTMENTS),
    "sectors": _many_of(SECTORS),
    "crops": _many_of(CROPS),
}
