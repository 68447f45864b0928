"""What one declared fact says of itself: how it is asked, how it is kept, and what is refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lending.money import NotAnAmount, format_soles, parse_amount, round_money

Words = str | Promise
Value = Decimal | int | bool | str

EVERY_SEGMENT: Final = ("household", "enterprise", "farm")
MONTHS: Final = {
    1: gettext_lazy("Enero"),
    2: gettext_lazy("Febrero"),
    3: gettext_lazy("Marzo"),
    4: gettext_lazy("Abril"),
    5: gettext_lazy("Mayo"),
    6: gettext_lazy("Junio"),
    7: gettext_lazy("Julio"),
    8: gettext_lazy("Agosto"),
    9: gettext_lazy("Setiembre"),
    10: gettext_lazy("Octubre"),
    11: gettext_lazy("Noviembre"),
    12: gettext_lazy("Diciembre"),
}


class Kind(StrEnum):
    """How a fact is kept."""

    MONEY = "money"  # Decimal soles, two decimals
    INTEGER = "integer"
    DECIMAL = "decimal"  # Decimal, two decimals
    DURATION = "duration"  # whole months, asked as years and months
    SHARE = "share"  # Decimal from 0 to 1, asked as so many of ten
    CHOICE = "choice"
    YESNO = "yesno"
    MONTH = "month"  # 1 to 12


class Per(StrEnum):
    """The stretch of time people think in when they answer."""

    ONCE = "once"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"
    CAMPAIGN = "campaign"


# Exact fractions of a month: 52 weeks and 12 months make a year.
_MONTHLY: Final = {Per.WEEK: (52, 12), Per.YEAR: (1, 12)}
_PER_WORDS: Final[Mapping[Per, Words]] = {
    Per.ONCE: "",
    Per.WEEK: gettext_lazy("por semana"),
    Per.MONTH: gettext_lazy("por mes"),
    Per.YEAR: gettext_lazy("por año"),
    Per.CAMPAIGN: gettext_lazy("por campaña"),
}
_NUMERIC: Final = frozenset({Kind.MONEY, Kind.DECIMAL, Kind.SHARE, Kind.INTEGER, Kind.DURATION, Kind.MONTH})
_WHOLE: Final = frozenset({Kind.INTEGER, Kind.DURATION, Kind.MONTH})


class Refused(ValueError):
    """A value that the fact cannot take; `message` tells the person how to put it right."""

    def __init__(self, message: str, code: str = "invalid") -> None:
        super().__init__(message)
        self.message = message
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One question and its answer.

    `low` and `high` are inclusive, in the unit that is asked; `kept_range` gives them in the unit that is
    kept. Money is kept in soles per month whatever `asked_per` says, except for balances (`Per.ONCE`) and
    campaigns. `subject` begins the messages that refuse a value. `required`: nothing can be worked out
    without it, so everybody is refused; `insisted`: the forms ask again when it is left empty, while a
    program may leave it out. An unanswered fact is absent, never zero.
    """

    name: str
    kind: Kind
    label: Words
    subject: Words
    step: str
    hint: Words = ""
    unit: Words = ""
    asked_per: Per = Per.ONCE
    low: Decimal | int = 0
    high: Decimal | int = 0
    choices: Mapping[str, Words] = field(default_factory=dict)
    choices_of: Mapping[str, Mapping[str, Words]] = field(default_factory=dict)  # where segments differ
    required: bool = False
    insisted: bool = False
    empty_message: Words = ""
    segments: tuple[str, ...] = EVERY_SEGMENT

    @property
    def suffix(self) -> Words:
        """What stands after the box: `por semana`, `hectáreas`."""
        return self.unit or _PER_WORDS[self.asked_per]

    def options(self, segment: str) -> Mapping[str, Words]:
        """Codes and labels on offer to a segment."""
        if self.kind is Kind.MONTH:
            return {str(number): name for number, name in MONTHS.items()}
        return self.choices_of.get(segment, self.choices)

    def kept(self, asked: Any) -> Any:
        """The value as it is kept, from the value as it was asked: weekly sales become monthly ones."""
        if asked is None:
            return None
        if self.kind is Kind.SHARE:
            return Decimal(asked) / 10
        if self.asked_per in _MONTHLY:
            times, over = _MONTHLY[self.asked_per]
            return round_money(Decimal(asked) * times / over)
        return asked

    @property
    def kept_range(self) -> tuple[Decimal, Decimal]:
        """Inclusive limits in the unit that is kept."""
        return Decimal(self.kept(self.low)), Decimal(self.kept(self.high))

    @property
    def missing_message(self) -> str:
        """What a person reads who left a needed question empty."""
        if self.empty_message:
            return str(self.empty_message)
        if self.kind in (Kind.CHOICE, Kind.YESNO, Kind.MONTH):
            return _("Elige una respuesta: %(question)s") % {"question": self.label}
        return _("Falta responder: %(question)s") % {"question": self.label}

    def range_message(self, low: Any, high: Any) -> str:
        """The refusal of a value outside its limits."""
        show = format_soles if self.kind is Kind.MONEY else plain_number
        return _("%(subject)s va de %(low)s a %(high)s") % {
            "subject": self.subject,
            "low": show(low),
            "high": show(high),
        }

    def clean(self, value: Any, segment: str) -> Value | None:
        """The value as it is kept, from what a program declares in that unit; None when it is empty.

        Text is read as people write it (`3,000.50`). Raises Refused.
        """
        if value is None or value == "":
            return None
        if self.kind is Kind.YESNO:
            return self._clean_yesno(value)
        if self.kind is Kind.CHOICE:
            return self._clean_choice(value, segment)
        number = self._clean_number(value)
        low, high = self.kept_range
        if not low <= number <= high:
            raise Refused(self.range_message(low, high), "out_of_range")
        return number

    def _clean_yesno(self, value: Any) -> bool:
        if isinstance(value, bool):
            return value
        raise Refused(_("%(subject)s se responde con sí o no") % {"subject": self.subject}, "not_yes_or_no")

    def _clean_choice(self, value: Any, segment: str) -> str:
        options = self.options(segment)
        if isinstance(value, str) and value in options:
            return value
        raise Refused(
            _("%(subject)s debe ser una de estas opciones: %(options)s")
            % {"subject": self.subject, "options": ", ".join(options)},
            "not_an_option",
        )

    def _clean_number(self, value: Any) -> Decimal | int:
        number = self._read(value)
        if self.kind in _WHOLE:
            if number != number.to_integral_value():
                raise Refused(
                    _("%(subject)s debe ser un número entero, sin decimales") % {"subject": self.subject},
                    "not_whole",
                )
            return int(number)
        if number != number.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP):
            raise Refused(
                _("%(subject)s lleva como máximo dos decimales, por ejemplo 1450.50") % {"subject": self.subject},
                "decimals",
            )
        return number.quantize(Decimal("0.01"))

    def _read(self, value: Any) -> Decimal:
        if isinstance(value, str):
            try:
                return parse_amount(value, subject=str(self.subject))
            except NotAnAmount as error:
                raise Refused(error.message, error.code) from error
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            raise Refused(_("%(subject)s debe ser un número") % {"subject": self.subject}, "not_a_number")
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        if not number.is_finite():
            raise Refused(_("%(subject)s debe ser un número") % {"subject": self.subject}, "not_a_number")
        low, high = self.kept_range
        if not low <= number <= high:  # before any rounding: 10^400 has no céntimos
            raise Refused(self.range_message(low, high), "out_of_range")
        return number


def plain_number(value: Any) -> str:
    """`1,200`, `0.25`: no decimals where there are none."""
    shown = f"{Decimal(value):,.2f}"
    return shown.rstrip("0").rstrip(".")
