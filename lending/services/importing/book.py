"""The file as a book, checked cell by cell: who, which loans on which terms, and what was paid."""

from collections.abc import Callable, Mapping
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
from lending.schedules.terms import MAX_GIVEN, MAX_YEAR, InvalidTerms

CREDIT_TYPES: Final = tuple(rule["credit_type"] for rule in DEFAULT_CLASS_RULES)
MOST_INSTALLMENTS: Final = 600
_TEA_MAX: Final = 1_000_000_000  # millionths of a percent: 1,000 %
NO_DAY: Final = np.datetime64("1970-01-01", "D")


@dataclass(slots=True)
class Book:
    """The columns of a file, read and checked; `errors` empty means that it can come in."""

    people: Sheet
    loans: Sheet
    paid: Sheet
    plans: Sheet
    on: date
    products: Mapping[str, tuple[str, str]]  # code: (key, segment)
    errors: list[CellError] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Read every column; report every wrong cell."""
        self._check_people()
        self._check_loans()
        self._check_payments()
        self._check_plans()
        for sheet in (self.people, self.loans, self.paid, self.plans):
            self.errors += sheet.errors

    def _check_people(self) -> None:
        people, values = self.people, self.values
        for column in ("documento", "nombres"):
            people.required(column)
        people.printable("nombres")
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
        twice = _("Este documento ya está en otra fila")
        people.unique("documento", twice)
        self._one_document(list(zip(kinds, documents, strict=True)), twice)
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
            (born != NO_DAY) & ((ages < 18) | (ages > 110)), "nacimiento", _("La persona debe tener de 18 a 110 años")
        )
        regions = people.texts("departamento")
        people.refuse(
            [bool(code) and not (code.isdigit() and 1 <= int(code) <= 25) for code in regions],
            "departamento", _("Escribe el código del departamento, de 01 a 25"),
        )  # fmt: skip
        values.update(kinds=kinds, documents=documents, phones=phones, born=born, names=people.texts("nombres"))
        values["regions"] = [code.zfill(2) if code else "" for code in regions]

    def _one_document(self, documents: list[tuple[str, str]], message: str) -> None:
        """Report a document written in two ways: the same letters twice are reported already."""
        typed = self.people.texts("documento")
        if len(set(documents)) == len(set(typed)):
            return
        first: dict[tuple[str, str], str] = {}
        for place, document in enumerate(documents):
            if document[1] and first.setdefault(document, typed[place]) != typed[place]:
                self.people.refuse_one(place, "documento", message)

    def _check_loans(self) -> None:
        loans, values, today = self.loans, self.values, np.datetime64(self.on, "D")
        for column in ("credito", "documento", "producto"):
            loans.required(column)
        loans.printable("credito")
        loans.printable("agencia")
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
            (first != NO_DAY) & (first <= paid_out),
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
        paid.printable("referencia")
        values["loan"] = paid.found_in(
            "credito", self.loans.texts("credito"), _("Este crédito no está en la tabla creditos: agrégalo")
        )
        paid.unique("referencia", _("Esta referencia ya está en otra fila"))
        paid.refuse(np.asarray(pc.utf8_length(paid.text("referencia"))) > 80, "referencia", _("No pasa de 80 letras"))
        day, amount = paid.days("fecha"), paid.money("monto")
        paid.refuse(_filled(paid, "monto") & (amount == 0), "monto", _("El monto debe ser mayor que cero"))
        out = values["paid_out"][values["loan"]] if len(self.loans) else day
        paid.refuse(
            (day != NO_DAY) & (day < out) & (out != NO_DAY),
            "fecha",
            _("El pago es anterior al desembolso del crédito"),
        )
        paid.refuse(day > np.datetime64(self.on, "D"), "fecha", _("El pago es posterior al día de la cartera"))
        values.update(day=day, paid=amount)

    def _check_plans(self) -> None:
        """The installments of the old system: whole, in order, and of the loan's own amount."""
        plans, values = self.plans, self.values
        plans.required("credito")
        loan = plans.found_in(
            "credito", self.loans.texts("credito"), _("Este crédito no está en la tabla creditos: agrégalo")
        )
        n, due = plans.whole("cuota"), plans.days("vence")
        parts = {name: plans.money(name) for name in ("capital", "interes", "seguro", "comision")}
        known = np.isin(plans.rows, [error.row for error in plans.errors if error.column == "credito"], invert=True)
        order = np.lexsort((np.arange(len(n)), n, loan))
        order = order[known[order]]
        starts = np.searchsorted(loan[order], np.arange(len(self.loans) + 1))
        values.update(
            plan_starts=starts, plan_due=due[order], given=np.diff(starts) > 0,
            **{f"plan_{name}": amounts[order] for name, amounts in parts.items()},
        )  # fmt: skip
        if not len(order):
            return
        n, due, loan = n[order], due[order], loan[order]
        wrong_cells = np.isin(self.loans.rows, [error.row for error in self.loans.errors])
        wrong_cells[loan[np.isin(plans.rows[order], [error.row for error in plans.errors])]] = True
        readable = ~wrong_cells[loan]
        first = np.zeros(len(n), bool)
        first[starts[:-1][values["given"]]] = True
        last = np.roll(first, -1)  # the line after it is the first of another loan
        before = np.where(first, 0, np.roll(n, 1))

        def refuse(wrong: Any, column: str, message: str | Callable[[int], str]) -> None:
            for place in np.flatnonzero(wrong & readable):
                words = message(int(place)) if callable(message) else message
                plans.refuse_one(int(order[place]), column, words)

        refuse(~first & (n == before), "cuota", _("Esta cuota ya está en otra fila"))
        gap = _("Antes de esta cuota falta la %(n)s")
        refuse((n > before + 1), "cuota", lambda place: gap % {"n": before[place] + 1})
        count = values["count"][loan]
        message = _("El crédito tiene %(count)s cuotas y su cronograma termina en la %(n)s")
        refuse(last & (n != count), "cuota", lambda place: message % {"count": count[place], "n": n[place]})
        paid_out = values["paid_out"][loan]
        earlier = np.where(first, paid_out, np.roll(due, 1))
        refuse(due <= earlier, "vence", _("Cada cuota vence después de la anterior, y la primera, del desembolso"))
        refuse(due >= np.datetime64(f"{MAX_YEAR + 1}-01-01"), "vence", _("La fecha está demasiado lejos"))
        agreed = values["first"][loan]
        refuse(
            first & (agreed != NO_DAY) & (agreed != due),
            "vence",
            _("No es la primera_cuota que dice la tabla creditos"),
        )
        capital, amount = parts["capital"][order], values["amount"][loan]
        running = np.cumsum(capital)
        running -= (running - capital)[first][np.cumsum(first) - 1]
        sums = _("El capital de las cuotas suma %(sum)s y el monto del crédito es %(amount)s")
        refuse(last & (running != amount), "capital", lambda place: sums % {
            "sum": format_money(from_centimos(running[place])), "amount": format_money(from_centimos(amount[place])),
        })  # fmt: skip
        nothing = (running - capital >= amount) & (parts["interes"] + parts["seguro"] > 0)[order]
        refuse(nothing, "interes", _("Ya no queda capital: esta cuota no lleva interés ni seguro"))
        too_large = values["given"] & (values["amount"] >= MAX_GIVEN)
        self.loans.refuse(too_large, "monto", _("El monto es demasiado grande para un cronograma propio"))

    # How a loan goes on

    def terms(self, place: int) -> dict[str, Any]:
        """What was agreed, as `simulate_schedule` reads it."""
        values = self.values
        terms: dict[str, Any] = {
            "principal": str(from_centimos(values["amount"][place])),
            "annual_rate_pct": _plain(values["tea"][place]),
            "installments": int(values["count"][place]),
            "disbursement_date": str(values["paid_out"][place]),
        }
        if values["given"][place]:
            terms["plan"] = self._plan(place)
        elif values["first"][place] != NO_DAY:
            terms["first_due_date"] = str(values["first"][place])
        if values["insurance"][place]:
            terms["insurance"] = {"monthly_rate": _plain(values["insurance"][place])}
        return terms

    def _plan(self, place: int) -> list[dict[str, str]]:
        start, end = self.values["plan_starts"][place : place + 2]
        columns = (
            self.values[f"plan_{name}"][start:end] for name in ("due", "capital", "interes", "seguro", "comision")
        )
        return [
            {"date": str(due), "amount": _soles(amount), "interest": _soles(interest)}
            | {name: _soles(cost) for name, cost in (("insurance", insurance), ("fees", fees)) if cost}
            for due, amount, interest, insurance, fees in zip(*columns, strict=True)
        ]

    def refuse_terms(self, place: int, error: InvalidTerms) -> None:
        """Report the cell that no schedule can be worked out with."""
        columns = {"annual_rate_pct": "tea", "installments": "cuotas", "first_due_date": "primera_cuota",
                   "disbursement_date": "desembolso", "insurance.monthly_rate": "seguro_mensual"}  # fmt: skip
        self.refuse(place, columns.get(error.field, "monto"), error.message)

    def refuse(self, place: int, column: str, message: str) -> None:
        """Report a cell of a loan."""
        self.errors.append(CellError("creditos", int(self.loans.rows[place]), column, message))


def re_digits(values: pa.ChunkedArray, count: int) -> NDArray[np.bool_]:
    """Which texts are so many digits."""
    return np.asarray(pc.match_substring_regex(values, rf"^\d{{{count}}}$")).astype(bool)


def _filled(sheet: Sheet, column: str) -> NDArray[np.bool_]:
    """Where a number was read: a cell is reported once."""
    return np.asarray(pc.not_equal(sheet.text(column), "")).astype(bool) & ~sheet.unreadable[column]


def _soles(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02d}"


def _plain(millionths: int) -> str:
    text = f"{Decimal(int(millionths)).scaleb(-6):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
