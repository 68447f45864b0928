"""Voluntary questions after applying: they measure whether everybody is treated alike, and nothing else."""

from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import access
from accounts.forms import ChoiceCards
from accounts.http import InstitutionRequest
from lending import presentation
from lending.models import Application, FairnessAnswer
from lending.selectors.results import result_for
from lending.services.disparity import ANSWERS, answer_fairness

LABELS: Final = {
    "sex": gettext_lazy("¿Eres mujer u hombre?"),
    "area": gettext_lazy("¿Dónde vives?"),
    "language": gettext_lazy("¿Qué lengua aprendiste primero?"),
    "ethnicity": gettext_lazy("Por tus costumbres y tus antepasados, ¿cómo te consideras?"),
}


class AboutYouForm(forms.Form):
    """The four questions; each may stay without an answer."""

    mark_optional = True

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        for name in ANSWERS:
            choices = [("", _("Prefiero no decirlo")), *ANSWERS[name].choices]
            self.fields[name] = forms.ChoiceField(
                label=LABELS[name], choices=choices, required=False, initial="", widget=ChoiceCards()
            )


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@access.signed_in
def about_you(request: InstitutionRequest, slug: str, application_id: UUID) -> HttpResponse:
    """Ask, keep, change or take back; what was answered is never shown again, because nobody here can read it."""
    application = result_for(request.actor, application_id)
    if application.status == Application.Status.DRAFT:
        return redirect("lending:apply_resume", slug, application_id)
    form = AboutYouForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        if answer_fairness(application_id=application.pk, actor=request.actor, answers=form.cleaned_data):
            messages.success(request, _("Gracias. Guardamos tus respuestas aparte de tu solicitud."))
        else:
            messages.success(request, _("No guardamos ninguna respuesta."))
        return redirect("lending:my_application", slug, application_id)
    answered = FairnessAnswer.objects.filter(application_id=application.pk).values_list("answered_at", flat=True)
    context = {
        "form": form,
        "application": application,
        "code": presentation.application_code(request.institution, application),
        "answered_at": answered.first(),
    }
    return render(request, "lending/my/about_you.html", context, status=422 if form.errors else 200)
