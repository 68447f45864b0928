"""What every template may rely on."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    """The institution, the membership and the actor of this request, and whether this is a demo."""
    return {
        "institution": getattr(request, "institution", None),
        "membership": getattr(request, "membership", None),
        "actor": getattr(request, "actor", None),
        "DEMO": settings.DEMO,
    }
