"""How matching does, and trials of another way to rank."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from accounts import access
from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState
from accounts.formats import format_money, format_number, format_percent
from accounts.http import Request
from lending.forms.desk import PercentField
from lending.forms.refusals import show_refusal
from lending.models import MatchingTrial
from lending.reasons import TEXTS
from lending.selectors import matching_report as report
from lending.selectors.products import policy_in_force
from lending.services.trials import end_trial, start_trial

PERIODS: Final = (30, 90, 365)
HOLE = "…"


class TrialForm(forms.Form):
    """What to try, on how many."""

    name = forms.CharField(
        label=gettext_lazy("Nombre de la prueba"),
        max_length=80,
        error_messages={"required": gettext_lazy("Escribe un nombre")},
    )
    share = PercentField(label=gettext_lazy("Parte de las solicitudes"), max_value=50)
    return_bound = PercentField(
        label=gettext_lazy("Cuánto más caro puede ir delante lo que más rinde"),
        help_text=gettext_lazy("0 ordena solo por lo que cuesta a la persona."),
        max_value=5,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@access.require("lending.manage_policy")
def matching_page(request: Request, slug: str) -> HttpResponse:
    """The report, and the form that starts a trial."""
    form = TrialForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            start_trial(actor=request.actor, **form.cleaned_data)
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        except InvalidState as refusal:
            form.add_error(None, str(refusal.message))
        else:
            messages.success(request, _("Empezó la prueba: vale para las solicitudes que vengan."))
            return redirect("lending:desk_matching", slug)
    asked = request.GET.get("days", "")
    days = int(asked) if asked in map(str, PERIODS) else PERIODS[1]
    start = today() - timedelta(days=days)
    trials = list(MatchingTrial.objects.select_related("started_by")[:5])
    context: dict[str, Any] = {
        "form": form,
        "periods": [(one, one == days) for one in PERIODS],
        "total": report.offers_in_all(start),
        "columns": [_("Producto"), *_heads()],
        "place_columns": [_("Lugar en la lista"), *_heads()],
        "outcome_columns": [
            _("Producto o lugar"),
            *((word, "r") for word in (_("Créditos"), _("Terminados"), _("Con más de 30 días de atraso"),
                                       _("Castigados"))),
        ],
        **_tables(start),
        "national": _tables(start, national=True),
        "national_columns": [_("Producto"), *_heads(national=True)],
        "national_place_columns": [_("Lugar en la lista"), *_heads(national=True)],
        "why_columns": [_("Motivo"), (_("Respuestas"), "r"), (_("Solicitudes"), "r")],
        "why": [[_template(code), str(answers), str(people)] for code, answers, people in report.why_not(start)],
        "trials": [_trial(one, start) for one in trials],
        "trial_columns": [_("Regla"), *_heads(), (_("Más que la más barata"), "r")],
        "running": any(one.ended_at is None for one in trials),
        "bound": policy_in_force().return_bound,
    }  # fmt: skip
    total = context["total"]
    context["figures"] = [
        (_("Ofertas"), format_number(total.offers)),
        (_("Elegidas"), _share(total.chosen, total.chosen + total.declined + total.expired)),
        (_("No las quisieron"), format_number(total.declined)),
        (_("Vencidas"), format_number(total.expired)),
    ]
    return render(request, "lending/desk/matching.html", context, status=422 if form.errors else 200)


@require_POST
@access.require("lending.manage_policy")
def finish_trial(request: Request, slug: str, trial_id: UUID) -> HttpResponse:
    """Everybody by the policy again."""
    end_trial(trial_id=trial_id, actor=request.actor)
    messages.success(request, _("Terminó la prueba. Sus cifras quedan aquí."))
    return redirect("lending:desk_matching", slug)


def _tables(start: date, *, national: bool = False) -> dict[str, list[list[str]]]:
    """Rows by product and by place, and how the loans of each turned out."""
    products = report.offers_by_product(start, national=national)
    places = report.offers_by_place(start, national=national)
    named = [(one.name, one) for one in products]
    placed = [(f"{one.name}.º" if one.name != "4" else _("4.º o después"), one) for one in places]
    return {
        "products": [[name, *_cells(one)] for name, one in named],
        "places": [[name, *_cells(one)] for name, one in placed],
        "outcomes": [
            [name, str(one.loans), *(_of(part, one.loans) for part in (one.paid, one.late, one.lost))]
            for name, one in (*named, *placed)
            if one.loans
        ],
    }


def _of(part: int, whole: int) -> str:
    return f"{part} ({_share(part, whole)})" if part else "0"


def _heads(*, national: bool = False) -> Iterable[tuple[str, str]]:
    no = _("Eligieron otra") if national else _("No las quisieron")
    words = (_("Hechas"), _("Elegidas"), no, _("Vencidas"), _("Vigentes"), _("Calificación"))
    return [(word, "r") for word in words]


def _cells(one: report.Line) -> list[str]:
    answered = one.chosen + one.declined + one.expired
    chosen = f"{one.chosen} ({_share(one.chosen, answered)})" if answered else str(one.chosen)
    return [str(one.offers), chosen, str(one.declined), str(one.expired), str(one.open), _rating(one.rating)]


def _trial(one: MatchingTrial, start: Any) -> dict[str, Any]:
    begun = min(start, one.started_at.date())
    extra = report.dearer_than_cheapest(begun, one.pk)
    names = {"false": _("La de la política"), "true": _("La de la prueba")}
    rows = [
        [names[arm.name], *_cells(arm), _extra(extra.get(arm.name == "true"))]
        for arm in report.offers_by_arm(begun, one.pk)
    ]
    return {
        "trial": one,
        "share": format_percent(one.share, 0),
        "bound": format_percent(one.return_bound),
        "rows": rows,
    }


def _extra(soles: float | None) -> str:
    return "—" if soles is None else format_money(Decimal(soles))


def _share(part: int, whole: int) -> str:
    return format_percent(Decimal(part) / whole, 0) if whole else "—"


def _rating(value: float | None) -> str:
    return "—" if value is None else f"{value:.1f}"


def _template(code: str) -> str:
    """A reason's sentence with its figures left out."""
    words = str(TEXTS.get(code, code))
    parts = words.split("%(")
    told = parts[0] + "".join(f"{HOLE}{part.partition(')s')[2]}" for part in parts[1:])
    return told.removesuffix(".")
