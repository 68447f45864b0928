"""JSON in, JSON out: the contract of `simulate_schedule`, described in docs/schedules.md.

Amounts are text, rates are percent, dates are ISO; numbers are read exactly, never as floats.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final, TypeVar

from django.utils.translation import gettext as _

from lending.schedules.calendar import peruvian_holidays
from lending.schedules.rows import INSTALLMENT, Row, Schedule
from lending.schedules.servicing import (
    PARTS,
    Event,
    EventKind,
    Payment,
    PrepaymentStrategy,
    ServicedSchedule,
    ServicingRules,
    service_loan,
)
from lending.schedules.terms import (
    Amortization,
    Fee,
    FeeWhen,
    Insurance,
    InsuranceBase,
    InterestMethod,
    InterestPeriod,
    InvalidTerms,
    LoanTerms,
    PlannedPayment,
    RateType,
    RepayUnit,
    Tranche,
    WorkingDayRule,
)

Choice = TypeVar("Choice", bound=StrEnum)
REQUIRED: Final = ("principal", "annual_rate_pct", "installments", "disbursement_date")
COSTS: Final = ("interest", "insurance", "fees")  # of a planned payment
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EVENT_FIELDS: Final = {  # beside type and date: what counts for each kind
    EventKind.REPAYMENT: {"amount", "strategy"},
    EventKind.PREPAYMENT: {"amount", "strategy"},
    EventKind.RATE_CHANGE: {"annual_rate_pct"},
    EventKind.RESCHEDULE: {
        "annual_rate_pct", "installments", "first_due_date", "grace_on_principal_installments",
    },
    EventKind.CHARGE: {"amount"},
    EventKind.PAYOFF: {"amount"},
    EventKind.WAIVER: {"amount", "part"},
}  # fmt: skip
_MONEY_FIELDS = ("principal", "interest", "insurance", "fees", "moratory", "total")


def answer_line(line: str) -> str:
    """One JSON line for one JSON line: a schedule, or `{"error": {"field", "message"}}`."""
    try:
        data = json.loads(line, parse_float=_exact, parse_int=_exact_whole, parse_constant=str, object_pairs_hook=_once)
    except InvalidTerms as error:
        return _dump({"error": {"field": error.field, "message": error.message}})
    except (ValueError, RecursionError):
        return _dump({"error": {"field": "", "message": _("La línea no es JSON válido")}})
    return _dump(answer(data))


def answer(data: Any) -> dict[str, Any]:
    """The schedule of one request as plain JSON values, or its error."""
    echo = {"id": data["id"]} if isinstance(data, Mapping) and "id" in data else {}
    try:
        terms, events, rules = read_request(data)
        return {**echo, **write_schedule(service_loan(terms, events, rules), with_payments=bool(events))}
    except InvalidTerms as error:
        return {**echo, "error": {"field": error.field, "message": error.message}}


def read_request(data: Any) -> tuple[LoanTerms, list[Event], ServicingRules]:
    """Terms, events and rules of a request. Raises InvalidTerms naming the field."""
    if not isinstance(data, Mapping):
        raise InvalidTerms("", _("Cada línea es un objeto JSON"))
    fields = _Fields(data)
    terms = _terms(fields)
    rules = ServicingRules(
        allocation_order=fields.read("allocation_order", _order, PARTS),
        prepayment_strategy=fields.read("prepayment_strategy", _choice(PrepaymentStrategy), None),
        moratory_rate=fields.read("moratory_rate_pct", _percent, Decimal(0)),
    )
    events = [_event(_Fields(item, "events")) for item in fields.read("events", _list, [])]
    fields.read("id", lambda value: value, None)
    fields.read("currency", _currency, "PEN")
    fields.refuse_unknown()
    return terms, events, rules


def read_event(data: Any) -> Event:
    """One event of a request. Raises InvalidTerms."""
    return _event(_Fields(data, "events"))


def write_event(event: Event) -> dict[str, Any]:
    """The event that `read_event` reads as this one."""
    written = {
        "type": str(event.kind),
        "date": event.on.isoformat(),
        "amount": None if event.amount is None else _plain(event.amount),
        "strategy": None if event.strategy is None else str(event.strategy),
        "annual_rate_pct": None if event.annual_rate is None else _plain(event.annual_rate * 100),
        "installments": event.installments,
        "first_due_date": event.first_due_on and event.first_due_on.isoformat(),
        "grace_on_principal_installments": event.grace_on_principal or None,
        "part": event.part,
    }
    return {name: value for name, value in written.items() if value is not None}


def write_request(terms: LoanTerms, rules: ServicingRules | None = None) -> dict[str, Any]:
    """The request that `read_request` reads as these terms and rules: what differs from the defaults."""
    rules = rules or ServicingRules()
    request: dict[str, Any] = {
        "principal": _plain(terms.principal),
        "annual_rate_pct": _plain(terms.annual_rate * 100),
        "installments": terms.installments,
        "disbursement_date": terms.disbursed_on.isoformat(),
    }
    request |= {name: write(value) for name, write, value, usual in _written(terms, rules) if value != usual}
    return request


def _written(terms: LoanTerms, rules: ServicingRules) -> list[tuple[str, Callable[[Any], Any], Any, Any]]:
    """Every optional field: its name, how it is written, its value and its default."""
    planned = Amortization.IRREGULAR if terms.plan else Amortization.EQUAL_INSTALLMENTS
    return [
        ("first_due_date", date.isoformat, terms.first_due_on, None),
        ("seed_day", int, terms.seed_day, None),
        ("rate_type", str, terms.rate_type, RateType.EFFECTIVE),
        ("interest_method", str, terms.interest_method, InterestMethod.DECLINING_BALANCE),
        ("amortization", str, terms.amortization, planned),
        ("interest_calculation_period", str, terms.interest_period, InterestPeriod.DAILY),
        ("days_in_year", lambda days: days or "actual", terms.days_in_year, 360),
        ("days_in_month", int, terms.days_in_month, None),
        ("repay_every", int, terms.repay_every, 1),
        ("repay_unit", str, terms.repay_unit, RepayUnit.MONTHS),
        ("working_day_rule", str, terms.working_day_rule, WorkingDayRule.NONE),
        ("holidays", lambda days: [day.isoformat() for day in sorted(days)], terms.holidays, frozenset()),
        ("rest_days", lambda days: [WEEKDAYS[day] for day in sorted(days)], terms.rest_days, frozenset({5, 6})),
        ("grace_on_principal_installments", int, terms.grace_on_principal, 0),
        ("grace_on_interest_payment", int, terms.grace_on_interest, 0),
        ("interest_free_installments", int, terms.interest_free, 0),
        ("insurance", _write_insurance, terms.insurance, None),
        ("fees", lambda fees: [_shares(fee, when=str(fee.when)) for fee in fees], terms.fees, ()),
        ("disbursements", lambda parts: [_shares(part) for part in parts], terms.tranches, ()),
        ("plan", lambda parts: [_shares(part, **_costs(part)) for part in parts], terms.plan, ()),
        ("down_payment_pct", lambda share: _plain(share * 100), terms.down_payment, 0),
        ("installment_rounding_multiple", _plain, terms.rounding_multiple, None),
        ("rounding_mode", lambda _even: "HALF_EVEN", terms.half_even, False),
        ("decimals", int, terms.decimals, 2),
        ("allocation_order", list, rules.allocation_order, PARTS),
        ("prepayment_strategy", str, rules.prepayment_strategy, None),
        ("moratory_rate_pct", lambda rate: _plain(rate * 100), rules.moratory_rate, 0),
    ]


def _write_insurance(insurance: Insurance) -> dict[str, Any]:
    written = {"monthly_rate": _plain(insurance.monthly_rate * 100), "base": str(insurance.base)}
    return written if insurance.in_installment else {**written, "in_installment": False}


def _shares(part: Any, **more: str) -> dict[str, str]:
    """A fee, tranche or planned payment: its day, and its amount or its share."""
    day, amount, share = (getattr(part, name, None) for name in ("on", "amount", "share"))
    written = {
        "date": day.isoformat() if day else None,
        "amount": amount,
        "pct": None if share is None else share * 100,
    }
    return more | {name: _plain(value) for name, value in written.items() if value is not None}


def _costs(part: PlannedPayment) -> dict[str, str]:
    """What a planned payment costs, where the plan says so."""
    if part.interest is None:
        return {}
    return {name: _plain(getattr(part, name)) for name in COSTS if name == "interest" or getattr(part, name)}


def _plain(value: Any) -> str:
    """A number without exponent; anything else as it is."""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def write_schedule(serviced: ServicedSchedule, *, with_payments: bool = False) -> dict[str, Any]:
    """Rows, totals, installment, TEA and TCEA; money as text, rates as fractions."""
    schedule = serviced.schedule
    answer = {
        "rows": [_row(row) for row in schedule.rows],
        "totals": _totals(schedule),
        "installment": str(schedule.installment),
        "tea": float(schedule.tea),
        "tcea": float(schedule.tcea),
    }
    if with_payments:
        answer["payments"] = [_payment(payment) for payment in serviced.payments]
    return answer


def _terms(fields: "_Fields") -> LoanTerms:
    for name in REQUIRED:
        if name == "installments" and fields.has("plan"):
            continue
        if not fields.has(name):
            raise InvalidTerms(name, _("Falta este dato"))
    plan = tuple(_planned(_Fields(item, "plan")) for item in fields.read("plan", _list, []))
    insurance = fields.read("insurance", _object, None)
    return LoanTerms(
        principal=fields.read("principal", _amount),
        annual_rate=fields.read("annual_rate_pct", _percent),
        installments=fields.read("installments", _whole, len(plan)),
        disbursed_on=fields.read("disbursement_date", _date),
        first_due_on=fields.read("first_due_date", _date, None),
        seed_day=fields.read("seed_day", _whole, None),
        rate_type=fields.read("rate_type", _choice(RateType), RateType.EFFECTIVE),
        interest_method=fields.read("interest_method", _choice(InterestMethod), InterestMethod.DECLINING_BALANCE),
        amortization=fields.read(
            "amortization",
            _choice(Amortization),
            Amortization.IRREGULAR if plan else Amortization.EQUAL_INSTALLMENTS,
        ),
        interest_period=fields.read("interest_calculation_period", _choice(InterestPeriod), InterestPeriod.DAILY),
        days_in_year=fields.read("days_in_year", _length, 360),
        days_in_month=fields.read("days_in_month", _length, None),
        repay_every=fields.read("repay_every", _whole, 1),
        repay_unit=fields.read("repay_unit", _choice(RepayUnit), RepayUnit.MONTHS),
        working_day_rule=fields.read("working_day_rule", _choice(WorkingDayRule), WorkingDayRule.NONE),
        holidays=fields.read("holidays", _holidays(fields), frozenset()),
        rest_days=fields.read("rest_days", _weekdays, frozenset({5, 6})),
        grace_on_principal=fields.read("grace_on_principal_installments", _whole, 0),
        grace_on_interest=fields.read("grace_on_interest_payment", _whole, 0),
        interest_free=fields.read("interest_free_installments", _whole, 0),
        insurance=_insurance(_Fields(insurance, "insurance")) if insurance is not None else None,
        fees=tuple(_fee(_Fields(item, "fees")) for item in fields.read("fees", _list, [])),
        tranches=tuple(_tranche(_Fields(item, "disbursements")) for item in fields.read("disbursements", _list, [])),
        plan=plan,
        down_payment=fields.read("down_payment_pct", _percent, Decimal(0)),
        rounding_multiple=fields.read("installment_rounding_multiple", _amount, None),
        half_even=fields.read("rounding_mode", _rounding, "HALF_UP") == "HALF_EVEN",
        decimals=fields.read("decimals", _whole, 2),
    )


class _Fields:
    """The fields of one JSON object: read one by one, so that what nobody read can be refused."""

    def __init__(self, data: Any, parent: str = "") -> None:
        self.parent = parent
        if not isinstance(data, Mapping):
            raise InvalidTerms(parent, _("Debe ser un objeto JSON"))
        self.data = data
        self.seen: set[str] = set()

    def path(self, name: str) -> str:
        return f"{self.parent}.{name}" if self.parent else name

    def has(self, name: str) -> bool:
        return self.data.get(name) is not None

    def read(self, name: str, reader: Callable[[Any], Any], *default: Any) -> Any:
        """The field as `reader` gives it; null and absent are the default, or refused without one."""
        self.seen.add(name)
        if not self.has(name):
            if default:
                return default[0]
            raise InvalidTerms(self.path(name), _("Falta este dato"))
        try:
            return reader(self.data[name])
        except (ValueError, TypeError, ArithmeticError) as error:
            message = error.message if isinstance(error, InvalidTerms) else str(error)
            raise InvalidTerms(self.path(name), message) from error

    def refuse_unknown(self) -> None:
        for name in self.data:
            if name not in self.seen:
                raise InvalidTerms(self.path(str(name)[:60]), _("No conocemos este dato"))


def _insurance(fields: _Fields) -> Insurance:
    insurance = Insurance(
        monthly_rate=fields.read("monthly_rate", _percent),
        base=fields.read("base", _choice(InsuranceBase), InsuranceBase.OPENING_BALANCE),
        in_installment=fields.read("in_installment", _flag, True),
    )
    fields.refuse_unknown()
    return insurance


def _fee(fields: _Fields) -> Fee:
    fee = Fee(
        when=fields.read("when", _choice(FeeWhen)),
        amount=fields.read("amount", _amount, None),
        share=fields.read("pct", _percent, None),
    )
    fields.refuse_unknown()
    return fee


def _tranche(fields: _Fields) -> Tranche:
    tranche = Tranche(fields.read("date", _date), fields.read("amount", _amount))
    fields.refuse_unknown()
    return tranche


def _planned(fields: _Fields) -> PlannedPayment:
    payment = PlannedPayment(
        on=fields.read("date", _date),
        amount=fields.read("amount", _amount, None),
        share=fields.read("pct", _percent, None),
        interest=fields.read("interest", _amount, None),
        insurance=fields.read("insurance", _amount, Decimal(0)),
        fees=fields.read("fees", _amount, Decimal(0)),
    )
    fields.refuse_unknown()
    return payment


def _event(fields: _Fields) -> Event:
    event = Event(
        kind=fields.read("type", _choice(EventKind)),
        on=fields.read("date", _date),
        amount=fields.read("amount", _amount, None),
        strategy=fields.read("strategy", _choice(PrepaymentStrategy), None),
        annual_rate=fields.read("annual_rate_pct", _percent, None),
        installments=fields.read("installments", _positive, None),
        first_due_on=fields.read("first_due_date", _date, None),
        grace_on_principal=fields.read("grace_on_principal_installments", _whole, 0),
        part=fields.read("part", str, None),
    )
    fields.refuse_unknown()
    for name in fields.seen - _EVENT_FIELDS[event.kind] - {"type", "date"}:
        if fields.has(name):
            raise InvalidTerms(fields.path(name), _("Este dato no cuenta en un evento %(kind)s") % {"kind": event.kind})
    return event


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose fields come once each; said twice, nobody knows which one counts."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _value in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidTerms(twice[:60], _("Este dato viene dos veces"))
    return found


def _exact(text: str) -> Decimal:
    if len(text) > 60:
        raise ValueError("number too long")
    return Decimal(text)


def _exact_whole(text: str) -> int:
    if len(text) > 60:
        raise ValueError("number too long")
    return int(text)


def _number(value: Any) -> Decimal:
    """A decimal from text or an exact JSON number."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError(_('Debe ser un número, por ejemplo "3000.50"'))
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise ValueError(_('Debe ser un número, por ejemplo "3000.50"')) from error
    written = f"{number:f}" if number.is_finite() and -20 <= number.adjusted() < 20 else ""
    if not _NUMBER.fullmatch(written) or (isinstance(value, str) and not _NUMBER.fullmatch(value)):
        raise ValueError(_('Debe ser un número, por ejemplo "3000.50"'))
    return number


def _amount(value: Any) -> Decimal:
    return _number(value)


def _percent(value: Any) -> Decimal:
    return _number(value) / 100


def _whole(value: Any) -> int:
    number = _number(value)
    if number != int(number) or abs(number) > 10**6:
        raise ValueError(_("Debe ser un número entero"))
    return int(number)


def _positive(value: Any) -> int:
    number = _whole(value)
    if number < 1:
        raise ValueError(_("Debe ser un número entero"))
    return number


def _date(value: Any) -> date:
    if not isinstance(value, str) or not _ISO_DATE.fullmatch(value):
        raise ValueError(_("Escribe la fecha como 2026-11-21"))
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(_("Esa fecha no existe")) from error


def _choice(options: type[Choice]) -> Callable[[Any], Choice]:
    def read(value: Any) -> Choice:
        try:
            return options(value)
        except ValueError as error:
            raise ValueError(_("Elige uno de: %(options)s") % {"options": ", ".join(options)}) from error

    return read


def _length(value: Any) -> int | None:
    return None if value == "actual" else _whole(value)


def _rounding(value: Any) -> str:
    if value not in ("HALF_UP", "HALF_EVEN"):
        raise ValueError(_("Elige uno de: %(options)s") % {"options": "HALF_UP, HALF_EVEN"})
    return str(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(_("Debe ser true o false"))
    return value


def _currency(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Z]{3}", value):
        raise ValueError(_("La moneda son tres letras, por ejemplo PEN"))
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > 5000:
        raise ValueError(_("Debe ser una lista"))
    return value


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(_("Debe ser un objeto JSON"))
    return value


def _order(value: Any) -> tuple[str, ...]:
    return tuple(str(part) for part in _list(value))


def _weekdays(value: Any) -> frozenset[int]:
    days = _list(value)
    if not set(map(str, days)) <= set(WEEKDAYS):
        raise ValueError(_("Elige uno de: %(options)s") % {"options": ", ".join(WEEKDAYS)})
    return frozenset(WEEKDAYS.index(day) for day in days)


def _holidays(fields: _Fields) -> Callable[[Any], frozenset[date]]:
    """A list of days, or "PE" for the national holidays of Peru."""

    def read(value: Any) -> frozenset[date]:
        if value == "PE":
            return peruvian_holidays(_date(fields.data.get("disbursement_date")).year)
        return frozenset(_date(day) for day in _list(value))

    return read


def _row(row: Row) -> dict[str, Any]:
    shown: dict[str, Any] = {"n": row.n, "due_date": row.due_on.isoformat(), "days": row.days}
    shown |= {name: str(getattr(row, name)) for name in (*_MONEY_FIELDS, "outstanding")}
    return shown if row.kind == INSTALLMENT else {**shown, "kind": row.kind}


def _totals(schedule: Schedule) -> dict[str, str]:
    names = (*_MONEY_FIELDS, "upfront_fees", "received")
    return {name: str(getattr(schedule.totals, name)) for name in names}


def _payment(payment: Payment) -> dict[str, str]:
    names = ("amount", *PARTS, "advance")
    return {"date": payment.on.isoformat(), **{name: str(getattr(payment, name)) for name in names}}


def _dump(value: Any) -> str:
    """One line of JSON; halves of characters, which no encoding can write, stay escaped."""
    line = json.dumps(value, ensure_ascii=False, default=_as_read, separators=(",", ":"))
    return line.encode("utf-8", "backslashreplace").decode()


def _as_read(value: Any) -> Any:
    """A number that was read exactly, as the number it was."""
    number = float(value) if isinstance(value, Decimal) else math.inf
    return number if math.isfinite(number) else str(value)
