"""The manager's page of the institution itself: its look, its contacts and the programs that act for it."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import access
from accounts.errors import InvalidInput, NotFound
from accounts.http import InstitutionRequest
from accounts.models import Institution
from accounts.selectors import api_client, api_clients
from accounts.services import api_clients as programs
from accounts.services.institutions import change_look
from accounts.views.forms import ClientForm, LookForm, show_refusal


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@access.require("accounts.manage_institution")
def settings_page(request: InstitutionRequest, slug: str) -> HttpResponse:
    """Colour, symbol and contacts; below, the programs."""
    form = LookForm(request.POST or None, instance=Institution.objects.get(pk=request.institution.pk))
    if request.method == "POST" and form.is_valid():
        try:
            change_look(actor=request.actor, **form.cleaned_data)
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("Guardamos los datos de la entidad."))
            return redirect("accounts:settings", slug)
    page = {"form": form, "clients": api_clients(), "client_form": ClientForm()}
    return render(request, "accounts/settings.html", page, status=422 if form.errors else 200)


@require_POST
@never_cache
@access.require("accounts.manage_api_clients")
def client_new(request: InstitutionRequest, slug: str) -> HttpResponse:
    """Register a program and show its secret, this once."""
    form = ClientForm(request.POST)
    if form.is_valid():
        try:
            client, secret = programs.create_api_client(actor=request.actor, name=form.cleaned_data["name"])
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        else:
            return render(request, "accounts/client_secret.html", {"client": client, "secret": secret})
    look = LookForm(instance=Institution.objects.get(pk=request.institution.pk))
    page = {"form": look, "clients": api_clients(), "client_form": form}
    return render(request, "accounts/settings.html", page, status=422)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@access.require("accounts.manage_api_clients")
def client_secret(request: InstitutionRequest, slug: str, client_id: UUID) -> HttpResponse:
    """Ask first; then a new secret, shown this once, and the old one ends."""
    client = api_client(client_id)
    if client is None:
        raise NotFound(_("No encontramos ese sistema."))
    if request.method != "POST":
        return render(request, "accounts/client_rotate.html", {"client": client})
    secret = programs.rotate_secret(client_id=client_id, actor=request.actor)
    return render(request, "accounts/client_secret.html", {"client": client, "secret": secret})


@require_POST
@access.require("accounts.manage_api_clients")
def client_close(request: InstitutionRequest, slug: str, client_id: UUID) -> HttpResponse:
    """Shut a program out for good."""
    client = programs.deactivate_api_client(client_id=client_id, actor=request.actor)
    messages.success(request, _("%(name)s ya no puede conectarse.") % {"name": client})
    return redirect("accounts:settings", slug)
