"""Fair lending: the report for regulators and for the institution, the cases behind it, and written replies."""

from typing import Any, Final

from django import forms
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import access
from accounts.errors import InvalidInput, NotFound
from accounts.exports import csv_lines
from accounts.http import InstitutionRequest
from lending.disparity import ALL, DIMENSIONS
from lending.forms.refusals import show_refusal
from lending.models.assessments import Outcome
from lending.selectors.disparity import CASE_FILTERS, case_list
from lending.services.disparity import reply_to_disparity
from portal.oversight import fairness
from portal.oversight.chain import Window
from portal.oversight.supervision import Supervised, page, supervised

PER_PAGE: Final = 50
LAST_PAGE: Final = 1_000_000
FORMATS: Final = ("csv", "json", "pdf")
WHICH_WORDS: Final = {
    "all": gettext_lazy("todas"),
    "decided": gettext_lazy("decididas"),
    "approved": gettext_lazy("aprobadas"),
    "declined": gettext_lazy("no aprobadas"),
    "raised": gettext_lazy("que una persona cambió a favor"),
    "lowered": gettext_lazy("que una persona cambió en contra"),
    "reviews": gettext_lazy("con revisión pedida"),
}


def as_file(found: fairness.Told, kind: str) -> HttpResponse:
    """The report as CSV, JSON or PDF, to keep."""
    name = f"{found.window.institution.slug}-{found.choice.since:%Y%m}-{found.choice.until:%Y%m}"
    if kind == "csv":
        text = "".join(csv_lines(fairness.COLUMNS, fairness.file_rows(found.report)))
        answer = HttpResponse(text, content_type="text/csv; charset=utf-8")
    elif kind == "json":
        answer = HttpResponse(fairness.as_json(found), content_type="application/json")
    else:
        answer = HttpResponse(fairness.as_pdf(found), content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="fairness-{name}.{kind}"'
    return answer


# --- regulators -------------------------------------------------------------------------------------------------


@require_safe
@supervised("fairness")
def supervised_report(request: Supervised) -> HttpResponse:
    """The report of one supervised institution, with the cases behind every figure."""
    found = fairness.told(request.window, request.GET)
    if request.GET.get("format") in FORMATS:
        return as_file(found, request.GET["format"])
    cases_url = reverse("portal:supervised_cases", args=[request.window.institution.slug])
    shown = fairness.context(found, cases_url)
    return page(request, "portal/oversight/fairness.html", shown, status=shown["status"])


@require_safe
@supervised("cases")
def cases(request: Supervised) -> HttpResponse:
    """The frozen cases behind a figure; as many as the figure says."""
    window, asked = request.window, request.GET
    dimension, group, which = asked.get("dimension", ALL), asked.get("group", ""), asked.get("which", "all")
    if dimension not in (ALL, *DIMENSIONS) or which not in CASE_FILTERS or "\x00" in group:
        raise NotFound
    found = fairness.told(window, asked)
    number = min(max(int(asked["page"]) if asked.get("page", "").isdecimal() else 1, 1), LAST_PAGE)
    total, rows = case_list(
        window.using, window.institution.pk, found.choice, dimension, group, which, (number - 1) * PER_PAGE, PER_PAGE
    )
    query = asked.copy()
    query.pop("page", None)
    outcomes: dict[str | None, Any] = {None: _("Pendiente"), **{str(code): label for code, label in Outcome.choices}}
    prefix = window.institution.number_prefix
    for row in rows:
        row["code"] = f"{prefix}-{row['number']}"
        row["program_words"], row["outcome_words"] = outcomes[row["program"]], outcomes[row["outcome"]]
    about = fairness.group_words(dimension, group) if dimension != ALL else _("Todas las solicitudes")
    return page(
        request,
        "portal/oversight/cases.html",
        {
            "title": about,
            "which": WHICH_WORDS[which],
            "dimension": fairness.DIMENSION_WORDS.get(dimension, ""),
            "total": total,
            "rows": rows,
            "page": Paginator(range(total), PER_PAGE).get_page(number),
            "query": query.urlencode(),
            "back": f"{reverse('portal:supervised_fairness', args=[window.institution.slug])}?{found.query}",
        },
    )


# --- the institution itself -------------------------------------------------------------------------------------


class ReplyForm(forms.Form):
    """A written word on one group's difference."""

    about = forms.ChoiceField(label=gettext_lazy("Sobre qué diferencia"))
    text = forms.CharField(
        label=gettext_lazy("Explicación"),
        help_text=gettext_lazy("La leerá el supervisor. Di a qué se debe y qué harán. No nombres a personas."),
        widget=forms.Textarea(attrs={"rows": 6}),
    )

    def __init__(self, data: QueryDict | None, found: fairness.Told) -> None:
        super().__init__(data)
        self.fields["about"].choices = [  # type: ignore[attr-defined]
            (f"{name}:{one.group}", f"{fairness.DIMENSION_WORDS[name]}: {fairness.group_words(name, one.group)}")
            for name, groups in found.report.dimensions.items()
            for one in groups
            if not one.suppressed and one.group
        ]


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@access.require("lending.view_fairness")
def own_report(request: InstitutionRequest, slug: str) -> HttpResponseBase:
    """The institution's own report, without the cases of people who said what they are; managers reply."""
    window = Window(request.institution)
    found = fairness.told(window, request.GET)
    if request.GET.get("format") in FORMATS and request.method != "POST":
        return as_file(found, request.GET["format"])
    may_reply = request.actor.can("lending.reply_to_disparity")
    reply = ReplyForm(request.POST if request.method == "POST" else None, found) if may_reply else None
    if request.method == "POST":
        request.actor.require("lending.reply_to_disparity")
        assert reply is not None
        if reply.is_valid() and keep_reply(request, reply, found):
            return redirect(f"{reverse('fairness', args=[slug])}?{found.query}#respuestas")
    shown = fairness.context(found)
    status = 422 if reply and reply.errors else shown["status"]
    return render(request, "portal/fairness.html", {**shown, "reply": reply}, status=status)


def keep_reply(request: InstitutionRequest, form: ReplyForm, found: fairness.Told) -> bool:
    """Whether the reply was kept; the form tells why not."""
    dimension, _colon, group = form.cleaned_data["about"].partition(":")
    choice = found.choice
    try:
        reply_to_disparity(
            actor=request.actor, dimension=dimension, group=group, since=choice.since, until=choice.until,
            text=form.cleaned_data["text"],
        )  # fmt: skip
    except InvalidInput as refusal:
        show_refusal(form, refusal)
        return False
    return True
