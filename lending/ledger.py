"""The books: the chart of accounts, and the balanced lines of every act on a loan. Pure; see docs/ledger.md.

Amounts are soles; debits are positive, credits negative; the lines of one act sum to zero. Codes follow the
SBS accounting manual for financial institutions with 0 where its third digit says the currency, which stands
beside every entry here; what follows a point is the house's own analytic account.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum
from typing import Any, Final, NamedTuple

import numpy as np
from django.utils.translation import gettext_lazy as _

from lending.money import ZERO

CASH: Final = "1101"
BANK: Final = "1103"
CURRENT: Final = "1401"
REFINANCED: Final = "1404"
PAST_DUE: Final = "1405"
JUDICIAL: Final = "1406"
ACCRUED: Final = "1408"
ALLOWANCE: Final = "1409"
IN_TRANSIT: Final = "1908"
ADVANCES: Final = "2504.01"
INSURANCE_PAYABLE: Final = "2504.02"
ITF_PAYABLE: Final = "2507.01"
DEFERRED: Final = "2901"
OPENING: Final = "2908"
PROVISION_EXPENSE: Final = "4302"
INTEREST: Final = "5104.01"
MORATORY: Final = "5104.02"
FEES: Final = "5202.01"
RECOVERIES: Final = "5404"
CHARGED_OFF: Final = "8103"
SUSPENDED: Final = "8104"
MEMO_CONTRA: Final = "8200"

PRINCIPAL: Final = (CURRENT, REFINANCED, PAST_DUE, JUDICIAL)  # their sum is the principal outstanding of the book


class Kind(StrEnum):
    """Where an account stands in the statements."""

    ASSET = "asset"
    LIABILITY = "liability"
    EXPENSE = "expense"
    INCOME = "income"
    MEMO = "memo"


class Account(NamedTuple):
    """One account and its name."""

    code: str
    name: Any
    kind: Kind


ACCOUNTS: Final[dict[str, Account]] = {
    code: Account(code, name, kind)
    for code, name, kind in (
        (CASH, _("Caja"), Kind.ASSET),
        (BANK, _("Bancos"), Kind.ASSET),
        (CURRENT, _("Créditos vigentes"), Kind.ASSET),
        (REFINANCED, _("Créditos refinanciados"), Kind.ASSET),
        (PAST_DUE, _("Créditos vencidos"), Kind.ASSET),
        (JUDICIAL, _("Créditos en cobranza judicial"), Kind.ASSET),
        (ACCRUED, _("Rendimientos devengados de créditos"), Kind.ASSET),
        (ALLOWANCE, _("Provisiones para créditos"), Kind.ASSET),
        (IN_TRANSIT, _("Operaciones en trámite"), Kind.ASSET),
        (ADVANCES, _("Adelantos de clientes"), Kind.LIABILITY),
        (INSURANCE_PAYABLE, _("Primas de seguro por pagar"), Kind.LIABILITY),
        (ITF_PAYABLE, _("ITF por pagar"), Kind.LIABILITY),
        (DEFERRED, _("Ingresos diferidos"), Kind.LIABILITY),
        (OPENING, _("Saldos iniciales de una cartera migrada"), Kind.LIABILITY),
        (PROVISION_EXPENSE, _("Provisiones para incobrabilidad de créditos"), Kind.EXPENSE),
        (INTEREST, _("Intereses por créditos"), Kind.INCOME),
        (MORATORY, _("Intereses moratorios"), Kind.INCOME),
        (FEES, _("Comisiones por créditos"), Kind.INCOME),
        (RECOVERIES, _("Recuperación de créditos castigados"), Kind.INCOME),
        (CHARGED_OFF, _("Créditos castigados"), Kind.MEMO),
        (SUSPENDED, _("Rendimientos en suspenso"), Kind.MEMO),
        (MEMO_CONTRA, _("Contracuenta de cuentas de orden"), Kind.MEMO),
    )
}
MONEY_ACCOUNT: Final = {  # by channel of a repayment or method of a disbursement
    "cash": CASH,
    "bank": BANK,
    "api": BANK,
    "transfer": BANK,
    "wallet": BANK,
    "import": OPENING,
    "internal": IN_TRANSIT,
}


class Line(NamedTuple):
    """One side of a journal."""

    account: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a loan amounts to in the books: principal owed, what was collected of each part, what waits.

    The difference of two standings is what an act, or a replay of the past, changed.
    """

    principal: Decimal = ZERO  # outstanding
    interest: Decimal = ZERO  # collected
    insurance: Decimal = ZERO
    fees: Decimal = ZERO
    moratory: Decimal = ZERO
    advance: Decimal = ZERO  # kept for installments to come
    waived_interest: Decimal = ZERO
    deferred: Decimal = ZERO  # yield that a refinancing made principal, not income yet

    def __sub__(self, before: "Standing") -> "Standing":
        return Standing(**{f.name: getattr(self, f.name) - getattr(before, f.name) for f in fields(self)})


def disbursement_lines(
    *, owed: Decimal, fees: Decimal, itf: Decimal, principal_account: str, money_account: str
) -> list[Line]:
    """Principal becomes owed; the borrower gets it less the fees kept back or financed, and less the ITF."""
    return journal(
        (principal_account, owed), (FEES, -fees), (ITF_PAYABLE, -itf), (money_account, -(owed - fees - itf))
    )  # fmt: skip


def accrued(interest: Any, gone: Any, days: Any) -> Any:
    """Interest earned of a line of `days` days once `gone` of them passed; whole numbers, or arrays of them.

    As many whole céntimos every day, and one more on each of the first days until the line adds up.
    """
    return interest // days * gone + np.minimum(gone, interest % days)


def collection_lines(
    change: Standing, *, money: Decimal, itf: Decimal, principal_account: str, money_account: str
) -> list[Line]:
    """What came in (or, negative, goes back), spread as the standing changed.

    Serves repayments, prepayments, payoffs, their reversals and replays, and waivers (no money): forgiven
    interest leaves the accrued yields and the income. Raises ValueError when the change isn't worth the money.
    """
    return journal(
        (money_account, money + itf),
        (ITF_PAYABLE, -itf),
        (principal_account, change.principal),
        (ACCRUED, -change.interest - change.waived_interest),
        (INTEREST, change.waived_interest + change.deferred),
        (INSURANCE_PAYABLE, -change.insurance),
        (FEES, -change.fees),
        (MORATORY, -change.moratory),
        (ADVANCES, -change.advance),
        (DEFERRED, -change.deferred),
    )


def refinancing_lines(change: Standing, *, money: Decimal, principal_account: str) -> list[Line]:
    """A loan paid by a new one: no money moves, and interest that became principal is no income yet.

    The new loan takes it over as its deferred yield, with what this one still had deferred.
    """
    capitalised = change.interest + change.moratory + change.fees
    return journal(
        (IN_TRANSIT, money),
        (principal_account, change.principal),
        (INSURANCE_PAYABLE, -change.insurance),
        (ADVANCES, -change.advance),
        (DEFERRED, -capitalised),
    )


def charge_off_lines(*, principal: Decimal, deferred: Decimal, principal_account: str) -> list[Line]:
    """Principal leaves the assets against its provision and goes on in the memorandum accounts.

    `negated` undoes it.
    """
    return journal(
        (ALLOWANCE, principal - deferred), (DEFERRED, deferred), (principal_account, -principal),
        (CHARGED_OFF, principal), (MEMO_CONTRA, -principal),
    )  # fmt: skip


def recovery_lines(change: Standing, *, money: Decimal, itf: Decimal, money_account: str) -> list[Line]:
    """Money for a loan charged off is income; the principal it pays leaves the memorandum accounts.

    Forgiven interest is posted as on any other loan, so that an undone charge-off finds it.
    """
    return journal(
        (ACCRUED, -change.waived_interest), (INTEREST, change.waived_interest),
        (money_account, money + itf), (ITF_PAYABLE, -itf),
        (INSURANCE_PAYABLE, -change.insurance), (ADVANCES, -change.advance),
        (RECOVERIES, -(money - change.insurance - change.advance)),
        (CHARGED_OFF, change.principal), (MEMO_CONTRA, -change.principal),
    )  # fmt: skip


def refund_lines(*, money: Decimal, money_account: str) -> list[Line]:
    """What was paid in advance and isn't needed any more goes back to the borrower."""
    return journal((ADVANCES, money), (money_account, -money))


def negated(lines: Iterable[Line]) -> list[Line]:
    """The same journal the other way round."""
    return [Line(line.account, -line.amount) for line in lines]


def journal(*sides: tuple[str, Decimal]) -> list[Line]:
    """The sides as lines, one an account, without empty ones. Raises ValueError unless they balance."""
    sums: dict[str, Decimal] = {}
    for account, amount in sides:
        sums[account] = sums.get(account, ZERO) + amount
    if sum(sums.values()):
        raise ValueError(f"a journal does not balance: {sums}")
    return [Line(account, amount) for account, amount in sums.items() if amount]


def transaction_tax(amount: Decimal, rate: Decimal, step: Decimal) -> Decimal:
    """ITF on an amount, rounded down to a multiple of `step` soles."""
    return ((amount * rate) / step).to_integral_value(ROUND_DOWN) * step
