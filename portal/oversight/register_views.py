"""The register of models for regulators: every model in use, its card, and its impact assessment."""

from uuid import UUID

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from accounts.errors import NotFound
from accounts.http import PersonRequest
from accounts.models import Institution
from portal.oversight import register
from portal.oversight.supervision import across, mandates, page


def supervised_institutions(request: PersonRequest) -> list[Institution]:
    """Those under a mandate in force, each once."""
    return list({one.institution_id: one.institution for one in mandates(request.user.pk)}.values())


@require_safe
@across("models")
def models(request: PersonRequest) -> HttpResponse:
    """Every model that decides, or may soon."""
    found = register.entries(supervised_institutions(request))
    return page(request, "portal/oversight/models.html", {"entries": found})


def _found(request: PersonRequest, model_id: UUID) -> tuple[register.Entry, list[Institution]]:
    institutions = supervised_institutions(request)
    found = register.entry(institutions, model_id)
    if found is None:
        raise NotFound
    return found, institutions


@require_safe
@across("model")
def model(request: PersonRequest, model_id: UUID) -> HttpResponse:
    """One model's card: data, figures, validation, watching, incidents, changes."""
    return page(request, "portal/oversight/model.html", register.card(_found(request, model_id)[0]))


@require_safe
@across("impact")
def impact(request: PersonRequest, model_id: UUID) -> HttpResponse:
    """The impact assessment, filled as far as the register knows; `?format=pdf` for paper."""
    found, institutions = _found(request, model_id)
    parts = register.impact_assessment(found, institutions)
    if request.GET.get("format") == "pdf":
        name = f"impact-{found.model.name}.pdf"
        answer = HttpResponse(register.assessment_pdf(found, parts), content_type="application/pdf")
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer
    return page(request, "portal/oversight/impact.html", {"entry": found, "parts": parts})
