"""The checked file as a book: who, which loans on which terms, what was paid, and how each loan stands by our engine.

The plan and every payment's parts are worked out by the code that services loans, so that the next payment,
reversal or replay of an imported loan finds what was imported, to the cent.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from lending.identity import BadIdentity, clean_document, clean_phone
from lending.money import format_money, from_centimos
from lending.portfolio_files import CellError, Sheet
from lending.provisions import DEFAULT_CLASS_RULES
from lending.schedules.contract import read_request
from lending.schedules.servicing import PARTS, Event, EventKind, PrepaymentStrategy, ServicingRules
from lending.schedules.state import LoanState, state_of
from lending.schedules.terms import InvalidTerms

CREDIT_TYPES: Final = tuple(rule["credit_type"] for rule in DEFAULT_CLASS_RULES)
MOST_INSTALLMENTS: Final = 600
_TEA_MAX: Final = 1_000_000_000  # millionths of a percent: 1,000 %
_NO_DAY: Final = np.datetime64("1970-01-01", "D")


@dataclass(slots=True)
class ImportedLoan:
    """One loan of the file, with the places of its payments."""

    place: int
    terms: dict[str, Any]
    state: LoanState
    payments: NDArray[np.int64]


@dataclass(slots=True)
class Book:
    """The columns of a file, read and checked; `errors` empty means that it can come in."""

    people: Sheet
    loans: Sheet
    paid: Sheet
    on: date
    products: Mapping[str, tuple[str, str]]  # code: (key, segment)
    errors: list[CellError] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Read every column; report every wrong cell."""
        self._check_people()
        self._check_loans()
        self._check_payments()
        for sheet in (self.people, self.loans, self.paid):
            self.errors += sheet.errors

    def _check_people(self) -> None:
        people, values = self.people, self.values
        for column in ("documento", "nombres"):
            people.required(column)
        kinds = [kind.lower() or "dni" for kind in people.texts("documento_tipo")]
        people.refuse([kind not in ("dni", "ce") for kind in kinds], "documento_tipo", _("Escribe dni o ce"))
        documents, phones = people.texts("documento"), people.texts("celular")
        plain = re_digits(people.text("documento"), 8)
        for place, (kind, document) in enumerate(zip(kinds, documents, strict=True)):
            if (kind == "dni" and plain[place]) or not document:
                continue
            try:
                documents[place] = clean_document(kind if kind in ("dni", "ce") else "dni", document)
            except BadIdentity as error:
                people.refuse_one(place, "documento", error.message)
        people.unique("documento", _("Este documento ya está en otra fila"))
        mobiles = re_digits(people.text("celular"), 9)
        for place, phone in enumerate(phones):
            if mobiles[place] and phone[0] == "9":
                phones[place] = f"+51{phone}"
            elif phone:
                try:
                    phones[place] = clean_phone(phone)
                except BadIdentity as error:
                    people.refuse_one(place, "celular", error.message)
        long_names = np.asarray(pc.utf8_length(people.text("nombres"))) > 120
        people.refuse(long_names, "nombres", _("El nombre no pasa de 120 letras"))
        born = people.days("nacimiento")
        ages = (np.datetime64(self.on, "D") - born).astype(int) // 365
        people.refuse(
            (born != _NO_DAY) & ((ages < 18) | (ages > 110)), "nacimiento", _("La persona debe tener de 18 a 110 años")
        )
        regions = people.texts("departamento")
        people.refuse(
            [bool(code) and not (code.isdigit() and 1 <= int(code) <= 25) for code in regions],
            "departamento", _("Escribe el código del departamento, de 01 a 25"),
        )  # fmt: skip
        values.update(kinds=kinds, documents=documents, phones=phones, born=born, names=people.texts("nombres"))
        values["regions"] = [code.zfill(2) if code else "" for code in regions]

    def _check_loans(self) -> None:
        loans, values, today = self.loans, self.values, np.datetime64(self.on, "D")
        for column in ("credito", "documento", "producto"):
            loans.required(column)
        loans.unique("credito", _("Este crédito ya está en otra fila"))
        loans.refuse(np.asarray(pc.utf8_length(loans.text("credito"))) > 40, "credito", _("No pasa de 40 letras"))
        values["owner"] = loans.found_in(
            "documento", self.people.texts("documento"), _("Este documento no está en la tabla clientes: agrégalo")
        )
        codes = list(self.products)
        values["product"] = loans.found_in(
            "producto",
            codes,
            _("No hay un producto con este código. Hay: %(codes)s") % {"codes": ", ".join(codes[:12])},
        )
        types = loans.texts("tipo_credito")
        loans.refuse(
            [bool(code) and code not in CREDIT_TYPES for code in types], "tipo_credito",
            _("Escribe el código de la SBS: %(codes)s") % {"codes": ", ".join(CREDIT_TYPES)},
        )  # fmt: skip
        segments = [segment for _key, segment in self.products.values()] or [""]
        usual = ["12" if segments[place] == "household" else "10" for place in values["product"]]
        values["types"] = [code or usual[place] for place, code in enumerate(types)]
        amount, count = loans.money("monto"), loans.whole("cuotas")
        loans.refuse(_filled(loans, "monto") & (amount == 0), "monto", _("El monto debe ser mayor que cero"))
        wrong = (count < 1) | (count > MOST_INSTALLMENTS)
        loans.refuse(_filled(loans, "cuotas") & wrong, "cuotas", _("De 1 a 600 cuotas"))
        tea = loans.percent("tea")
        loans.refuse(tea > _TEA_MAX, "tea", _("Una TEA no pasa de 1,000 %: escribe 45.5 para 45.5 %"))
        moratory, insurance = loans.percent("tasa_moratoria"), loans.percent("seguro_mensual")
        paid_out, first = loans.days("desembolso"), loans.days("primera_cuota")
        loans.refuse(paid_out > today, "desembolso", _("El desembolso no puede ser después del día de la cartera"))
        loans.refuse(
            (first != _NO_DAY) & (first <= paid_out),
            "primera_cuota",
            _("La primera cuota vence después del desembolso"),
        )
        loans.refuse(
            np.asarray(pc.utf8_length(loans.text("agencia"))) > 60, "agencia", _("La agencia no pasa de 60 letras")
        )
        values.update(
            amount=amount, count=count, tea=tea, moratory=moratory, insurance=insurance, paid_out=paid_out, first=first,
            balance=loans.money("saldo"), has_balance=_filled(loans, "saldo"),
        )  # fmt: skip

    def _check_payments(self) -> None:
        paid, values = self.paid, self.values
        for column in ("credito", "referencia"):
            paid.required(column)
        values["loan"] = paid.found_in(
            "credito", self.loans.texts("credito"), _("Este crédito no está en la tabla creditos: agrégalo")
        )
        paid.unique("referencia", _("Esta referencia ya está en otra fila"))
        paid.refuse(np.asarray(pc.utf8_length(paid.text("referencia"))) > 80, "referencia", _("No pasa de 80 letras"))
        day, amount = paid.days("fecha"), paid.money("monto")
        paid.refuse(_filled(paid, "monto") & (amount == 0), "monto", _("El monto debe ser mayor que cero"))
        out = values["paid_out"][values["loan"]] if len(self.loans) else day
        paid.refuse(
            (day != _NO_DAY) & (day < out) & (out != _NO_DAY),
            "fecha",
            _("El pago es anterior al desembolso del crédito"),
        )
        paid.refuse(day > np.datetime64(self.on, "D"), "fecha", _("El pago es posterior al día de la cartera"))
        values.update(day=day, paid=amount)

    # How each loan stands

    def standing(self) -> Iterator[ImportedLoan]:
        """Every loan worked out, in the order of the file; those that do not go together are reported and left out."""
        values = self.values
        order = np.lexsort((np.arange(len(self.paid)), values["day"].astype(np.int64), values["loan"]))
        ends = np.searchsorted(values["loan"][order], np.arange(len(self.loans) + 1))
        days, amounts = values["day"].astype(object), values["paid"]
        for place in range(len(self.loans)):
            payments = order[ends[place] : ends[place + 1]]
            terms = self._terms(place)
            events = [
                Event(
                    kind=EventKind.REPAYMENT, on=days[at], amount=from_centimos(amounts[at]),
                    strategy=PrepaymentStrategy.ADVANCE,
                )
                for at in payments
            ]  # fmt: skip
            try:
                agreed, _events, _rules = read_request(terms)
                rate = Decimal(int(values["moratory"][place])).scaleb(-8)
                state = state_of(agreed, events, ServicingRules(moratory_rate=rate), self.on)
            except InvalidTerms as error:
                self._refuse_terms(place, payments, error)
                continue
            if values["has_balance"][place] and state.principal != from_centimos(values["balance"][place]):
                message = _("El saldo no cuadra: con estos datos y pagos el capital pendiente es %(saldo)s")
                self._refuse(place, "saldo", message % {"saldo": format_money(state.principal)})
                continue
            yield ImportedLoan(place, terms, state, payments)

    def _terms(self, place: int) -> dict[str, Any]:
        values = self.values
        terms: dict[str, Any] = {
            "principal": str(from_centimos(values["amount"][place])),
            "annual_rate_pct": _plain(values["tea"][place]),
            "installments": int(values["count"][place]),
            "disbursement_date": str(values["paid_out"][place]),
        }
        if values["first"][place] != _NO_DAY:
            terms["first_due_date"] = str(values["first"][place])
        if values["insurance"][place]:
            terms["insurance"] = {"monthly_rate": f"{Decimal(int(values['insurance'][place])).scaleb(-8):f}"}
        return terms

    def _refuse_terms(self, place: int, payments: NDArray[np.int64], error: InvalidTerms) -> None:
        if error.field == "events" and len(payments):
            row = int(self.paid.rows[payments[-1]])
            self.errors.append(CellError("pagos", row, "monto", error.message))
            return
        columns = {"principal": "monto", "annual_rate_pct": "tea", "installments": "cuotas",
                   "first_due_date": "primera_cuota", "disbursement_date": "desembolso"}  # fmt: skip
        self._refuse(place, columns.get(error.field, "monto"), error.message)

    def _refuse(self, place: int, column: str, message: str) -> None:
        self.errors.append(CellError("creditos", int(self.loans.rows[place]), column, message))


def parts_of(payment: Any) -> dict[str, Decimal]:
    """Where a payment went, without empty parts."""
    return {part: amount for part in (*PARTS, "advance") if (amount := getattr(payment, part))}


def re_digits(values: pa.ChunkedArray, count: int) -> NDArray[np.bool_]:
    """Which texts are so many digits."""
    return np.asarray(pc.match_substring_regex(values, rf"^\d{{{count}}}$")).astype(bool)


def _filled(sheet: Sheet, column: str) -> NDArray[np.bool_]:
    return np.asarray(pc.not_equal(sheet.text(column), "")).astype(bool)


def _plain(millionths: int) -> str:
    text = f"{Decimal(int(millionths)).scaleb(-6):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
