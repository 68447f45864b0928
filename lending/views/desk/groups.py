"""Village banks and guarantors on the desk."""

from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState, NotFound
from accounts.formats import format_day, format_money
from accounts.forms import CountInput
from accounts.http import Request
from lending.forms.contracts import GuaranteeForm, PersonForm
from lending.forms.refusals import show_refusal
from lending.models import Group, GroupMember, Guarantee
from lending.selectors.groups import Sheet, group_of, meeting_days, meeting_sheet
from lending.selectors.loans import loan_for
from lending.services import groups

PER_PAGE = 25


class GroupForm(forms.Form):
    """A new group."""

    name = forms.CharField(label=gettext_lazy("Nombre del grupo"), max_length=80)
    meets_at = forms.CharField(label=gettext_lazy("Dónde se reúne"), max_length=120)
    weekday = forms.TypedChoiceField(label=gettext_lazy("Día de reunión"), coerce=int, choices=Group.Weekday.choices)
    meets_from = forms.TimeField(
        label=gettext_lazy("Hora de reunión"), help_text=gettext_lazy("Por ejemplo, 18:30"), initial="18:00"
    )
    every_weeks = forms.IntegerField(
        label=gettext_lazy("Cada cuántas semanas"), min_value=1, max_value=12, initial=4, widget=CountInput()
    )


class MemberForm(PersonForm):
    """Who joins, and in what office."""

    role = forms.ChoiceField(label=gettext_lazy("Cargo"), choices=GroupMember.Role.choices, initial="member")


class LoanForm(forms.Form):
    """A member's loan the group takes in."""

    number = forms.IntegerField(label=gettext_lazy("Número de crédito"), min_value=1, widget=CountInput())
    new_cycle = forms.BooleanField(label=gettext_lazy("Empieza un ciclo nuevo"), required=False)


@require_http_methods(["GET", "HEAD", "POST"])
@access.require("lending.view_loans")
def group_list(request: Request, slug: str) -> HttpResponse:
    """All groups, and the form of a new one for who may form it."""
    form = GroupForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        request.actor.require("lending.manage_groups")
        if form.is_valid():
            try:
                made = groups.form_group(actor=request.actor, **form.cleaned_data)
                return redirect("lending:desk_group", slug, made.pk)
            except InvalidInput as refusal:
                show_refusal(form, refusal)
    closed = request.GET.get("view") == "closed"
    found = Group.objects.filter(closed_on__isnull=not closed).select_related("officer")
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    views = [
        {"label": _("Activos"), "url": "?view=open", "current": not closed},
        {"label": _("Cerrados"), "url": "?view=closed", "current": closed},
    ]
    context = {
        "rows": _rows(page.object_list), "page": page, "views": views, "closed": closed, "form": form,
        "query": "view=closed" if closed else "", "may_edit": request.actor.can("lending.manage_groups"),
    }  # fmt: skip
    return render(request, "lending/desk/groups.html", context, status=422 if form.errors else 200)


@require_safe
@access.require("lending.view_loans")
def group_page(request: Request, slug: str, group_id: UUID) -> HttpResponse:
    """Members, their loans and what all answer for."""
    return _group_page(request, group_id)


@require_POST
@access.require("lending.manage_groups")
def add_member(request: Request, slug: str, group_id: UUID) -> HttpResponse:
    """Somebody joins."""
    form = MemberForm(request.POST)
    if form.is_valid():
        try:
            groups.add_member(group_id=group_id, actor=request.actor, **form.cleaned_data)
            return redirect("lending:desk_group", slug, group_id)
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        except InvalidState as refusal:
            form.add_error(None, str(refusal.message))
    return _group_page(request, group_id, member=form)


@require_POST
@access.require("lending.manage_groups")
def remove_member(request: Request, slug: str, group_id: UUID, member_id: int) -> HttpResponse:
    """Somebody leaves, or the reason why they cannot yet."""
    if not GroupMember.objects.filter(pk=member_id, group_id=group_id).exists():
        raise NotFound
    try:
        groups.leave_group(member_id=member_id, actor=request.actor)
    except InvalidState as refusal:
        messages.error(request, str(refusal.message))
    return redirect("lending:desk_group", slug, group_id)


@require_POST
@access.require("lending.manage_groups")
def add_loan(request: Request, slug: str, group_id: UUID) -> HttpResponse:
    """The group answers for a member's loan."""
    form = LoanForm(request.POST)
    if form.is_valid():
        try:
            groups.take_loan_in(group_id=group_id, actor=request.actor, **form.cleaned_data)
            return redirect("lending:desk_group", slug, group_id)
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        except InvalidState as refusal:
            form.add_error(None, str(refusal.message))
    return _group_page(request, group_id, loan=form)


@require_POST
@access.require("lending.manage_groups")
def close(request: Request, slug: str, group_id: UUID) -> HttpResponse:
    """The group ends, or the reason why it cannot yet."""
    try:
        groups.close_group(group_id=group_id, actor=request.actor)
    except InvalidState as refusal:
        messages.error(request, str(refusal.message))
        return redirect("lending:desk_group", slug, group_id)
    messages.success(request, _("Cerraste el grupo. Sus integrantes pueden entrar a otro."))
    return redirect("lending:desk_groups", slug)


@require_safe
@access.require("lending.view_loans")
def sheet_page(request: Request, slug: str, group_id: UUID) -> HttpResponse:
    """The sheet of one meeting, to print: who pays what, with room for payment and signature."""
    group = group_of(group_id)
    on = _day(request.GET.get("on", "")) or meeting_days(group, today(), 1)[0]
    sheet = meeting_sheet(group_id, on)
    context = {"sheet": sheet, "rows": _lines(sheet), "days": meeting_days(group, today())}
    return render(request, "lending/desk/group_sheet.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@access.require("lending.view_loans")
def guarantees(request: Request, slug: str, loan_id: UUID) -> HttpResponse:
    """Who answers for a loan; whoever may adds somebody."""
    loan = loan_for(request.actor, loan_id)
    form = GuaranteeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        request.actor.require("lending.manage_guarantees")
        if form.is_valid():
            try:
                groups.give_guarantee(loan_id=loan_id, actor=request.actor, **form.cleaned_data)
                return redirect("lending:desk_guarantees", slug, loan_id)
            except InvalidInput as refusal:
                show_refusal(form, refusal)
            except InvalidState as refusal:
                form.add_error(None, str(refusal.message))
    rows = Guarantee.objects.filter(loan_id=loan.pk).select_related("guarantor").order_by("released_on", "given_on")
    context = {
        "loan": loan, "form": form, "rows": rows, "may_edit": request.actor.can("lending.manage_guarantees"),
        "group": Group.objects.filter(loans__loan_id=loan.pk).first(),
    }  # fmt: skip
    return render(request, "lending/desk/guarantees.html", context, status=422 if form.errors else 200)


@require_POST
@access.require("lending.manage_guarantees")
def release(request: Request, slug: str, loan_id: UUID, guarantee_id: UUID) -> HttpResponse:
    """Let a guarantor go."""
    if not Guarantee.objects.filter(pk=guarantee_id, loan_id=loan_id).exists():
        raise NotFound
    groups.release_guarantee(guarantee_id=guarantee_id, actor=request.actor)
    messages.success(request, _("Ya no responde por este crédito."))
    return redirect("lending:desk_guarantees", slug, loan_id)


def _rows(found: Iterable[Group]) -> list[dict[str, Any]]:
    groups_shown = list(found)
    members = dict(
        GroupMember.objects.filter(group_id__in=[one.pk for one in groups_shown], left_on=None)
        .values_list("group_id")
        .annotate(Count("pk"))
    )
    return [
        {
            "group": one,
            "meeting": format_day(one.closed_on or meeting_days(one, today(), 1)[0]),
            "members": members.get(one.pk, 0),
        }
        for one in groups_shown
    ]


def _group_page(request: Request, group_id: UUID, **forms_typed: forms.Form) -> HttpResponse:
    sheet = meeting_sheet(group_id, today())
    is_open = sheet.group.closed_on is None
    member, loan = forms_typed.get("member") or MemberForm(), forms_typed.get("loan") or LoanForm()
    context = {
        "group": sheet.group, "sheet": sheet, "rows": _lines(sheet), "member_form": member, "loan_form": loan,
        "form": member if member.errors else loan, "may_edit": is_open and request.actor.can("lending.manage_groups"),
        "meetings": [format_day(day) for day in meeting_days(sheet.group, today(), 2)],
        "behind": [line.name for line in sheet.lines if line.overdue],
    }  # fmt: skip
    return render(request, "lending/desk/group.html", context, status=422 if forms_typed else 200)


def _lines(sheet: Sheet) -> list[dict[str, Any]]:
    roles = dict(GroupMember.Role.choices)
    return [
        {
            "member_id": line.member_id, "name": line.name, "role": roles[line.role], "loan_id": line.loan_id,
            "number": line.number, "overdue": format_money(line.overdue) if line.overdue else "—",
            "due": format_money(line.due) if line.due else "—", "total": format_money(line.total),
            "capital": format_money(line.capital) if line.loan_id else "—",
            "next": format_day(line.next_due_on) if line.next_due_on else "—",
        }
        for line in sheet.lines
    ]  # fmt: skip


def _day(typed: str) -> date | None:
    try:
        return date.fromisoformat(typed)
    except ValueError:
        return None
