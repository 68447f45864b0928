"""What dated amounts tell of a household or a business: a wallet's, a bank's or a till's statement. Pure.

A file is any CSV or XLSX with a column of dates and one of amounts (or one in and one out); a balance is read where
there is one. A line that cannot be read is left out by number and reason, never guessed. Figures are given only over
whole months, and what a statement is too short to tell is absent, never zero.
"""

import csv
import io
import re
import unicodedata
from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import numpy as np
from django.utils.translation import gettext as _

from accounts.sheets import BookTooLarge, open_workbook

MOST_LINES: Final = 100_000
LARGEST_UNPACKED: Final = 100 * 2**20  # of a workbook
FEWEST_MONTHS: Final = 2  # whole ones, before a mean is told
MONTHS_FOR_TREND: Final = 4
MONTHS_FOR_SEASON: Final = 24
MOST_BAD: Final = 0.2  # of the lines
DATE_WORDS: Final = ("fecha", "date", "dia")
AMOUNT_WORDS: Final = ("monto", "importe", "amount", "valor")
IN_WORDS: Final = ("abono", "ingreso", "credito", "entrada", "deposito", "credit")
OUT_WORDS: Final = ("cargo", "egreso", "debito", "salida", "retiro", "debit")
BALANCE_WORDS: Final = ("saldo", "balance")


class StatementRefused(ValueError):
    """The file tells no dated amounts; the message says what is missing and how to send it."""


@dataclass(frozen=True, slots=True)
class Movement:
    """Money in (above zero) or out (below) on a day, and the balance after it where the file tells it."""

    on: date
    amount: Decimal
    balance: Decimal | None = None


@dataclass(frozen=True)
class Statement:
    """What was recognised in a file, and the lines that were not."""

    movements: Sequence[Movement]
    bad: Sequence[tuple[int, str]] = ()


@dataclass(frozen=True)
class CashFlow:
    """What a statement says: by whole month, and as facts of the dictionary by name."""

    months: Sequence[Mapping[str, Any]]  # month "2026-03", money_in, money_out (text), movements, days_without, low
    facts: Mapping[str, float] = field(default_factory=dict)


def read_statement(content: bytes) -> Statement:
    """The movements in a file, oldest first. Raises StatementRefused."""
    rows = _rows(content)
    header_at, columns = _columns(rows)
    movements: list[Movement] = []
    bad: list[tuple[int, str]] = []
    for number, row in enumerate(rows[header_at + 1 :], start=header_at + 2):
        if not any(str(cell or "").strip() for cell in row):
            continue
        try:
            movements.append(_movement(row, columns))
        except ValueError as error:
            bad.append((number, str(error)))
    if not movements or len(bad) > MOST_BAD * (len(movements) + len(bad)):
        first = "; ".join(_("línea %(line)s: %(why)s") % {"line": line, "why": why} for line, why in bad[:3])
        raise StatementRefused(
            _("No pudimos leer los movimientos (%(first)s).") % {"first": first or _("no hay ninguno")}
        )
    return Statement(sorted(movements, key=lambda one: one.on), tuple(bad))


def cash_flow(movements: Iterable[Movement]) -> CashFlow:
    """Income and spending by whole month, how steady they are, days without movement and the lowest balances."""
    ordered = sorted(movements, key=lambda one: one.on)
    if not ordered:
        return CashFlow(())
    months = [_month(first, ordered) for first in _whole_months(ordered[0].on, ordered[-1].on)]
    shown = [
        {
            "month": f"{one['first']:%Y-%m}",
            "money_in": str(one["money_in"]),
            "money_out": str(one["money_out"]),
            "movements": one["movements"],
            "days_without": one["days_without"],
            "low": None if one["low"] is None else str(one["low"]),
        }
        for one in months
    ]
    return CashFlow(shown, _facts(months))


def _facts(months: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    if len(months) < FEWEST_MONTHS:
        return {}
    income = np.array([float(one["money_in"]) for one in months])
    facts: dict[str, float] = {"statement_income": float(income.mean())}
    if income.mean() > 0:
        facts["cash_flow_stability"] = float(np.clip(1 - income.std() / income.mean(), 0, 1))
    lows = [float(one["low"]) for one in months[-3:] if one["low"] is not None]
    if lows:
        facts["balance_low"] = min(lows)
    daily = np.concatenate([one["daily"] for one in months])
    if daily.mean() > 0:
        facts["daily_sales_volatility"] = float(daily.std() / daily.mean())
    if len(months) >= MONTHS_FOR_TREND and (income > 0).all():
        facts["sales_growth"] = float(np.expm1(np.polyfit(np.arange(len(income)), np.log(income), 1)[0]))
    if len(months) >= MONTHS_FOR_SEASON and income.var() > 0:
        calendar = np.array([one["first"].month for one in months])
        means = {month: income[calendar == month].mean() for month in set(calendar.tolist())}
        between = np.array([means[month] for month in calendar.tolist()])
        facts["sales_season"] = float(between.var() / income.var())
    return {name: round(value, 6) for name, value in facts.items()}


def _whole_months(start: date, end: date) -> list[date]:
    """First days of the months that the statement covers from end to end."""
    first = start.replace(day=1)
    if start.day > 7:  # a month that begins a few days in was quiet; one that begins later was cut
        first = _next(first)
    whole = []
    while _next(first) <= end or (first <= end and end.day >= monthrange(end.year, end.month)[1] - 3):
        whole.append(first)
        first = _next(first)
    return whole


def _month(first: date, movements: Sequence[Movement]) -> dict[str, Any]:
    mine = [one for one in movements if (one.on.year, one.on.month) == (first.year, first.month)]
    days = monthrange(first.year, first.month)[1]
    daily = np.zeros(days)
    for one in mine:
        if one.amount > 0:
            daily[one.on.day - 1] += float(one.amount)
    balances = [one.balance for one in mine if one.balance is not None]
    return {
        "first": first,
        "money_in": sum((one.amount for one in mine if one.amount > 0), Decimal(0)),
        "money_out": -sum((one.amount for one in mine if one.amount < 0), Decimal(0)),
        "movements": len(mine),
        "days_without": days - len({one.on for one in mine}),
        "low": min(balances, default=None),
        "daily": daily,
    }


def _next(first: date) -> date:
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)


# --- reading --------------------------------------------------------------------------------------------------------


def _rows(content: bytes) -> list[list[Any]]:
    rows: list[list[Any]]
    if content[:4] == b"PK\x03\x04":
        try:
            sheet = open_workbook(content, LARGEST_UNPACKED).worksheets[0]
            rows = [list(row) for _n, row in zip(range(MOST_LINES), sheet.iter_rows(values_only=True), strict=False)]
        except BookTooLarge as error:
            raise _too_long() from error
        except Exception as error:
            raise StatementRefused(_("No pudimos abrir la hoja. Guárdala como CSV y súbela otra vez.")) from error
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("latin-1")
        if "\x00" in text[:5_000]:
            raise StatementRefused(_("Sube el estado de cuenta como CSV o XLSX: de ese tipo no podemos leer montos."))
        head = text[:5_000]
        mark = max(";,\t|", key=head.count)
        rows = [row for _n, row in zip(range(MOST_LINES), csv.reader(io.StringIO(text), delimiter=mark), strict=False)]
    if len(rows) >= MOST_LINES:
        raise _too_long()
    return rows


def _too_long() -> StatementRefused:
    return StatementRefused(_("El archivo tiene demasiadas líneas. Sube los últimos doce meses."))


def _columns(rows: Sequence[Sequence[Any]]) -> tuple[int, dict[str, int]]:
    """Where the headings are, and which column is which; banks put their name above them."""
    for at, row in enumerate(rows[:30]):
        names = [_bare(cell) for cell in row]

        def place(words: Sequence[str], names: Sequence[str] = names) -> int | None:
            return next((n for n, name in enumerate(names) if any(name.startswith(word) for word in words)), None)

        found = {"date": place(DATE_WORDS), "amount": place(AMOUNT_WORDS), "in": place(IN_WORDS)}
        found |= {"out": place(OUT_WORDS), "balance": place(BALANCE_WORDS)}
        known = {name: where for name, where in found.items() if where is not None}
        if "date" in known and ("amount" in known or {"in", "out"} <= set(known)):
            return at, known
    raise StatementRefused(
        _("Faltan columnas: hace falta una con la fecha y otra con el monto, o una de abonos y otra de cargos.")
    )


def _movement(row: Sequence[Any], columns: Mapping[str, int]) -> Movement:
    def cell(name: str) -> Any:
        where = columns.get(name)
        return row[where] if where is not None and where < len(row) else None

    if "amount" in columns:
        amount = _amount(cell("amount"))
        if amount is None:
            raise ValueError(_("no tiene monto"))
    else:
        amount = abs(_amount(cell("in")) or Decimal(0)) - abs(_amount(cell("out")) or Decimal(0))
    return Movement(_day(cell("date")), amount, _amount(cell("balance")) if "balance" in columns else None)


def _day(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = str(value or "").strip()[:10]
    for form in ("%d/%m/%Y", "%Y-%m-%d", "%d-%m-%Y", "%d/%m/%y", "%Y/%m/%d"):
        try:
            return datetime.strptime(text, form).date()
        except ValueError:
            continue
    raise ValueError(_("«%(text)s» no es una fecha") % {"text": text})


def _amount(value: Any) -> Decimal | None:
    """`1,234.50`, `1.234,50`, `S/ 20`, `(35.00)`; None where the cell is empty."""
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return Decimal(str(value)).quantize(Decimal("0.01"))
    text = re.sub(r"(?i)s/\.?|pen|\s|\u00a0", "", str(value or ""))
    if not text or text in ("-", "–"):
        return None
    negative = text.startswith(("(", "-", "−")) or text.endswith("-")
    digits = text.strip("()-−+")
    if re.fullmatch(r"[\d.]*,\d{1,2}", digits):
        digits = digits.replace(".", "").replace(",", ".")
    try:
        amount = Decimal(digits.replace(",", "")).quantize(Decimal("0.01"))
    except InvalidOperation:
        raise ValueError(_("«%(text)s» no es un monto") % {"text": str(value)[:20]}) from None
    return -amount if negative else amount


def _bare(cell: Any) -> str:
    plain = unicodedata.normalize("NFKD", str(cell or "")).encode("ascii", "ignore").decode()
    return " ".join(plain.lower().split())


__all__ = ["CashFlow", "Movement", "Statement", "StatementRefused", "cash_flow", "read_statement"]
