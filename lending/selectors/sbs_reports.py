"""What goes to the SBS at the end of a month, from the states of a closed day: Anexo 5 and Anexo 6 style files.

Anexo 5: balances and provisions by credit type and class. Anexo 6 (RCD): a row for each debtor, credit type and
currency, with the balance by situation. The official layouts are confirmed with the SBS before the first filing.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from django.db import connection
from django.utils.translation import gettext as _

from accounts.crypto import decrypt
from accounts.tenancy.scope import current_institution_id
from lending.models import CloseRun, Loan
from lending.money import from_centimos
from lending.selectors.risk import STATES_ON

ANNEX_5, ANNEX_6 = "anexo-5", "anexo-6"
REPORTS: Final = (ANNEX_5, ANNEX_6)
CLASSES: Final = ("0 Normal", "1 CPP", "2 Deficiente", "3 Dudoso", "4 Pérdida")  # the regulator's own words

# Balance by situation: what is in court, then past due, then refinanced, and the rest as agreed.
_SITUATIONS: Final = """
  sum(CASE WHEN s.situation = 0 THEN s.principal - s.past_due ELSE 0 END)::bigint AS current,
  sum(CASE WHEN s.situation = 1 THEN s.principal - s.past_due ELSE 0 END)::bigint AS refinanced,
  sum(CASE WHEN s.situation = 2 THEN 0 ELSE s.past_due END)::bigint AS past_due,
  sum(CASE WHEN s.situation = 2 THEN s.principal ELSE 0 END)::bigint AS judicial,
  sum(s.principal)::bigint AS principal, sum(s.receivable)::bigint AS receivable, sum(s.provision)::bigint AS provision
"""
_FROM: Final = f"FROM {STATES_ON} s JOIN lending_loan l ON l.institution_id = %(i)s AND l.id = s.loan_id"
_ANNEX_5: Final = f"""
SELECT s.credit_type, s.currency, s.sbs_class, count(DISTINCT l.applicant_id), count(*), {_SITUATIONS} {_FROM}
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
_ANNEX_6: Final = f"""
SELECT a.document_type, a.document_number, a.full_name, d.* FROM (
  SELECT l.applicant_id, s.credit_type, s.currency, max(s.sbs_class), max(s.days_late), count(*), {_SITUATIONS} {_FROM}
  GROUP BY 1, 2, 3
) d JOIN lending_applicant a ON a.institution_id = %(i)s AND a.id = d.applicant_id ORDER BY 4, 5, 6
"""  # noqa: S608  (constants)


def closed_days(limit: int = 400) -> list[date]:
    """Days that a report can be made of, newest first."""
    runs = CloseRun.objects.filter(finished_at__isnull=False).order_by("-on")
    return list(runs.values_list("on", flat=True)[:limit])


def headings(report: str) -> list[str]:
    """The columns of a report, in order."""
    money = [_("Vigente"), _("Refinanciado"), _("Vencido"), _("Judicial"), _("Saldo de capital"),
             _("Rendimientos devengados"), _("Provisión")]  # fmt: skip
    if report == ANNEX_5:
        return [_("Tipo de crédito"), _("Moneda"), _("Clasificación"), _("Deudores"), _("Créditos"), *money]
    return [
        _("Tipo de documento"), _("Número de documento"), _("Nombre"), _("Tipo de crédito"), _("Moneda"),
        _("Clasificación"), _("Días de atraso"), _("Créditos"), *money,
    ]  # fmt: skip


def rows(report: str, on: date) -> Iterator[list[Any]]:
    """The rows of a report of a closed day; money in soles. Documents of Anexo 6 are opened as they go out."""
    names = dict(Loan.CreditType.choices)
    with connection.chunked_cursor() as cursor:
        cursor.execute(_ANNEX_5 if report == ANNEX_5 else _ANNEX_6, {"i": current_institution_id(), "on": on})
        for row in cursor:
            if report == ANNEX_5:
                kind, currency, place, *rest = row
                start = [f"{kind} {names[kind]}", currency, CLASSES[place], *rest[:2]]
            else:
                document_type, sealed, name, _applicant, kind, currency, place, *rest = row
                document = decrypt(sealed.encode()).decode() if sealed else ""
                start = [document_type.upper(), document, name, kind, currency, place, *rest[:2]]
            yield [*start, *map(from_centimos, rest[2:])]
