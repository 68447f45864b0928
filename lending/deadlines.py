"""How many days are left, in words and with the sign they stand beside. Pure but for today's date."""

from datetime import date

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.clock import today

SOON_DAYS = 3


def deadline_in_days(due_on: date) -> dict[str, str]:
    """`Vence en 6 días`, `Vence hoy`, or since when it is late; for the `tag` of templates."""
    left = (due_on - today()).days
    if left < 0:
        text = ngettext("Venció hace %(count)s día", "Venció hace %(count)s días", -left) % {"count": -left}
        return {"text": text, "kind": "bad", "sign": "clock"}
    if left == 0:
        return {"text": _("Vence hoy"), "kind": "bad", "sign": "clock"}
    text = ngettext("Vence en %(count)s día", "Vence en %(count)s días", left) % {"count": left}
    return {"text": text, "kind": "warn" if left <= SOON_DAYS else "", "sign": "clock"}
