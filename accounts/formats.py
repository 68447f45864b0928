"""How figures and days are written, the same in every language: `S/ 3,000.00`, `38.11%`, `21/11/2026`."""

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, TypeVar

from django.utils.translation import gettext as _

from accounts.clock import LIMA, today

MINUS: Final = "−"
ABSENT: Final = "–"

Day = TypeVar("Day", bound=date)


def format_number(value: Decimal | int, decimals: int = 0) -> str:
    """`6,284` or `−31`; rounds half up to `decimals`."""
    step = Decimal(1).scaleb(-decimals)
    rounded = Decimal(value).quantize(step, rounding=ROUND_HALF_UP) + 0  # no minus before a nought
    return f"{rounded:,f}".replace("-", MINUS)


def format_signed(value: int) -> str:
    """Points with their sign: `+86`, `−31`, `0`."""
    return f"+{value:,}" if value > 0 else format_number(value)


def format_money(amount: Decimal | int, decimals: int = 2) -> str:
    """`S/ 3,000.00`; the minus sign comes before the currency."""
    text = format_number(amount, decimals)
    return f"{MINUS}S/ {text[1:]}" if text.startswith(MINUS) else f"S/ {text}"


def format_percent(fraction: Decimal | int, decimals: int = 2) -> str:
    """`38.11%` from the fraction 0.3811."""
    return f"{format_number(Decimal(fraction) * 100, decimals)}%"


def format_day(day: date) -> str:
    """`21/11/2026`; an instant gives its day in Lima."""
    return f"{_in_lima(day):%d/%m/%Y}"


def format_moment(instant: datetime) -> str:
    """`21/11/2026 09:58`, in Lima."""
    return f"{_in_lima(instant):%d/%m/%Y %H:%M}"


def format_when(instant: datetime) -> str:
    """A recent instant as people say it: `Hoy 09:58`, `Ayer 16:20`, `19/11 11:05`, `19/11/2025 11:05`."""
    local = _in_lima(instant)
    days = (today() - local.date()).days
    clock = f"{local:%H:%M}"
    if days == 0:
        return _("Hoy %(clock)s") % {"clock": clock}
    if days == 1:
        return _("Ayer %(clock)s") % {"clock": clock}
    return f"{local:%d/%m} {clock}" if local.year == today().year else f"{local:%d/%m/%Y} {clock}"


def mask_document(number: str) -> str:
    """A document number with its middle hidden: `4•••••21`."""
    return f"{number[:1]}{'•' * max(len(number) - 3, 0)}{number[-2:]}"


def initials(name: str) -> str:
    """Up to two capitals of a person's or institution's name, for a mark."""
    words = [word for word in name.split() if word[:1].isalpha()]
    letters = [words[0][0], words[1][0]] if len(words) > 1 else [word[0] for word in words]
    return "".join(letters).upper()


def short_name(name: str) -> str:
    """`María Q.`: enough for the person to know it is them."""
    first, *others = name.split() or [""]
    return f"{first} {others[0][0]}." if others and others[0][0].isalpha() else first


def _in_lima(instant: Day) -> Day:
    if isinstance(instant, datetime) and instant.tzinfo is not None:
        return instant.astimezone(LIMA)
    return instant
