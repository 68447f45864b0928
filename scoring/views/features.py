"""The feature dictionary: what the models read, in words and as JSON."""

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from accounts import access
from accounts.http import InstitutionRequest
from scoring.features import dictionary
from scoring.models import Segment
from scoring.views.navigation import with_navigation


@require_safe
@access.require("scoring.view_models")
def dictionary_page(request: InstitutionRequest, slug: str) -> HttpResponse:
    """One segment's features, each with where it comes from and what it may be."""
    segment = request.GET.get("segment", Segment.HOUSEHOLD)
    if segment not in Segment.values:
        segment = Segment.HOUSEHOLD
    language = "en" if (get_language() or "es").startswith("en") else "es"
    rows = [_shown(one, language) for one in dictionary(segment)[segment]]
    return render(
        request,
        "scoring/features.html",
        with_navigation(request, "features", rows=rows, segments=_kinds(segment)),
    )


@require_safe
@access.require("scoring.view_models")
def dictionary_json(request: InstitutionRequest, slug: str) -> JsonResponse:
    """The whole dictionary, for programs."""
    return JsonResponse(dictionary(), json_dumps_params={"ensure_ascii": False})


def _kinds(chosen: str) -> list[dict[str, Any]]:
    return [
        {"label": words, "url": f"?segment={code}", "count": "", "current": code == chosen}
        for code, words in Segment.choices
    ]


def _shown(one: dict[str, Any], language: str) -> dict[str, Any]:
    return {
        **one,
        "label": one[f"label_{language}"],
        "unit": one[f"unit_{language}"],
        "low": f"{one['range'][0]:,g}",
        "high": f"{one['range'][1]:,g}",
        "facts": ", ".join(one["facts"]),
    }
