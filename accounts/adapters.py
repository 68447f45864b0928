"""How allauth reaches people here: by e-mail or Peruvian mobile, in our words, with evidence of it."""

import time
from typing import Any
from uuid import uuid4

import qrcode
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.account.models import EmailAddress
from allauth.account.stages import EmailVerificationStage
from allauth.core import context as allauth_context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

from accounts import crypto, messages
from accounts.errors import InvalidState
from accounts.models import User
from accounts.phones import MobileField, normalise_mobile
from accounts.signing_in import record
from accounts.two_step import needs_second_step

RECENTLY_SECONDS = 300


class EmailStage(EmailVerificationStage):
    """An e-mail must be verified before the first entry, unless a verified mobile is all the person gave."""

    def handle(self) -> Any:
        user = self.login.user
        if user and user.phone_verified and not self.login.email and not user.email:
            return None, True
        return super().handle()


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up and sign-in. Messages never say whether an account exists."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "account_inactive": _("Esta cuenta está cerrada. Escríbenos si crees que es un error."),
        "email_password_mismatch": _("El correo o la contraseña no coinciden. Revísalos o pide un código."),
        "phone_password_mismatch": _("El celular o la contraseña no coinciden. Revísalos o pide un código."),
        "username_password_mismatch": _("Escribe un celular de nueve cifras o un correo completo."),
        "invalid_login": _("Escribe un celular de nueve cifras o un correo completo."),
        "incorrect_code": _("Ese código no es. Revisa el último mensaje que te llegó y escríbelo otra vez."),
        "incorrect_password": _("La contraseña no es correcta."),
        "enter_current_password": _("La contraseña actual no es correcta."),
        "phone_taken": _("No se puede usar este celular. Prueba con otro o ingresa con él."),
        "email_taken": _("No se puede usar este correo. Prueba con otro o ingresa con él."),
        "duplicate_email": _("Ese ya es tu correo."),
        "same_as_current": _("Es el mismo que ya tienes. Escribe uno distinto."),
        "select_only_one": _("Escribe solo uno: tu celular o tu correo."),
        "too_many_login_attempts": _("Demasiados intentos seguidos. Espera unos minutos y prueba otra vez."),
        "rate_limited": _("Acabamos de enviarte un código. Espera medio minuto antes de pedir otro."),
    }

    # --- the second step needs no new password right after signing in --------------------------------------------
    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        request = allauth_context.request
        records = get_authentication_records(request, request.user)
        if records and time.time() - records[-1]["at"] < RECENTLY_SECONDS:
            return False
        return super().is_reauthentication_required(app=app, **kwargs)

    def get_login_stages(self) -> list[str]:
        theirs = "allauth.account.stages.EmailVerificationStage"
        return ["accounts.adapters.EmailStage" if stage == theirs else stage for stage in super().get_login_stages()]

    # --- people ---------------------------------------------------------------------------------------------------
    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:
        """The new person, reachable from the first save on."""
        data = form.cleaned_data
        user.full_name = data.get("full_name", "")
        user.email = data.get("email") or None
        user.phone = data.get("phone") or None
        user.language = getattr(request, "LANGUAGE_CODE", "")
        password = data.get("password1")
        user.set_password(password or None)
        if commit:
            user.save()
        return user

    def phone_form_field(self, **kwargs: Any) -> Any:
        kwargs.pop("label", None)
        return MobileField(**kwargs)

    def get_phone(self, user: Any) -> tuple[str, bool] | None:
        return (user.phone, user.phone_verified) if user.phone else None

    def get_user_by_phone(self, phone: str) -> User | None:
        normal = normalise_mobile(phone)
        return User.objects.filter(phone=normal).first() if normal else None

    def send_notification_mail(self, template_prefix: str, user: Any, context: Any = None, email: Any = None) -> None:
        """Word of a change to the ways in: by mail, or by SMS to whoever has none."""
        if email or EmailAddress.objects.get_primary_email(user):
            super().send_notification_mail(template_prefix, user, context, email)
        elif user.phone and user.phone_verified:
            self._send_sms("changed", user.phone, {})

    def set_phone(self, user: Any, phone: str, verified: bool) -> None:
        taken = User.objects.filter(phone=phone).exclude(pk=user.pk).exists()
        if taken:
            raise InvalidState(self.error_messages["phone_taken"])
        before = user.phone if user.phone_verified and user.phone != phone else None
        user.phone, user.phone_verified = phone, verified
        user.save(update_fields=["phone", "phone_verified"])
        if before and verified:  # to where it was: somebody else may have changed it
            record(allauth_context.request, user, "accounts.person.phone_changed")
            self._send_sms("changed", before, {})

    def set_phone_verified(self, user: Any, phone: str) -> None:
        self.set_phone(user, phone, True)

    # --- messages -------------------------------------------------------------------------------------------------
    def send_verification_code_sms(self, user: Any, phone: str, code: str, **kwargs: Any) -> None:
        self._send_sms("code", phone, {"code": code})

    def send_unknown_account_sms(self, phone: str, **kwargs: Any) -> None:
        self._send_sms("unknown", phone, {})

    def send_account_already_exists_sms(self, phone: str) -> None:
        self._send_sms("already_exists", phone, {})

    def _send_sms(self, name: str, phone: str, values: dict[str, Any]) -> None:
        site = allauth_context.request.get_host()
        text = render_to_string(f"account/sms/{name}.txt", {**values, "site": site}).strip()
        messages.send_sms(phone, text, dedupe_key=f"sign-in-{uuid4()}")

    def format_email_subject(self, subject: str) -> str:
        return str(subject)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        request = allauth_context.request
        values = {"request": request, "email": email, "site": request.get_host(), **context}
        mail = self.render_mail(template_prefix, email, values)
        messages.send_mail(email, mail.subject, str(mail.body), dedupe_key=f"sign-in-{uuid4()}")


class SecondStepAdapter(DefaultMFAAdapter):
    """Codes from an authenticator app. Secrets are sealed; staff can't do without."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _("Ese código no es. Mira el que muestra ahora tu aplicación y escríbelo."),
        "cannot_delete_authenticator": _("Tu cargo exige el segundo paso: no se puede desactivar."),
        "unverified_email": _("Primero confirma tu correo; después podrás activar el segundo paso."),
    }

    def get_totp_issuer(self) -> str:
        return "Ayni"

    def get_totp_label(self, user: Any) -> str:
        return user.email or user.phone or str(user)

    def build_totp_svg(self, url: str) -> str:
        return qr_code(url)

    def encrypt(self, text: str) -> str:
        return crypto.encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return crypto.decrypt(encrypted_text.encode()).decode()

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        return not needs_second_step(authenticator.user)


def qr_code(text: str) -> str:
    """An inline SVG of the QR code, without styles, dark on white in either colour scheme."""
    drawing = qrcode.QRCode(border=3)
    drawing.add_data(text)
    rows = drawing.get_matrix()
    squares = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
    side = len(rows)
    return (
        f'<svg class="qr" viewBox="0 0 {side} {side}" width="220" height="220" role="img" shape-rendering="crispEdges"'
        f' aria-labelledby="qr-title"><title id="qr-title">{_("Código QR")}</title>'
        f'<rect width="{side}" height="{side}" fill="#fff"/><path d="{squares}" fill="#000"/></svg>'
    )
