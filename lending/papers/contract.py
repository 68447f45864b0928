"""The contract a borrower signs: Hoja Resumen and cronograma (Ley 28587; Res. SBS 3274-2017). Pure."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

import orjson

from accounts.formats import format_money, format_percent
from lending.money import least_own_part
from lending.schedules import Amortization, FeeWhen, Schedule

ROLES: Final = {"guarantor": "Aval", "surety": "Fiador solidario", "codebtor": "Codeudor"}  # the paper is in Spanish
VERSION: Final = "2026-11-27"  # of the words below; a text that changes gets a new one


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The credit life insurance: who insures, under which policy; `own` when the borrower endorsed theirs."""

    insurer: str
    number: str
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Somebody who answers for the loan: their name, their document in part, how, and up to what (None: all of it)."""

    name: str
    document: str
    kind: str  # as lending.models.Guarantee.Kind
    limit: Decimal | None = None

    @property
    def role(self) -> str:
        return ROLES[self.kind]

    @property
    def answers_for(self) -> str:
        return "por todo el préstamo" if self.limit is None else f"hasta {format_money(self.limit)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What is agreed between whom, before it is put into words. Rates are fractions, money is soles."""

    code: str
    made_on: date
    valid_until: date
    lender: Mapping[str, str]  # name, ruc, address, phone
    borrower: Mapping[str, str]  # name, document
    product: str
    schedule: Schedule
    moratory_tea: Decimal
    itf_rate: Decimal
    insurance: Policy | None
    down_payment: Decimal = Decimal(0)  # share of the price that the borrower pays the seller
    guarantors: Sequence[Party] = ()
    refinances: str = ""  # the number of the loan that this one pays, where it does
    group: str = ""  # the village bank that answered for that loan and answers for this one

    @property
    def own_part(self) -> Decimal:
        """What the borrower pays the seller at least; zero where nothing is bought."""
        return least_own_part(self.schedule.terms.principal, self.down_payment)


def summary_of(agreement: Agreement) -> dict[str, Any]:
    """The Hoja Resumen as plain JSON: who, the figures, the lines people read and the clauses."""
    schedule, totals = agreement.schedule, agreement.schedule.totals
    return {
        "version": VERSION,
        "code": agreement.code,
        "made_on": agreement.made_on.isoformat(),
        "valid_until": agreement.valid_until.isoformat(),
        "lender": dict(agreement.lender),
        "borrower": dict(agreement.borrower),
        **(
            {
                "guarantors": [
                    {"name": one.name, "document": one.document, "role": one.role, "answers_for": one.answers_for}
                    for one in agreement.guarantors
                ]
            }
            if agreement.guarantors
            else {}
        ),
        "product": agreement.product,
        "disbursement_on": schedule.terms.disbursed_on.isoformat(),
        "first_due_on": schedule.rows[0].due_on.isoformat(),
        "matures_on": schedule.last_due_on.isoformat(),
        **({"refinances": agreement.refinances} if agreement.refinances else {}),
        **({"group": agreement.group} if agreement.group else {}),
        "own_insurance": bool(agreement.insurance and agreement.insurance.own),
        **(
            {"own_policy": {"insurer": agreement.insurance.insurer, "number": agreement.insurance.number}}
            if agreement.insurance and agreement.insurance.own
            else {}
        ),
        "figures": {
            "amount": str(schedule.terms.principal),
            "received": str(totals.received),
            "installment": str(schedule.installment),
            "tea": str(schedule.tea),
            "tcea": str(schedule.tcea.quantize(Decimal("1e-8"))),
            "moratory_tea": str(agreement.moratory_tea),
            "interest": str(totals.interest),
            "insurance": str(totals.insurance),
            "fees": str(totals.fees + totals.upfront_fees),
            "total": str(totals.total),
            **({"own_part": str(agreement.own_part)} if agreement.down_payment else {}),
        },
        "lines": [{"label": label, "value": value} for label, value in _lines(agreement)],
        "clauses": [{"title": title, "text": text} for title, text in _clauses(agreement)],
    }


def canonical_bytes(summary: Mapping[str, Any], schedule: Mapping[str, Any], terms: Mapping[str, Any]) -> bytes:
    """The exact bytes that are hashed and signed: JSON with sorted keys."""
    return orjson.dumps({"schedule": schedule, "summary": summary, "terms": terms}, option=orjson.OPT_SORT_KEYS)


def document_sha256(summary: Mapping[str, Any], schedule: Mapping[str, Any], terms: Mapping[str, Any]) -> str:
    """SHA-256 of what is shown, in hex."""
    return hashlib.sha256(canonical_bytes(summary, schedule, terms)).hexdigest()


def _lines(agreement: Agreement) -> list[tuple[str, str]]:
    schedule, totals = agreement.schedule, agreement.schedule.totals
    itf = format_percent(agreement.itf_rate, 3)
    return [
        ("Producto", agreement.product),
        ("Moneda y monto del préstamo", f"Soles, {format_money(schedule.terms.principal)}"),
        *(
            [
                (
                    "Crédito que se paga con este",
                    f"{agreement.refinances}, todo lo que debes al {_day(agreement.made_on)}",
                ),
                ("Dinero que recibes", "Ninguno: paga el crédito anterior"),
            ]
            if agreement.refinances
            else [
                ("Monto que recibes", format_money(totals.received)),
                ("Fecha de desembolso", _day(schedule.terms.disbursed_on)),
            ]
        ),
        *_own_part(agreement),
        ("Forma de pago", _how(schedule)),
        ("Primera y última cuota", f"{_day(schedule.rows[0].due_on)} y {_day(schedule.last_due_on)}"),
        ("Tasa de interés compensatorio efectiva anual (TEA), fija, año de 360 días", format_percent(schedule.tea)),
        ("Tasa de costo efectivo anual (TCEA)", format_percent(schedule.tcea)),
        ("Monto total de intereses compensatorios", format_money(totals.interest)),
        ("Tasa de interés moratorio efectiva anual", format_percent(agreement.moratory_tea)),
        *_insurance(agreement),
        ("Comisiones", _fees(schedule)),
        ("Gastos de terceros", "Ninguno"),
        ("Penalidades", "Ninguna"),
        ("Garantías", "Personales, de quienes siguen" if agreement.guarantors or agreement.group else "Ninguna"),
        *(
            [("Banco comunal", f"{agreement.group}; sus integrantes responden por todo el préstamo")]
            if agreement.group
            else []
        ),
        *((one.role, f"{one.name}, {one.document}; responde {one.answers_for}") for one in agreement.guarantors),
        ("Impuesto a las transacciones financieras (ITF)", f"{itf} de cada movimiento; no es parte de la TCEA"),
        ("Total que pagarás si pagas en las fechas del cronograma", format_money(totals.total)),
    ]


def _own_part(agreement: Agreement) -> list[tuple[str, str]]:
    if not agreement.down_payment:
        return []
    own, lent = agreement.own_part, agreement.schedule.terms.principal
    return [
        (
            "Cuota inicial, que pagas al vendedor",
            f"Lo que falte del precio, al menos {format_money(own)} ({format_percent(agreement.down_payment)} de un"
            f" precio de {format_money(own + lent)})",
        )
    ]


def _how(schedule: Schedule) -> str:
    count, amount = len(schedule.rows), format_money(schedule.installment)
    if count == 1:
        return f"Una sola cuota de {amount}"
    if schedule.terms.amortization is Amortization.BULLET:
        return f"{count - 1} cuotas de interés y una última con el capital, de {amount}"
    return f"{count} cuotas de {amount}; la última puede variar en céntimos"


def _insurance(agreement: Agreement) -> list[tuple[str, str]]:
    insurance = agreement.insurance
    if insurance is None:
        return [("Seguro de desgravamen", "No tiene")]
    if insurance.own:
        return [
            ("Seguro de desgravamen", "Póliza propia del titular, endosada a favor de la entidad; sin costo aquí"),
            ("Aseguradora y número de póliza", f"{insurance.insurer}, póliza {insurance.number}"),
        ]
    charged = agreement.schedule.terms.insurance
    rate = format_percent(charged.monthly_rate, 3) if charged else "0 %"
    premium = format_money(agreement.schedule.totals.insurance)
    return [
        ("Seguro de desgravamen", f"{rate} al mes sobre el saldo; prima total {premium}"),
        ("Aseguradora y número de póliza", f"{insurance.insurer}, póliza {insurance.number}"),
    ]


def _fees(schedule: Schedule) -> str:
    kept = sum((fee.amount or 0 for fee in schedule.terms.fees if fee.when is FeeWhen.UPFRONT_DEDUCTED), Decimal(0))
    return f"Afiliación, {format_money(kept)}, una sola vez, se descuenta al desembolsar" if kept else "Ninguna"


def _clauses(agreement: Agreement) -> list[tuple[str, str]]:
    lender = agreement.lender["name"]
    return [
        *(
            [
                (
                    "Cuota inicial",
                    f"Este préstamo paga {format_money(agreement.schedule.terms.principal)} del precio de lo que"
                    f" compras; lo demás, al menos {format_money(agreement.own_part)}, lo pagas tú a quien te vende."
                    " Antes del desembolso muestras el precio y el recibo de ese pago. La cuota inicial no es parte del"
                    " préstamo: no va en el cronograma, no genera interés y no entra en la TCEA.",
                )
            ]
            if agreement.down_payment
            else []
        ),
        (
            "Pagar antes",
            "Puedes pagar antes, todo o parte, cualquier día y sin costo: no hay comisión, gasto ni penalidad, y el"
            " interés se calcula solo hasta ese día. Si pagas más de dos cuotas juntas (pago anticipado), eliges"
            " entre bajar el monto de tus cuotas o acortar el plazo, y te damos el cronograma nuevo; si no eliges en"
            " 15 días, se acorta el plazo. Si prefieres adelantar cuotas, el dinero paga las que siguen en su fecha y"
            " el interés no baja. (Ley 29571, arts. 85 y 86)",
        ),
        (
            "Si te atrasas",
            "Desde el primer día de atraso se cobra solo interés moratorio, a la tasa de esta hoja, sobre el capital"
            " vencido, además del interés compensatorio. No hay penalidades ni gastos de cobranza, y los intereses no"
            " se suman al capital. El atraso se reporta a las centrales de riesgo y puede subir tu clasificación de"
            " deudor; si continúa, la entidad puede cobrar por la vía judicial. Si no vas a poder pagar, avísanos"
            " antes: se puede pedir una reprogramación.",
        ),
        *_who_answers(agreement.guarantors),
        *_group_answers(agreement.group),
        (
            "Cómo se aplica un pago",
            "Primero la cuota más antigua; dentro de cada una: interés moratorio, comisiones, seguro, interés y"
            " capital, en ese orden.",
        ),
        (
            "Seguro",
            "El seguro de desgravamen paga el saldo si falleces o quedas en invalidez total y permanente. Puedes usar"
            " una póliza tuya con igual cobertura, endosada a favor de la entidad, en lugar de la que se ofrece.",
        ),
        (
            "Condiciones",
            "La tasa es fija: nadie puede cambiarla, ni los cobros, mientras dure el préstamo. "
            + (
                f"Al firmar, este crédito paga ese mismo día el {agreement.refinances}, que queda cancelado; los"
                " intereses que debías pasan a ser capital. Queda como refinanciado en las centrales de riesgo."
                " Mientras no firmes, nada cambia."
                if agreement.refinances
                else "Firmar no te obliga hasta recibir el dinero: puedes anular el contrato antes del desembolso sin"
                " costo."
            ),
        ),
        (
            "Firma electrónica",
            f"Este contrato se firma con un código de un solo uso que {lender} envía al celular o correo del titular."
            " La huella SHA-256 identifica exactamente lo que se mostró y se firmó.",
        ),
        (
            "Reclamos",
            f"Puedes reclamar en el Libro de Reclamaciones de {lender}, gratis; se responde en 15 días hábiles. También"
            " ante Indecopi o, si la supervisa, la SBS.",
        ),
    ]


def _who_answers(guarantors: Sequence[Party]) -> list[tuple[str, str]]:
    if not guarantors:
        return []
    return [
        (
            "Quienes responden por ti",
            " y ".join(f"{one.name} ({one.role.lower()})" for one in guarantors)
            + ": si no pagas, la entidad puede cobrarles, hasta donde dice esta hoja, sin tener que cobrarte antes a ti"
            " (Código Civil, arts. 1186 y 1883). Quien paga por ti puede cobrarte lo que pagó. Cada persona lee esta"
            " hoja y firma antes que el titular, con un código que llega a su propio celular o correo.",
        )
    ]


def _group_answers(group: str) -> list[tuple[str, str]]:
    """A new debt has the guarantees of the old one only where it is agreed (art. 1283)."""
    if not group:
        return []
    return [
        (
            "Tu banco comunal",
            f"{group} responde por el crédito que este paga y sigue respondiendo por este: si no pagas, la entidad"
            " puede cobrar lo que debas a cualquiera de sus integrantes (Código Civil, arts. 1183, 1186 y 1283). Nadie"
            " sale del grupo, ni el grupo se cierra, mientras debas este préstamo.",
        )
    ]


def _day(day: date) -> str:
    return f"{day:%d/%m/%Y}"
