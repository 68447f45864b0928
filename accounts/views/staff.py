"""The manager's page of the people who work here."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.errors import InvalidInput, NotFound
from accounts.http import Request
from accounts.models import Membership
from accounts.permissions import STAFF
from accounts.selectors import staff_member, staff_members, with_second_step
from accounts.services import memberships
from accounts.views.forms import STAFF_ROLES, NewStaffForm, StaffForm, show_refusal

ROLE_NAMES = dict(STAFF_ROLES)


@require_safe
@never_cache
@access.require("accounts.manage_staff")
def staff_list(request: Request, slug: str) -> HttpResponse:
    """Everybody who works here, what they may do and whether their second step is set up."""
    members = staff_members()
    ready = with_second_step(member.user_id for member in members)
    rows = [
        {
            "id": member.pk,
            "name": str(member.user),
            "place": ", ".join(filter(None, (member.job_title, member.branch))),
            "roles": role_names(member),
            "active": member.is_active,
            "second_step": member.user_id in ready,
            "oneself": member.user_id == request.user.pk,
        }
        for member in members
    ]
    return render(request, "accounts/staff.html", {"rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@access.require("accounts.manage_staff")
def staff_new(request: Request, slug: str) -> HttpResponse:
    """Add somebody by e-mail or mobile."""
    form = NewStaffForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        site = f"{request.scheme}://{request.get_host()}"
        try:
            member = memberships.add_staff(actor=request.actor, site=site, **form.cleaned_data)
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("Agregaste a %(name)s y le avisamos cómo ingresar.") % {"name": member.user})
            return redirect("accounts:staff", slug)
    return render(request, "accounts/staff_new.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@access.require("accounts.manage_staff")
def staff_edit(request: Request, slug: str, membership_id: int) -> HttpResponse:
    """Change what somebody may do; close or open their access; forget a lost phone."""
    member = staff_member(membership_id)
    if member is None:
        raise NotFound(_("No encontramos a esa persona en tu equipo."))
    initial = {"roles": member.roles, "job_title": member.job_title, "branch": member.branch}
    form = StaffForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        memberships.change_staff(membership_id=member.pk, actor=request.actor, **form.cleaned_data)
        messages.success(request, _("Guardamos los cambios de %(name)s.") % {"name": member.user})
        return redirect("accounts:staff", slug)
    page = {
        "form": form,
        "member": member,
        "oneself": member.user_id == request.user.pk,
        "second_step": bool(with_second_step([member.user_id])),
    }
    return render(request, "accounts/staff_edit.html", page, status=422 if form.errors else 200)


@require_POST
@access.require("accounts.manage_staff")
def staff_access(request: Request, slug: str, membership_id: int) -> HttpResponse:
    """Close (`open=0`) or open (`open=1`) somebody's access."""
    act = memberships.reactivate_staff if request.POST.get("open") == "1" else memberships.deactivate_staff
    member = act(membership_id=membership_id, actor=request.actor)
    done = _("%(name)s puede ingresar otra vez.") if member.is_active else _("Cerramos el acceso de %(name)s.")
    messages.success(request, done % {"name": member.user})
    return redirect("accounts:staff", slug)


@require_POST
@access.require("accounts.manage_staff")
def staff_second_step(request: Request, slug: str, membership_id: int) -> HttpResponse:
    """Forget somebody's authenticator, for a lost phone."""
    memberships.reset_second_step(membership_id=membership_id, actor=request.actor)
    messages.success(request, _("Listo: configurará su segundo paso cuando vuelva a ingresar."))
    return redirect("accounts:staff_edit", slug, membership_id)


def role_names(member: Membership) -> list[str]:
    """The member's staff roles in words."""
    return [str(ROLE_NAMES[role]) for role in member.roles if role in STAFF]
