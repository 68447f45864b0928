"""The pages of the models, one beside the other."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.http import InstitutionRequest
from scoring.models import Alarm


def with_navigation(request: InstitutionRequest, here: str, **context: Any) -> dict[str, Any]:
    """The context with `sections`: the pages this person may open, `here` marked."""
    alarms = Alarm.objects.filter(closed_at=None).count()
    pages = (
        ("models", _("Modelos"), "scoring.view_models", None),
        ("datasets", _("Datos"), "scoring.view_models", None),
        ("watching", _("Vigilancia"), "scoring.view_models", alarms),
        ("features", _("Diccionario"), "scoring.view_models", None),
        ("files", _("Planillas"), "scoring.score_file", None),
    )
    slug = request.institution.slug
    context["sections"] = [
        {"label": label, "url": reverse(f"scoring:{name}", args=[slug]), "count": count or "", "current": name == here}
        for name, label, permission, count in pages
        if request.actor.can(permission)
    ]
    return context
