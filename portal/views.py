"""The platform's own pages: where to go after signing in, the demo's outbox, reports from browsers."""

import logging

from django.conf import settings
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from accounts import access, messages
from accounts.http import PersonRequest
from accounts.permissions import STAFF
from accounts.selectors import memberships_of, open_institutions

CSP_REPORTS_PER_MINUTE = 60
CSP_REPORT_BYTES = 4_000

logger = logging.getLogger("ayni.csp")


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The national front page: what this is and which institutions lend here."""
    return render(request, "portal/home.html", {"institutions": open_institutions()})


@require_safe
@never_cache
@access.signed_in
def after_sign_in(request: PersonRequest) -> HttpResponse:
    """Where a person belongs: staff to their desk, regulators to oversight, operators to the admin, others home."""
    return HttpResponseRedirect(place_of(request))


def place_of(request: PersonRequest) -> str:
    """The address of the first page for this person."""
    memberships = memberships_of(request.user.pk)
    for membership in memberships:
        if STAFF.intersection(membership.roles):
            return reverse("lending:desk", args=[membership.institution.slug])
    if request.actor.can("portal.view_oversight"):
        return reverse("portal:oversight")
    if request.actor.can("portal.view_admin"):
        return reverse("admin:index")
    if memberships:
        return reverse("lending:my_home", args=[memberships[0].institution.slug])
    if request.institution:
        return reverse("lending:landing", args=[request.institution.slug])
    return reverse("portal:home")


@require_safe
@never_cache
def demo_outbox(request: HttpRequest) -> HttpResponse:
    """The messages that a real system would have sent. Only in the demo."""
    if not settings.DEMO:
        raise Http404
    return render(request, "portal/outbox.html", {"messages_written": messages.written_messages()})


@csrf_exempt
@require_POST
def csp_report(request: HttpRequest) -> HttpResponse:
    """Note what a browser refused to load; more than a few a minute are dropped."""
    key = f"csp-reports:{request.META.get('REMOTE_ADDR')}"
    cache.add(key, 0, timeout=60)
    try:
        seen = cache.incr(key)
    except ValueError:  # it expired in between
        seen = 1
    if seen <= CSP_REPORTS_PER_MINUTE:
        report = request.read(CSP_REPORT_BYTES).decode(errors="replace")
        logger.warning("content refused by policy: %s", " ".join(report.split()))
    return HttpResponse(status=204)
