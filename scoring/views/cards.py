"""The model card: read on the desk, or taken along as HTML or PDF."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts import access
from accounts.http import InstitutionRequest
from scoring.cards import card_html, card_pdf, model_card
from scoring.selectors import models as selected
from scoring.views.navigation import with_navigation


@require_safe
@access.require("scoring.view_models")
def card_page(request: InstitutionRequest, slug: str, model_id: UUID) -> HttpResponse:
    """What a model is, what it learnt from and how well it does, to read."""
    model = selected.model_named(model_id, request.institution.pk)
    return render(request, "scoring/card.html", with_navigation(request, "models", model=model, card=model_card(model)))


@require_safe
@access.require("scoring.view_models")
def card_file(request: InstitutionRequest, slug: str, model_id: UUID, form: str) -> HttpResponse:
    """The same to keep: one HTML page that needs nothing else, or a PDF."""
    model = selected.model_named(model_id, request.institution.pk)
    card = model_card(model)
    if form == "pdf":
        response = HttpResponse(card_pdf(card), content_type="application/pdf")
    else:
        response = HttpResponse(card_html(card))
    response["Content-Disposition"] = f'attachment; filename="{model.name}.{form}"'
    response["Cache-Control"] = "private, no-store"
    return response
