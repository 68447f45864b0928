"""What was read from an applicant's statements, in words and figures for people."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.formats import format_money, format_percent
from lending.models import AccountStatement


def recognised(application_id: UUID) -> list[dict[str, Any]]:
    """Each statement with its months and what they tell, finished for a page."""
    found = AccountStatement.objects.filter(application_id=application_id).order_by("uploaded_at")
    return [
        {
            "statement": one,
            "rows": [
                [
                    month["month"],
                    format_money(Decimal(month["money_in"]), 0),
                    format_money(Decimal(month["money_out"]), 0),
                    str(month["days_without"]),
                    "–" if month["low"] is None else format_money(Decimal(month["low"]), 0),
                ]
                for month in one.months[-12:]
            ],
            "told": _told(one.facts),
            "unread": [_("línea %(line)s: %(why)s") % {"line": line, "why": why} for line, why in one.unread[:5]],
        }
        for one in found
    ]


def _told(facts: dict[str, float]) -> list[dict[str, str]]:
    words = {
        "statement_income": (_("Entra al mes, en promedio"), _money),
        "cash_flow_stability": (_("Qué tan parejo entra"), _share),
        "balance_low": (_("Saldo más bajo de tres meses"), _money),
        "daily_sales_volatility": (_("Cuánto cambia de un día a otro"), _share),
        "sales_growth": (_("Crece al mes"), _share),
        "sales_season": (_("Depende del mes del año"), _share),
    }
    return [{"label": str(words[name][0]), "value": words[name][1](facts[name])} for name in words if name in facts]


def _money(value: float) -> str:
    return format_money(Decimal(str(value)), 0)


def _share(value: float) -> str:
    return format_percent(Decimal(str(value)), 0)
