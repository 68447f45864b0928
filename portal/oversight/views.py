"""What regulators see, across the institutions they are mandated to supervise."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import access
from accounts.http import PersonRequest
from accounts.selectors import mandates_of


@require_safe
@never_cache
@access.require("portal.view_oversight")
def home(request: PersonRequest) -> HttpResponse:
    """The institutions under this regulator's mandates in force."""
    return render(request, "portal/oversight/home.html", {"mandates": mandates_of(request.user.pk)})
