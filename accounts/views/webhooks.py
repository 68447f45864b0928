"""The manager's page of addresses that hear of events."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import access
from accounts.errors import InvalidInput
from accounts.forms import CheckCards
from accounts.http import InstitutionRequest
from accounts.models import Webhook
from accounts.services.webhooks import EVENTS, add_webhook, close_webhook
from accounts.views.forms import show_refusal


class WebhookForm(forms.Form):
    """Where to, and what of."""

    url = forms.CharField(
        label=gettext_lazy("Dirección de tu sistema"),
        help_text=gettext_lazy("Empieza con https://. Recibe un aviso firmado por cada evento, sin datos personales."),
        max_length=300,
        widget=forms.URLInput({"autocomplete": "off"}),
        error_messages={"required": gettext_lazy("Escribe la dirección")},
    )
    events = forms.MultipleChoiceField(
        label=gettext_lazy("Eventos"),
        choices=list(EVENTS.items()),
        widget=CheckCards(),
        error_messages={"required": gettext_lazy("Elige al menos un evento")},
    )


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@access.require("accounts.manage_webhooks")
def webhooks_page(request: InstitutionRequest, slug: str) -> HttpResponse:
    """The addresses, and a new one with its secret shown this once."""
    form = WebhookForm(request.POST if request.method == "POST" else None)
    secret, made = "", None
    if request.method == "POST" and form.is_valid():
        try:
            made, secret = add_webhook(actor=request.actor, **form.cleaned_data)
            form = WebhookForm()
        except InvalidInput as refusal:
            show_refusal(form, refusal)
    context = {
        "form": form,
        "made": made,
        "secret": secret,
        "rows": [
            {"pk": one.pk, "url": one.url, "is_active": one.is_active, "events": [EVENTS[name] for name in one.events]}
            for one in Webhook.objects.order_by("-is_active", "url")
        ],
    }
    return render(request, "accounts/webhooks.html", context, status=422 if form.errors else 200)


@require_POST
@access.require("accounts.manage_webhooks")
def webhook_close(request: InstitutionRequest, slug: str, webhook_id: UUID) -> HttpResponse:
    """Send nothing more there."""
    close_webhook(webhook_id=webhook_id, actor=request.actor)
    messages.success(request, _("Ya no enviamos nada a esa dirección."))
    return redirect("accounts:webhooks", slug)
