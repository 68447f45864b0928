"""The forms of signing up and in, in our words. What they do is allauth's."""

from typing import Any

from allauth.account import forms as account_forms
from allauth.account.adapter import get_adapter
from allauth.mfa.base import forms as second_step_forms
from allauth.mfa.totp import forms as totp_forms
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.phones import normalise_mobile

CODE_MESSAGES = {"required": _("Escribe el código que te llegó.")}
EMAIL_MESSAGES = {
    "required": _("Escribe tu correo."),
    "invalid": _("Escribe un correo completo, por ejemplo maria@correo.pe."),
}
PASSWORD_HINT = _("Doce letras, cifras o espacios como mínimo. Evita tu nombre, tu correo y las que usa todo el mundo.")
PASSWORD_MESSAGES = {"required": _("Escribe la contraseña.")}


class _Plain:
    """Labels and hints of ours on the library's fields, without placeholders."""

    mark_optional = False
    labels: dict[str, Any] = {
        "email": _("Correo"),
        "password": _("Contraseña"),
        "oldpassword": _("Contraseña actual"),
        "password1": _("Contraseña nueva"),
        "password2": _("Contraseña nueva, otra vez"),
        "code": _("Código"),
    }
    hints: dict[str, Any] = {"password": "", "oldpassword": "", "password1": PASSWORD_HINT}
    messages: dict[str, Any] = {
        "email": EMAIL_MESSAGES,
        "password": PASSWORD_MESSAGES,
        "oldpassword": PASSWORD_MESSAGES,
        "password1": PASSWORD_MESSAGES,
        "password2": PASSWORD_MESSAGES,
        "code": CODE_MESSAGES,
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():  # type: ignore[attr-defined]
            field.widget.attrs.pop("placeholder", None)
            field.label = self.labels.get(name, field.label)
            field.help_text = self.hints.get(name, field.help_text)
            field.error_messages.update(self.messages.get(name, {}))
            if name == "code":
                field.widget.attrs.update({"inputmode": "numeric", "class": "input-num", "maxlength": "12"})
                field.widget.attrs.setdefault("autocomplete", "one-time-code")
            if name == "phone":
                field.widget.attrs["class"] = "input-num"


# --- signing up ---------------------------------------------------------------------------------------------------
class _SignUp(_Plain, account_forms.SignupForm):
    """Common to both ways: two sign-ups at once with the same mobile or e-mail make one account."""

    labels = {**_Plain.labels, "password1": _("Contraseña")}

    def try_save(self, request: HttpRequest) -> Any:
        try:
            with transaction.atomic():
                return super().try_save(request)
        except IntegrityError:
            self.account_already_exists = True
            return super().try_save(request)


class PhoneSignUpForm(_SignUp):
    """Name and mobile; the code that arrives by SMS is the proof, no password."""

    field_order = ("full_name", "phone")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["email"], self.fields["password1"]
        self.fields["phone"].required = True
        self.fields["phone"].help_text = _("Te enviaremos un código por SMS. Nueve cifras, por ejemplo 987 654 321.")


class EmailSignUpForm(_SignUp):
    """Name, e-mail and password; the code that arrives by mail is the proof."""

    field_order = ("full_name", "email", "password1")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["phone"]
        self.fields["email"].required = self.fields["password1"].required = True
        self.fields["email"].help_text = _("Te enviaremos un código para confirmarlo.")

    def clean_email(self) -> str:
        return super().clean_email() if self.cleaned_data.get("email") else ""


# --- signing in ---------------------------------------------------------------------------------------------------
class SignInForm(_Plain, account_forms.LoginForm):
    """One box for mobile or e-mail. With a password it enters; without, a code is sent."""

    labels = {**_Plain.labels, "login": _("Tu celular o tu correo")}
    hints = {"password": _("Solo si creaste una. Si la dejas vacía, te enviamos un código.")}
    messages = {"login": {"required": _("Escribe tu celular o tu correo.")}}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].required = False
        self.fields["password"].label = _("Contraseña (opcional)")
        self.fields["login"].widget.attrs["autocomplete"] = "username"
        self.fields["login"].max_length = 254

    def clean_login(self) -> str:
        text = super().clean_login()
        return normalise_mobile(text) or text.lower()


class RequestCodeForm(_Plain, account_forms.RequestLoginCodeForm):
    """The library's own door for codes; the sign-in page goes through it."""

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if not self.errors and not data.get("email") and not data.get("phone"):
            raise get_adapter().validation_error("invalid_login")
        return data


class CodeForm(_Plain, account_forms.ConfirmLoginCodeForm):
    pass


class PhoneCodeForm(_Plain, account_forms.VerifyPhoneForm):
    pass


class EmailCodeForm(_Plain, account_forms.ConfirmEmailVerificationCodeForm):
    pass


class PasswordCodeForm(_Plain, account_forms.ConfirmPasswordResetCodeForm):
    pass


# --- one's own account --------------------------------------------------------------------------------------------
class NewPhoneForm(_Plain, account_forms.ChangePhoneForm):
    labels = {"phone": _("Celular nuevo")}


class NewEmailForm(_Plain, account_forms.AddEmailForm):
    labels = {"email": _("Correo nuevo")}


class OtherEmailForm(_Plain, account_forms.ChangeEmailForm):
    """While an e-mail is being confirmed: another one instead."""


class NewPasswordForm(_Plain, account_forms.ChangePasswordForm):
    pass


class FirstPasswordForm(_Plain, account_forms.SetPasswordForm):
    pass


class ForgottenPasswordForm(_Plain, account_forms.ResetPasswordForm):
    pass


class ResetPasswordForm(_Plain, account_forms.ResetPasswordKeyForm):
    pass


class PasswordAgainForm(_Plain, account_forms.ReauthenticateForm):
    pass


# --- second step --------------------------------------------------------------------------------------------------
class SecondStepForm(_Plain, second_step_forms.AuthenticateForm):
    labels = {"code": _("Código de tu aplicación")}
    messages = {"code": {"required": _("Escribe el código que muestra tu aplicación.")}}


class SecondStepAgainForm(_Plain, second_step_forms.ReauthenticateForm):
    labels = SecondStepForm.labels
    messages = SecondStepForm.messages


class SetUpSecondStepForm(_Plain, totp_forms.ActivateTOTPForm):
    labels = SecondStepForm.labels
    messages = SecondStepForm.messages
