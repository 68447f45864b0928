"""What two parties agree on, checked once: everything a schedule is worked out from."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _  # translated only when a term is refused

MAX_INSTALLMENTS: Final = 1200
MAX_ANNUAL_RATE: Final = Decimal(100)  # 10,000 %
MAX_PRINCIPAL: Final = Decimal("999999999999.99")
MAX_GIVEN: Final = 10**10  # céntimos: below it, the rate that a given cost amounts to gives it back exactly
MAX_YEAR: Final = 2300
MAX_DAYS: Final = 36_600  # a hundred years
_UNIT_DAYS: Final = {"days": 1, "weeks": 7, "months": 30}


class RateType(StrEnum):
    EFFECTIVE = "effective"  # TEA: (1 + rate)^(share of a year) - 1
    NOMINAL = "nominal"  # rate x share of a year


class InterestMethod(StrEnum):
    DECLINING_BALANCE = "declining_balance"
    FLAT = "flat"  # on the whole principal in every period


class Amortization(StrEnum):
    EQUAL_INSTALLMENTS = "equal_installments"
    EQUAL_PRINCIPAL = "equal_principal"
    BULLET = "bullet"  # principal with the last installment
    IRREGULAR = "irregular"  # a plan of dates and shares, as harvests come


class InterestPeriod(StrEnum):
    DAILY = "daily"
    SAME_AS_REPAYMENT = "same_as_repayment"  # a month is a twelfth of a year, a week one of 52


class RepayUnit(StrEnum):
    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"


class InsuranceBase(StrEnum):
    OPENING_BALANCE = "opening_balance"
    BALANCE_PLUS_INTEREST = "balance_plus_interest"


class FeeWhen(StrEnum):
    PER_INSTALLMENT = "per_installment"
    UPFRONT_ADDED = "upfront_added"  # financed: owed on top of the principal
    UPFRONT_DEDUCTED = "upfront_deducted"  # kept back from what is handed over


class WorkingDayRule(StrEnum):
    NONE = "none"
    NEXT = "next"
    PREVIOUS = "previous"


class InvalidTerms(ValueError):
    """Terms no schedule can be made of; `field` names the culprit, `message` is for the person."""

    def __init__(self, field_name: str, message: str) -> None:
        super().__init__(message)
        self.field = field_name
        self.message = message


@dataclass(frozen=True, slots=True)
class Insurance:
    """Credit life insurance (desgravamen): `monthly_rate` (a fraction) on the balance of each period."""

    monthly_rate: Decimal
    base: InsuranceBase = InsuranceBase.OPENING_BALANCE
    in_installment: bool = True  # the level installment already holds it; otherwise it comes on top


@dataclass(frozen=True, slots=True)
class Fee:
    """A charge: an `amount` in soles, or a `share` (fraction) of the principal."""

    when: FeeWhen
    amount: Decimal | None = None
    share: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Tranche:
    """A part of the principal, handed over on its own day."""

    on: date
    amount: Decimal


@dataclass(frozen=True, slots=True)
class PlannedPayment:
    """One step of an irregular plan: principal due on a day, in soles or as a share of the whole.

    A plan that comes from elsewhere says in all its steps what each costs, in soles: that stands as it is, and what
    runs to a day or on a smaller balance follows the rates that these costs amount to.
    """

    on: date
    amount: Decimal | None = None
    share: Decimal | None = None
    interest: Decimal | None = None
    insurance: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanTerms:
    """Everything a schedule depends on; rates are fractions, money is soles.

    Raises InvalidTerms when made with values no schedule can be worked out from.
    """

    principal: Decimal
    annual_rate: Decimal
    installments: int
    disbursed_on: date
    first_due_on: date | None = None  # one period after disbursement when not given
    seed_day: int | None = None  # day of the month that due dates return to
    rate_type: RateType = RateType.EFFECTIVE
    interest_method: InterestMethod = InterestMethod.DECLINING_BALANCE
    amortization: Amortization = Amortization.EQUAL_INSTALLMENTS
    interest_period: InterestPeriod = InterestPeriod.DAILY
    days_in_year: int | None = 360  # None: the calendar's own
    days_in_month: int | None = None  # 30, or None: the calendar's own
    repay_every: int = 1
    repay_unit: RepayUnit = RepayUnit.MONTHS
    working_day_rule: WorkingDayRule = WorkingDayRule.NONE
    holidays: frozenset[date] = frozenset()
    rest_days: frozenset[int] = frozenset({5, 6})  # weekdays nobody works; Monday is 0
    grace_on_principal: int = 0  # installments that pay interest alone
    grace_on_interest: int = 0  # installments whose interest waits for the first one after them
    interest_free: int = 0  # installments without interest
    insurance: Insurance | None = None
    fees: tuple[Fee, ...] = ()
    tranches: tuple[Tranche, ...] = ()
    plan: tuple[PlannedPayment, ...] = ()  # for irregular amortization
    down_payment: Decimal = Decimal(0)  # share of the principal paid back on the day of disbursement
    rounding_multiple: Decimal | None = None  # installments are multiples of it
    half_even: bool = False  # round halves to even; half up otherwise
    decimals: int = 2

    def __post_init__(self) -> None:
        check_terms(self)

    @property
    def gives_costs(self) -> bool:
        """Whether the plan says what each installment costs, instead of the rate."""
        return bool(self.plan) and self.plan[0].interest is not None


def check_terms(terms: LoanTerms) -> None:
    """Raises InvalidTerms for the first value that no schedule can be made of."""
    _require(0 <= terms.decimals <= 4, "decimals", _("Los decimales van de 0 a 4"))
    smallest = Decimal(1).scaleb(-terms.decimals)
    _require(
        _is_money(terms.principal, terms.decimals) and smallest <= terms.principal <= MAX_PRINCIPAL,
        "principal",
        _("El monto debe ser mayor que cero y no llevar más decimales que la moneda"),
    )
    _require(
        terms.annual_rate.is_finite() and 0 <= terms.annual_rate <= MAX_ANNUAL_RATE,
        "annual_rate_pct",
        _("La tasa anual va de 0 a 10,000 por ciento"),
    )
    _require(
        1 <= terms.installments <= MAX_INSTALLMENTS,
        "installments",
        _("El número de cuotas va de 1 a %(most)s"),
        most=MAX_INSTALLMENTS,
    )
    _require(1 <= terms.repay_every <= 366, "repay_every", _("Cada cuántos periodos se paga: de 1 a 366"))
    _require(
        terms.installments * terms.repay_every * _UNIT_DAYS[terms.repay_unit] <= MAX_DAYS,
        "installments",
        _("El plazo no pasa de cien años"),
    )
    _require(terms.disbursed_on.year <= MAX_YEAR, "disbursement_date", _("La fecha está demasiado lejos"))
    _require(
        terms.days_in_year in (None, 360, 364, 365),
        "days_in_year",
        _("Los días del año son 360, 364, 365 o los del calendario"),
    )
    _require(terms.days_in_month in (None, 30), "days_in_month", _("Los días del mes son 30 o los del calendario"))
    _require(terms.seed_day is None or 1 <= terms.seed_day <= 31, "seed_day", _("El día de pago va de 1 a 31"))
    _require(
        terms.first_due_on is None or terms.disbursed_on < terms.first_due_on,
        "first_due_date",
        _("La primera cuota vence después del desembolso"),
    )
    _require(
        terms.first_due_on is None or terms.first_due_on.year <= MAX_YEAR,
        "first_due_date",
        _("La fecha está demasiado lejos"),
    )
    _require(
        len(terms.rest_days) < 7 and terms.rest_days <= set(range(7)),
        "rest_days",
        _("Debe quedar al menos un día hábil por semana"),
    )
    _require(
        0 <= terms.down_payment < 1,
        "down_payment_pct",
        _("La cuota inicial va de 0 a menos de 100 por ciento"),
    )
    _check_grace(terms)
    _check_charges(terms)
    _check_tranches(terms)
    _check_plan(terms)


def _check_grace(terms: LoanTerms) -> None:
    _require(
        0 <= terms.grace_on_principal < terms.installments,
        "grace_on_principal_installments",
        _("La gracia deja al menos una cuota con capital"),
    )
    _require(
        0 <= terms.grace_on_interest < terms.installments,
        "grace_on_interest_payment",
        _("La gracia deja al menos una cuota con interés"),
    )
    _require(
        0 <= terms.interest_free <= terms.installments,
        "interest_free_installments",
        _("Las cuotas sin interés no pasan del número de cuotas"),
    )


def _check_charges(terms: LoanTerms) -> None:
    if terms.insurance:
        _require(
            terms.insurance.monthly_rate.is_finite() and 0 <= terms.insurance.monthly_rate < 1,
            "insurance.monthly_rate",
            _("La tasa mensual del seguro va de 0 a menos de 1"),
        )
    for fee in terms.fees:
        _require(
            (fee.amount is None) != (fee.share is None),
            "fees",
            _("Cada comisión lleva un monto o un porcentaje, no ambos"),
        )
        value = fee.share if fee.amount is None else fee.amount
        _require(
            value is not None and value.is_finite() and 0 <= value <= MAX_PRINCIPAL,
            "fees",
            _("Una comisión no puede ser negativa"),
        )
        _require(
            fee.amount is None or _is_money(fee.amount, terms.decimals),
            "fees",
            _("Una comisión no lleva más decimales que la moneda"),
        )
        _require(fee.share is None or fee.share <= 1, "fees", _("Una comisión no pasa del 100 por ciento"))
    kept = sum(
        (
            fee.amount if fee.amount is not None else terms.principal * (fee.share or 0)
            for fee in terms.fees
            if fee.when is FeeWhen.UPFRONT_DEDUCTED
        ),
        Decimal(0),
    )
    _require(
        kept < terms.principal * (1 - terms.down_payment),
        "fees",
        _("Las comisiones descontadas no pueden llevarse todo el monto"),
    )
    multiple = terms.rounding_multiple
    _require(
        multiple is None or (multiple > 0 and _is_money(multiple, terms.decimals) and multiple <= terms.principal),
        "installment_rounding_multiple",
        _("El múltiplo de redondeo debe ser mayor que cero y menor que el monto"),
    )


def _check_tranches(terms: LoanTerms) -> None:
    if not terms.tranches:
        return
    days = [tranche.on for tranche in terms.tranches]
    _require(
        days[0] == terms.disbursed_on and days == sorted(days),
        "disbursements",
        _("Los desembolsos van en orden y el primero es el día del desembolso"),
    )
    _require(
        all(_is_money(part.amount, terms.decimals) and part.amount > 0 for part in terms.tranches),
        "disbursements",
        _("Cada desembolso debe ser mayor que cero"),
    )
    _require(
        sum(part.amount for part in terms.tranches) == terms.principal,
        "disbursements",
        _("Los desembolsos deben sumar el monto del préstamo"),
    )
    _require(
        terms.interest_method is InterestMethod.DECLINING_BALANCE,
        "disbursements",
        _("Los desembolsos por partes piden interés sobre el saldo"),
    )
    _require(
        not terms.down_payment,
        "down_payment_pct",
        _("La cuota inicial no se combina con desembolsos por partes"),
    )
    _require(
        all(fee.when is not FeeWhen.UPFRONT_ADDED for fee in terms.fees),
        "fees",
        _("Las comisiones financiadas no se combinan con desembolsos por partes"),
    )


def _check_plan(terms: LoanTerms) -> None:
    irregular = terms.amortization is Amortization.IRREGULAR
    _require(
        irregular == bool(terms.plan),
        "plan",
        _("El plan de pagos acompaña a la amortización irregular, y solo a ella"),
    )
    if not irregular:
        return
    days = [payment.on for payment in terms.plan]
    _require(len(days) == terms.installments, "plan", _("El plan lleva un pago por cuota"))
    _require(
        days == sorted(set(days)) and days[0] > terms.disbursed_on and days[-1].year <= MAX_YEAR,
        "plan",
        _("Las fechas del plan van en orden, después del desembolso"),
    )
    _require(
        terms.first_due_on in (None, days[0]),
        "first_due_date",
        _("La primera cuota vence en la primera fecha del plan"),
    )
    for payment in terms.plan:
        _require(
            (payment.amount is None) != (payment.share is None),
            "plan",
            _("Cada pago del plan lleva un monto o un porcentaje, no ambos"),
        )
        value = payment.share if payment.amount is None else payment.amount
        _require(
            value is not None and value.is_finite() and value >= 0,
            "plan",
            _("Un pago del plan no puede ser negativo"),
        )
        _require(
            payment.amount is None or _is_money(payment.amount, terms.decimals),
            "plan",
            _("Los montos del plan no son negativos ni llevan más decimales que la moneda"),
        )
    _require(
        not terms.grace_on_principal,
        "grace_on_principal_installments",
        _("El plan irregular ya dice cuándo se paga el capital"),
    )
    if terms.gives_costs or any(payment.insurance or payment.fees for payment in terms.plan):
        _check_given(terms)


def _check_given(terms: LoanTerms) -> None:
    """A plan that says what each installment costs leaves nothing else to work out."""
    _require(
        all(payment.amount is not None and payment.interest is not None for payment in terms.plan),
        "plan",
        _("Si el plan dice lo que cuesta una cuota, cada una lleva su capital y su interés"),
    )
    costs = [(payment.amount, payment.interest, payment.insurance, payment.fees) for payment in terms.plan]
    _require(
        all(
            part is not None and part.is_finite() and part >= 0 and _is_money(part, terms.decimals)
            for parts in costs
            for part in parts
        ),
        "plan",
        _("Los montos del plan no son negativos ni llevan más decimales que la moneda"),
    )
    _require(
        terms.principal.scaleb(terms.decimals) < MAX_GIVEN,
        "principal",
        _("El monto es demasiado grande para un plan con costos"),
    )
    _require(
        sum(payment.amount or 0 for payment in terms.plan) == terms.principal,
        "plan",
        _("El capital de las cuotas del plan debe sumar el monto"),
    )
    left = terms.principal
    for amount, interest, insurance, _fees in costs:
        _require(bool(left) or not (interest or insurance), "plan", _("Sin capital pendiente no hay interés ni seguro"))
        left -= amount or 0
    usual = (terms.interest_method, terms.grace_on_interest, terms.interest_free, terms.down_payment)
    _require(
        usual == (InterestMethod.DECLINING_BALANCE, 0, 0, 0)
        and not (terms.fees or terms.tranches)
        and (terms.insurance is None or terms.insurance.base is InsuranceBase.OPENING_BALANCE),
        "plan",
        _("Un plan con costos ya lo dice todo: quita las demás condiciones"),
    )


def _is_money(amount: Decimal, decimals: int) -> bool:
    exponent = amount.as_tuple().exponent
    return isinstance(exponent, int) and (exponent >= -decimals or amount == round(amount, decimals))


def _require(condition: bool, field_name: str, message: str, **params: object) -> None:
    if not condition:
        raise InvalidTerms(field_name, gettext(message) % params)
