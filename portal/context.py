"""What every template may rely on."""

from typing import Any

from django.conf import settings
from django.utils.functional import SimpleLazyObject

from accounts.http import Request
from lending.views.desk.navigation import desk_items


def site(request: Request) -> dict[str, Any]:
    """The institution, the membership and the actor of this request, and whether this is a demo."""
    return {
        "institution": getattr(request, "institution", None),
        "membership": getattr(request, "membership", None),
        "actor": getattr(request, "actor", None),
        "DEMO": settings.DEMO,
        "DEMO_SECOND_STEP_CODE": settings.DEMO_SECOND_STEP_CODE if settings.DEMO else "",
        # Worked out only by the pages that draw the desk's menu.
        "desk_items": SimpleLazyObject(lambda: desk_items(request)) if hasattr(request, "actor") else [],
    }
