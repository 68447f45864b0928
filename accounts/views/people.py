"""Signing up by e-mail, setting up the second step, and one's own account."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.account.views import SignupView
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.views import ActivateTOTPView
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import access, sessions, step_up, two_step
from accounts.errors import NotFound
from accounts.http import PersonRequest
from accounts.names import NameForm
from accounts.sign_in_forms import EmailSignUpForm


class SignUp(SignupView):
    """By mobile: the code is the proof."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        by_email = self.passthrough_next_url(reverse("people:sign_up_by_email"))
        return {**super().get_context_data(**kwargs), "by_email": False, "by_email_url": by_email}


class SignUpByEmail(SignUp):
    """By e-mail with a password."""

    def get_form_class(self) -> Any:
        return EmailSignUpForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), "by_email": True}


class SetUpSecondStep(ActivateTOTPView):
    """Whoever has just typed a right code has passed the second step."""

    def form_valid(self, form: Any) -> HttpResponse:
        answer = super().form_valid(form)
        authenticator = Authenticator.objects.get(user=self.request.user, type=Authenticator.Type.TOTP)
        record_authentication(
            self.request, self.request.user, "mfa", id=authenticator.pk, type=authenticator.type, reauthenticated=True
        )
        return answer


def confirmed(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Before the ways into an account change, whoever can prove who they are has just done so.

    A fresh code of the authenticator, or the password; somebody who only ever enters by code sent to a mobile has
    neither, and a code is what confirms the change itself.
    """

    @wraps(view)
    def guarded(request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = request.user
        can_prove = user.is_authenticated and (two_step.has_authenticator(user) or user.has_usable_password())
        if can_prove and not step_up.is_fresh(step_up.confirmed_at(request)):
            return step_up.to_confirmation(request)
        return view(request, *args, **kwargs)

    return guarded


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@access.signed_in
def sessions_page(request: PersonRequest) -> HttpResponseBase:
    """Where one is signed in; `end` names a session to end, or says `others`."""
    if request.method == "POST":
        return end_sessions(request)
    return render(request, "account/sessions.html", {"places": sessions.places(request, request.user)})


@confirmed
def end_sessions(request: PersonRequest) -> HttpResponse:
    """Sign out there, at once."""
    which = request.POST.get("end", "")
    if which != "others" and not (which.isascii() and which.isdigit() and len(which) < 19):
        raise NotFound
    count = sessions.sign_out_elsewhere(request, request.user, None if which == "others" else int(which))
    words = ngettext("Cerramos %(count)s sesión.", "Cerramos %(count)s sesiones.", count) % {"count": count}
    messages.success(request, words)
    return redirect("people:sessions")


@require_safe
@never_cache
@access.signed_in
def go_on(request: PersonRequest) -> HttpResponse:
    """After setting up the second step: the page one was on the way to."""
    address = request.session.pop(two_step.NEXT, "")
    if url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure()):
        return HttpResponseRedirect(address)
    return redirect("portal:after_sign_in")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@access.signed_in
def account(request: PersonRequest) -> HttpResponse:
    """One's own name, ways to enter and second step."""
    user = request.user
    form = NameForm(request.POST or None, initial={"full_name": user.full_name})
    if request.method == "POST" and form.is_valid():
        user.full_name = form.cleaned_data["full_name"]
        user.save(update_fields=["full_name"])
        messages.success(request, _("Guardamos tu nombre."))
        return redirect("people:account")
    ways = [
        {
            "label": _("Celular"),
            "value": user.phone,
            "url": reverse("account_change_phone"),
            "kind": "phone",
        },
        {"label": _("Correo"), "value": user.email, "url": reverse("account_email"), "kind": "email"},
        {
            "label": _("Contraseña"),
            "value": _("Creada") if user.has_usable_password() else "",
            "url": reverse("account_change_password" if user.has_usable_password() else "account_set_password"),
            "kind": "password",
        },
        {
            "label": _("Segundo paso"),
            "value": _("Activo") if two_step.has_authenticator(user) else "",
            "url": reverse("mfa_index"),
            "kind": "second_step",
        },
    ]
    page = {"form": form, "ways": ways}
    return render(request, "account/account.html", page, status=422 if form.errors else 200)
