"""Collections: who is late, what was agreed with them, and writing down a contact."""

from datetime import date
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.clock import today
from accounts.errors import DomainError, InvalidInput
from accounts.formats import format_day, format_money
from accounts.http import InstitutionRequest
from accounts.paging import LongPaginator, count_of, count_words, in_order
from lending.forms.portfolio import CancelPromiseForm, ContactForm, WorklistFilters
from lending.forms.refusals import show_refusal
from lending.models import ContactNote, PromiseToPay
from lending.presentation import loan_code
from lending.selectors import collections
from lending.services.collections import cancel_promise, log_contact
from lending.views.desk.queue import kept_query, view_query, without

PER_PAGE: Final = 25
PROMISE_KIND: Final = {"open": "info", "kept": "ok", "broken": "bad", "cancelled": ""}


@require_safe
@access.require("lending.view_collections")
def worklist_page(request: InstitutionRequest, slug: str) -> HttpResponse:
    """One saved view of the late loans; everything lives in the address."""
    form = WorklistFilters(request.GET)
    form.is_valid()
    filters, on = dict(form.cleaned_data), today()
    chosen = filters["view"] if filters.get("view") in collections.VIEWS else "today"
    loans = collections.worklist(on, {**filters, "view": chosen})
    keys = loans.values_list("pk", flat=True)
    page = LongPaginator(keys, PER_PAGE, count_of(loans)).get_page(request.GET.get("page"))
    rows = collections.worklist_rows(collections.overdue_loans(on).filter(pk__in=list(page)), on)
    counts = collections.worklist_counts(on)
    return render(
        request,
        "lending/desk/collections.html",
        {
            "form": form,
            "page": page,
            "rows": [_line(row, request) for row in in_order(rows, page)],
            "views": [
                {
                    "label": view.label,
                    "url": f"?{view_query(request.GET, view.code)}",
                    "count": count_words(counts[view.code]),
                    "current": view.code == chosen,
                }
                for view in collections.VIEWS.values()
            ],
            "view": collections.VIEWS[chosen],
            "query": without(kept_query(request.GET), "page"),
            "filtered": any(filters.get(name) for name in ("q", "branch")),
        },
        status=200 if form.is_valid() else 422,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@access.require("lending.view_collections")
def case_page(request: InstitutionRequest, slug: str, loan_id: UUID) -> HttpResponse:
    """One late loan: how to reach the person, what they owe, what was agreed; and the form for a new contact."""
    on = today()
    row = collections.worklist_rows(collections.overdue_loans(on).filter(pk=loan_id), on).first()
    if row is None:
        raise Http404
    form = ContactForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            log_contact(loan_id=loan_id, actor=request.actor, **form.cleaned_data)
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("Quedó anotado."))
            return redirect("lending:desk_collection", slug, loan_id)
    promises = collections.promises_of(loan_id)
    return render(
        request,
        "lending/desk/collection.html",
        {
            "form": form,
            "row": _line(row, request),
            "open_promise": next((one for one in promises if one.status == PromiseToPay.Status.OPEN), None),
            "cancel_form": CancelPromiseForm(),
            "promises": [_promise_line(one) for one in promises],
            "contacts": [
                {
                    "at": note.at,
                    "title": f"{note.get_channel_display()}: {note.get_result_display()}",
                    "text": " · ".join(filter(None, [str(note.by or ""), note.note])),
                }
                for note in collections.contacts_of(loan_id)
            ],
        },
        status=422 if form.errors else 200,
    )


@require_POST
@access.require("lending.log_contact")
def cancel(request: InstitutionRequest, slug: str, promise_id: UUID) -> HttpResponse:
    """Take a promise back."""
    form = CancelPromiseForm(request.POST)
    loan_id = PromiseToPay.objects.filter(pk=promise_id).values_list("loan_id", flat=True).first()
    if loan_id is None:
        raise Http404
    try:
        cancel_promise(promise_id=promise_id, actor=request.actor, reason=request.POST.get("reason", ""))
    except InvalidInput:
        form.is_valid()
        messages.error(request, _("Escribe por qué se anula la promesa"))
    except DomainError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("Anulamos la promesa."))
    return redirect("lending:desk_collection", slug, loan_id)


def _line(row: dict[str, Any], request: InstitutionRequest) -> dict[str, Any]:
    """A late loan as the page shows it."""
    return {
        **row,
        "url": reverse("lending:desk_collection", args=[request.institution.slug, row["pk"]]),
        "code": loan_code(request.institution, row["number"]),
        "name": row["applicant__full_name"],
        "phone": row["applicant__phone"],
        "product": row["product__name"],
        "kind": "bad" if row["days"] > 30 else "warn" if row["days"] > 8 else "info",
        "promise": _promise_words(row["promise_amount"], row["promise_on"]),
        "result": ContactNote.Result(row["last_result"]).label if row["last_result"] else "",
    }


def _promise_words(amount: Any, due_on: date | None) -> str:
    if due_on is None:
        return ""
    return _("%(amount)s hasta el %(day)s") % {"amount": format_money(amount), "day": format_day(due_on)}


def _promise_line(promise: PromiseToPay) -> dict[str, Any]:
    return {
        "words": _promise_words(promise.amount, promise.due_on),
        "status": promise.get_status_display(),
        "kind": PROMISE_KIND[promise.status],
        "made": _("Hecha el %(day)s") % {"day": format_day(promise.made_on)},
        "why": promise.cancel_reason,
    }
