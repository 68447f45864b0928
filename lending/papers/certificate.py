"""The payoff certificate (constancia de no adeudo): words for page and PDF alike. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from accounts.formats import format_day, format_money
from lending.papers.pdf import Paper, lender_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What the lender attests of a loan that was paid off."""

    lender: Mapping[str, str]  # name, legal_name, ruc, address
    borrower: str
    document: str  # type and whole number
    loan: str
    amount: Decimal
    disbursed_on: date
    closed_on: date
    paid: Decimal  # all that came in for it
    issued_on: date
    check: str  # lets the lender recognise its own paper

    @property
    def issuer(self) -> str:
        return lender_line(self.lender)

    @property
    def text(self) -> str:
        ruc = f", con RUC {self.lender['ruc']}," if self.lender["ruc"] else ""
        return (
            f"{self.lender['legal_name']}{ruc} deja constancia de que {self.borrower},"
            f" identificado(a) con {self.document}, pagó por completo el préstamo {self.loan} y que no mantiene ninguna"
            f" deuda por ese préstamo desde el {format_day(self.closed_on)}."
        )

    @property
    def facts(self) -> Sequence[tuple[str, str]]:
        return (
            ("Préstamo", self.loan),
            ("Monto prestado", format_money(self.amount)),
            ("Desembolsado el", format_day(self.disbursed_on)),
            ("Cancelado el", format_day(self.closed_on)),
            ("Total pagado", format_money(self.paid)),
            ("Emitida el", format_day(self.issued_on)),
            ("Código de comprobación", self.check),
        )

    def pdf(self) -> bytes:
        paper = Paper("Constancia de no adeudo", self.lender["legal_name"], f"Código de comprobación: {self.check}")
        paper.text(self.issuer, small=True)
        paper.gap(16)
        paper.text(self.text)
        paper.gap(10)
        paper.facts(self.facts)
        paper.gap(10)
        paper.text(
            "Esta constancia se entrega sin costo. La entidad reporta la cancelación a las centrales de riesgo en su"
            " siguiente envío.",
            small=True,
        )
        return paper.bytes()
