"""The officers' queue."""

from datetime import datetime
from typing import Any

from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from accounts import access
from accounts.formats import format_money
from accounts.http import InstitutionRequest
from accounts.paging import LongPaginator, count_of, count_words
from lending.forms.desk import QueueFilters
from lending.models import Application
from lending.selectors.queue import VIEWS, queue, queue_counts, queue_rows

PER_PAGE = 25
STATUS_KIND = {"approved": "ok", "declined": "bad", "referred": "info", "proposed": "warn"}


@require_safe
@access.require("lending.view_desk")
def home(request: InstitutionRequest, slug: str) -> HttpResponse:
    """The first page of the desk that this person may open."""
    for permission, name in (
        ("lending.view_applications", "lending:desk_queue"),
        ("scoring.challenge_model", "scoring:models"),
        ("lending.record_repayment", "lending:desk_cash"),
        ("lending.view_collections", "lending:desk_collections"),
        ("lending.view_products", "lending:desk_products"),
    ):
        if request.actor.can(permission):
            return redirect(name, slug)
    return redirect("lending:landing", slug)


@require_safe
@access.require("lending.view_applications")
def queue_page(request: InstitutionRequest, slug: str) -> HttpResponse:
    """One saved view with its filters; everything lives in the address."""
    form = QueueFilters(request.GET)
    filters = cleaned_filters(form)
    cases = queue(request.actor, filters)
    page = LongPaginator(queue_rows(cases), PER_PAGE, count_of(cases)).get_page(request.GET.get("page"))
    counts = queue_counts(request.actor)
    kept = kept_query(request.GET)
    chosen = filters["view"]
    return render(
        request,
        "lending/desk/queue.html",
        {
            "form": form,
            "page": page,
            "rows": [queue_line(row, slug, kept, request.institution.number_prefix) for row in page],
            "views": [
                {
                    "label": view.label,
                    "url": f"?{view_query(request.GET, view.code)}",
                    "count": count_words(counts[view.code]),
                    "current": view.code == chosen,
                }
                for view in VIEWS.values()
            ],
            "view": VIEWS[chosen],
            "query": without(kept, "page"),
            "filtered": any(filters.get(name) for name in ("q", "segment", "amount_from", "amount_to")),
        },
        status=200 if form.is_valid() else 422,
    )


def cleaned_filters(form: QueueFilters) -> dict[str, Any]:
    """What the filters say, leaving out what can't be read; the view is always a known one."""
    form.is_valid()
    filters = dict(form.cleaned_data)
    if filters.get("view") not in VIEWS:
        filters["view"] = "assess"
    return filters


def kept_query(query: QueryDict) -> str:
    """The filters as they go into links, without what is empty."""
    kept = query.copy()
    for name in list(kept):
        if not kept[name] or name == "lang":
            del kept[name]
    return kept.urlencode()


def view_query(query: QueryDict, view: str) -> str:
    kept = QueryDict(kept_query(query), mutable=True)
    kept["view"] = view
    kept.pop("page", None)
    return kept.urlencode()


def without(query: str, name: str) -> str:
    kept = QueryDict(query, mutable=True)
    kept.pop(name, None)
    return kept.urlencode()


def queue_line(row: dict[str, Any], slug: str, kept: str, prefix: str) -> dict[str, Any]:
    """A row of the queue as the page shows it."""
    # Of drafts, staff see those being filled in at the counter: they are gone on with.
    page = "lending:apply_resume" if row["status"] == Application.Status.DRAFT else "lending:desk_case"
    url = reverse(page, args=[slug, row["pk"]])
    return {
        **row,
        "url": f"{url}?{without(kept, 'page')}" if kept else url,
        "deadline": deadline_tag(row["decide_by"])
        if row["status"] in ("referred", "proposed") and row["decide_by"]
        else None,
        "code": f"{prefix}-{row['number']}",
        "name": row["applicant__full_name"] or _("Sin nombre todavía"),
        "asked": _("%(amount)s · %(months)s meses")
        % {"amount": format_money(row["amount"], 0), "months": row["term_months"]}
        if row["amount"] and row["term_months"]
        else "",
        "status_label": Application.Status(row["status"]).label,
        "status_kind": STATUS_KIND.get(row["status"], ""),
    }


def deadline_tag(decide_by: datetime) -> dict[str, str]:
    """`Vence en 6 h`, or since when it is late."""
    minutes = int((decide_by - timezone.now()).total_seconds() // 60)
    if minutes < 0:
        hours = -minutes // 60
        text = ngettext("Venció hace %(count)s h", "Venció hace %(count)s h", hours) % {"count": hours}
        return {"text": text, "kind": "bad", "sign": "clock"}
    hours = minutes // 60
    if hours >= 48:
        return {"text": _("Vence en %(count)s días") % {"count": hours // 24}, "kind": "", "sign": "clock"}
    text = _("Vence en %(count)s h") % {"count": hours} if hours else _("Vence en %(count)s min") % {"count": minutes}
    return {"text": text, "kind": "warn", "sign": "clock"}
