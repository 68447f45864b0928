"""What the platform itself holds of a person, across institutions, and where the rest is."""

from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import access
from accounts.audit.words import event_words
from accounts.http import PersonRequest
from accounts.models import AuditEntry
from accounts.platform import platform_scope
from accounts.selectors import memberships_of
from lending.models import MarketConsent, MarketOffer, MarketRequest
from lending.selectors.held import plain, shown_columns
from lending.selectors.portable import account_of

SHOWN = 50


@never_cache
@require_safe
@access.signed_in
def account_data(request: PersonRequest) -> HttpResponse:
    """The account, its sign-ins, its national requests and the institutions that hold more; JSON with `format=json`."""
    user = request.user
    entries = _entries(user.pk)
    national = _national(user.pk)
    institutions = [one.institution for one in memberships_of(user.pk)]
    if request.GET.get("format") == "json":
        document = {
            "account": account_of(user),
            "acts": [{"at": one["at"].isoformat(), "what": one["what"]} for one in entries],
            "national": national,
            "institutions": [
                {"name": one.name, "address": f"/i/{one.slug}/my/data/download/json/"} for one in institutions
            ],
        }
        return JsonResponse(
            document,
            headers={"Content-Disposition": 'attachment; filename="mi-cuenta.json"'},
            json_dumps_params={"ensure_ascii": False, "indent": 1},
        )
    context = {
        "account": account_of(user),
        "entries": entries,
        "national_count": sum(len(rows) for rows in national.values()),
        "institutions": institutions,
    }
    return render(request, "portal/account_data.html", context)


def _entries(user_id: int) -> list[dict[str, Any]]:
    """What the platform's chain says of the account, newest first."""
    with platform_scope():
        found = AuditEntry.objects.filter(subject_id=str(user_id), subject_type="accounts.user").order_by("-at_us")
        rows = list(found.values_list("at_us", "event")[:SHOWN])
    return [{"at": datetime.fromtimestamp(at / 1_000_000, tz=UTC), "what": event_words(event)} for at, event in rows]


def _national(user_id: int) -> dict[str, list[dict[str, Any]]]:
    """Requests to all lenders at once, which belong to the person."""
    return {
        model._meta.label: [
            {field.name: plain(getattr(row, field.attname)) for field in shown_columns(row)}
            for row in model._default_manager.filter(user_id=user_id)
        ]
        for model in (MarketRequest, MarketConsent, MarketOffer)
    }
