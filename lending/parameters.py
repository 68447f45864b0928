"""Legal values by date, each with its norm, and the national calendar.

Nothing here has a value in code that a law may change: `LEGAL_VALUES` is only what a fresh database is
filled with. A period that is not published yet stays empty, and an empty usury cap blocks new offers.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

import holidays
from django.utils.translation import gettext as _

from accounts.clock import today
from accounts.errors import Unavailable
from lending.models import Holiday, Parameter

_SBS_CAP: Final = "BCRP, Circular 0008-2021 (Ley 31143): tasa máxima, 2 veces la de consumo"

# TEA in soles, as published, in percent: six months from each date.
USURY_CAPS_PEN: Final = (
    (date(2021, 5, 1), "83.40"),
    (date(2021, 11, 1), "83.64"),
    (date(2022, 5, 1), "83.70"),
    (date(2022, 11, 1), "87.91"),
    (date(2023, 5, 1), "96.32"),
    (date(2023, 11, 1), "101.86"),
    (date(2024, 5, 1), "109.83"),
    (date(2024, 11, 1), "112.98"),
    (date(2025, 5, 1), "115.14"),
    (date(2025, 11, 1), "113.16"),
    (date(2026, 5, 1), "114.13"),
)
USURY_CAPS_USD: Final = (
    (date(2022, 5, 1), "67.36"),
    (date(2023, 11, 1), "82.94"),
    (date(2024, 5, 1), "87.56"),
    (date(2026, 5, 1), "99.84"),
)
MORATORY_SHARE: Final = Decimal("0.15")  # of the usury cap, by the same circular
_DATA_NORM: Final = "Ley 29733, DS 016-2024-JUS"
_BOOK_NORM: Final = "Ley 29571 art. 150, DS 011-2011-PCM, DS 101-2022-PCM"
# code, value, norm, in force from
RIGHTS: Final = (
    ("review_working_days", 10, f"{_DATA_NORM}: oposición", date(2025, 3, 30)),
    ("data_information_days", 8, f"{_DATA_NORM}: información", date(2025, 3, 30)),
    ("data_access_days", 20, f"{_DATA_NORM}: acceso", date(2025, 3, 30)),
    ("data_rectify_days", 10, f"{_DATA_NORM}: rectificación", date(2025, 3, 30)),
    ("data_cancel_days", 10, f"{_DATA_NORM}: cancelación", date(2025, 3, 30)),
    ("data_oppose_days", 10, f"{_DATA_NORM}: oposición", date(2025, 3, 30)),
    ("data_portability_days", 20, f"{_DATA_NORM}: portabilidad; plazo del acceso, por confirmar", date(2025, 3, 30)),
    ("incident_hours", 48, f"{_DATA_NORM}: incidentes de seguridad", date(2025, 3, 30)),
    ("records_years", 10, "Res. SBS 2660-2015: conservación de registros", date(2015, 7, 1)),
    ("complaint_days", 15, f"{_BOOK_NORM}: sin prórroga", date(2022, 9, 7)),
    ("complaint_years", 2, _BOOK_NORM, date(2011, 2, 19)),
)
_TYPES_NORM: Final = "Res. SBS 11356-2008, Res. SBS 2368-2023: tipos de crédito"
_PREPAYMENT_NORM: Final = "Ley 29571 arts. 85-86, Res. SBS 3274-2017: pagos anticipados y adelanto de cuotas"
LOANS: Final = (  # added after the first fill, in soles where no unit is named
    ("itf_step", "0.05", "Ley 29667, DS 150-2007-EF: redondeo hacia abajo", date(2011, 4, 1)),
    ("prepayment_installments", 2, _PREPAYMENT_NORM, date(2017, 8, 22)),
    ("prepayment_choice_days", 15, _PREPAYMENT_NORM, date(2017, 8, 22)),
    ("micro_debt_max", 20_000, _TYPES_NORM, date(2024, 10, 1)),
    ("small_sales_max", 5_000_000, _TYPES_NORM, date(2024, 10, 1)),
    ("medium_sales_max", 20_000_000, _TYPES_NORM, date(2024, 10, 1)),
    ("large_sales_max", 200_000_000, _TYPES_NORM, date(2024, 10, 1)),
    ("charge_off_days", 121, "Res. SBS 11356-2008: castigo de créditos clasificados en pérdida", date(2010, 7, 1)),
)
MARKET: Final = (  # no norm gives the days: the law asks that nothing be kept longer than it serves
    ("market_days", 90, "Ley 29733 art. 8 (calidad): plazo de la plataforma", date(2026, 11, 1)),
)
HOLIDAY_YEARS: Final = range(2020, 2036)


def parameter(code: str, on: date, currency: str = "PEN") -> Parameter | None:
    """The value in force on a day; None when no period covers it."""
    return (
        Parameter.objects.filter(code=code, currency=currency, valid_from__lte=on)
        .exclude(valid_to__lt=on)
        .order_by("-valid_from")
        .first()
    )


def end_of_period(start: date) -> date:
    """The last day of the six months that begin on 1 May or 1 November."""
    following = date(start.year, 11, 1) if start.month == 5 else date(start.year + 1, 5, 1)
    return following - timedelta(days=1)


def legal_values() -> list[dict[str, Any]]:
    """Rows of Parameter that a fresh database starts with."""
    rows: list[dict[str, Any]] = []
    for currency, caps in (("PEN", USURY_CAPS_PEN), ("USD", USURY_CAPS_USD)):
        for start, percent in caps:
            cap = Decimal(percent) / 100
            period = {"currency": currency, "valid_from": start, "valid_to": end_of_period(start)}
            rows.append({"code": "usury_cap_tea", "value": cap, "norm": _SBS_CAP, **period})
            moratory = {"code": "moratory_cap_tea", "value": cap * MORATORY_SHARE}
            rows.append({**moratory, "norm": "BCRP, Circular 0008-2021: 15 % de la tasa máxima", **period})
    rows.append(
        {"code": "itf_rate", "value": Decimal("0.00005"), "norm": "Ley 29667", "currency": "PEN",
         "valid_from": date(2011, 4, 1), "valid_to": None}
    )  # fmt: skip
    return rows + _lasting(RIGHTS)


def loan_values() -> list[dict[str, Any]]:
    """Rows of Parameter that the life of a loan needs."""
    return _lasting(LOANS)


def market_values() -> list[dict[str, Any]]:
    """Rows of Parameter that national requests need."""
    return _lasting(MARKET)


def _lasting(values: Iterable[tuple[str, Any, str, date]]) -> list[dict[str, Any]]:
    return [
        {"code": code, "value": Decimal(value), "norm": norm, "currency": "PEN", "valid_from": day, "valid_to": None}
        for code, value, norm, day in values
    ]


def legal_values_on(on: date, *codes: str, currency: str = "PEN") -> dict[str, Decimal]:
    """Several values in force on a day, in one query. Raises Unavailable where one is missing."""
    rows = (
        Parameter.objects.filter(code__in=codes, currency=currency, valid_from__lte=on)
        .exclude(valid_to__lt=on)
        .order_by("valid_from")
    )
    found = {row.code: row.value for row in rows}
    for code in codes:
        if code not in found:
            raise _missing(code)
    return found


def _missing(code: str) -> Unavailable:
    return Unavailable(_("Falta el valor legal %(code)s. El operador debe agregarlo.") % {"code": code})


def term(code: str, on: date | None = None) -> int:
    """A legal term (days, hours or years, as its name says) in force on a day, by default today's.

    Raises Unavailable where none is in force: a clock is never guessed.
    """
    found = parameter(code, on or today())
    if found is None:
        raise Unavailable(_("Falta el plazo legal %(code)s. El operador debe agregarlo.") % {"code": code})
    return int(found.value)


def national_holidays(years: Iterable[int] = HOLIDAY_YEARS) -> dict[date, str]:
    """Peru's public holidays by day, named in Spanish."""
    return dict(holidays.country_holidays("PE", years=years, language="es"))


def add_working_days(start: date, count: int) -> date:
    """The day that is `count` working days after `start`: Monday to Friday, no holidays."""
    latest = start + timedelta(days=2 * count + 30)
    closed = set(Holiday.objects.filter(day__gt=start, day__lte=latest).values_list("day", flat=True))
    day = start
    while count:
        day += timedelta(days=1)
        if day.weekday() < 5 and day not in closed:
            count -= 1
    return day
