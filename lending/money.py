"""Soles and céntimos: exact amounts, what people type, and how amounts are shown."""

import re
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.formats import format_money

CENT: Final = Decimal("0.01")
ZERO: Final = Decimal("0.00")
MAX_AMOUNT: Final = Decimal("999999999999.99")  # its céntimos, and sums of many, stay inside a bigint
MAX_TYPED_LENGTH: Final = 40
AMOUNT: Final = gettext_lazy("El monto")

_FULL_WIDTH = {0xFF10 + digit: str(digit) for digit in range(10)} | {0xFF0C: ",", 0xFF0E: "."}
_SPACES = dict.fromkeys((0x00A0, 0x2007, 0x2009, 0x202F), " ")
_APOSTROPHES = dict.fromkeys((0x2019, 0x00B4, 0x0060), "'")
_CLEAN = _FULL_WIDTH | _SPACES | _APOSTROPHES | {0x2212: "-", 0x2013: "-"}
_CURRENCY_BEFORE = re.compile(r"^(?:s/\.?|pen)\s*", re.IGNORECASE)
_CURRENCY_AFTER = re.compile(r"\s*(?:nuevos soles|soles|sol|pen)\.?$", re.IGNORECASE)
_SHAPE = re.compile(r"[0-9]*(?:[ ',.][0-9]+)*\.?")
_MINUS = re.compile(r"^-|-$|^\(.*\)$")


class NotAnAmount(ValueError):
    """What was typed is no amount of money; `message` tells the person how to put it right."""

    def __init__(self, message: str, code: str = "not_a_number") -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class AmbiguousAmount(NotAnAmount):
    """`3.000` or `3,000`: three thousand to some, three to others; `message` asks which."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="ambiguous")


def least_own_part(lent: Decimal, share: Decimal) -> Decimal:
    """What a buyer puts in at least (cuota inicial) beside `lent`, where it must be `share` of the price; up to a cent.

    The price is the sum of both. Zero where the share is.
    """
    return (lent * share / (1 - share)).quantize(CENT, rounding=ROUND_CEILING)


def to_centimos(amount: Decimal | int) -> int:
    """Whole céntimos of `amount` soles.

    Raises TypeError for floats and booleans, ValueError for more than two decimals or no finite value.
    """
    if isinstance(amount, bool) or not isinstance(amount, Decimal | int):
        raise TypeError(f"money is Decimal or int, not {type(amount).__name__}")
    if isinstance(amount, int):
        return amount * 100
    if not amount.is_finite():
        raise ValueError(f"money must be finite, not {amount}")
    scaled = amount.scaleb(2)
    centimos = int(scaled)
    if centimos != scaled:
        raise ValueError(f"money has at most two decimals, not {amount}")
    return centimos


def from_centimos(centimos: int) -> Decimal:
    """Soles with exactly two decimals."""
    return Decimal(int(centimos)).scaleb(-2)


def round_money(amount: Decimal) -> Decimal:
    """`amount` to the céntimo, half up."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def format_soles(amount: Decimal | int) -> str:
    """`S/ 3,000` for whole soles, `S/ 3,000.50` otherwise: for running text."""
    text = format_money(amount)
    return text.removesuffix(".00")


def parse_amount(text: str, *, subject: str | Promise = AMOUNT) -> Decimal:
    """Soles with two decimals, from what a person typed.

    Understands `3000`, `3,000.50`, `3.000,50`, `S/ 3 000`, `1450 soles`, `1'200,000.00`. `subject` begins
    the messages ("El gasto del hogar debe ser un número, sin letras").
    Raises AmbiguousAmount for `3.000` and `3,000`, NotAnAmount for everything else that is no amount.
    """
    if len(text) > MAX_TYPED_LENGTH:
        raise NotAnAmount(
            _("%(subject)s es demasiado largo. Escribe solo la cifra, por ejemplo 1450") % {"subject": subject},
            code="too_long",
        )
    typed = " ".join(text.translate(_CLEAN).split())
    typed = _CURRENCY_AFTER.sub("", _CURRENCY_BEFORE.sub("", typed))
    if _MINUS.search(typed) and any(char.isdigit() for char in typed):
        raise NotAnAmount(_("%(subject)s no puede ser negativo") % {"subject": subject}, code="negative")
    if any(char.isalpha() for char in typed):
        raise NotAnAmount(_("%(subject)s debe ser un número, sin letras") % {"subject": subject}, code="letters")
    if not _SHAPE.fullmatch(typed) or not any(char.isdigit() for char in typed):
        raise _unreadable(subject)
    amount = _read_digits(typed.rstrip("."), subject)
    if amount > MAX_AMOUNT:
        raise NotAnAmount(_("%(subject)s es demasiado grande") % {"subject": subject}, code="too_large")
    return amount.quantize(CENT)


def _read_digits(typed: str, subject: str | Promise) -> Decimal:
    """The value of digit groups and separators; the last `.` or `,` may be the decimal one."""
    groups = re.split(r"[ ',.]", typed)
    separators = re.findall(r"[ ',.]", typed)
    if not separators:
        return Decimal(typed)
    last = separators[-1]
    earlier = separators[:-1]
    is_decimal = last in ".," and last not in earlier
    if is_decimal and len(groups[-1]) == 3 and groups[0] not in ("", "0") and len(groups[0]) <= 3:
        if not earlier:
            raise _ambiguous(groups)
        is_decimal = set(earlier) != {"'"}  # 1'200,000: the apostrophe marks the millions
    whole, decimals = (groups[:-1], groups[-1]) if is_decimal else (groups, "")
    if is_decimal and len(decimals) > 2:
        raise NotAnAmount(
            _("%(subject)s lleva como máximo dos decimales, por ejemplo 1450.50") % {"subject": subject},
            code="decimals",
        )
    thousands = set(earlier if is_decimal else separators)
    grouped = len(whole) > 1
    if grouped and (
        len(thousands - {"'"}) > 1 or not 1 <= len(whole[0]) <= 3 or any(len(group) != 3 for group in whole[1:])
    ):
        raise _unreadable(subject)
    return Decimal(f"{''.join(whole) or '0'}.{decimals or '0'}")


def _ambiguous(groups: list[str]) -> AmbiguousAmount:
    """The question that lets the person choose, in forms that are read without doubt."""
    thousands = "".join(groups)
    if groups[1].endswith("0"):
        units = f"{groups[0]}.{groups[1][:2]}"
        question = _("¿Quieres decir %(thousands)s o %(units)s? Escribe %(thousands)s o %(units)s")
        return AmbiguousAmount(question % {"thousands": thousands, "units": units})
    question = _("¿Quieres decir %(thousands)s? Escribe %(thousands)s, sin punto ni coma")
    return AmbiguousAmount(question % {"thousands": thousands})


def _unreadable(subject: str | Promise) -> NotAnAmount:
    return NotAnAmount(_("%(subject)s debe ser un número, por ejemplo 1450 o 1450.50") % {"subject": subject})
