"""The operators' own site at /admin/: institutions, mandates, accounts. Never applicants' data.

Every change goes through a service, so it is checked and audited like any other; nothing is deleted.
The other floors register what operators may read (`lending.admin`, `scoring.admin`).
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.errors import InvalidInput
from accounts.models import Institution, RegulatorMandate, User
from accounts.phones import mask_mobile, normalise_mobile
from accounts.services import institutions, mandates, people
from accounts.services.memberships import appoint_first_manager, read_contact
from accounts.tenancy.scope import institution_scope
from accounts.two_step import has_authenticator


class OperatorsSite(admin.AdminSite):
    """Django's admin for holders of `portal.view_admin`; signing in happens on our own pages."""

    site_header = site_title = _("Ayni · Operación de la plataforma")
    index_title = _("Plataforma")
    site_url = "/"
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_authenticated and request.actor.can("portal.view_admin")  # type: ignore[attr-defined]

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        return access.require("portal.view_admin")(super().admin_view(view, cacheable))

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect("account_login")

    def logout(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return redirect("account_logout")

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return redirect("account_change_password")

    def get_urls(self) -> list[Any]:
        return [entry for entry in super().get_urls() if getattr(entry, "name", "") != "view_on_site"]


operators = OperatorsSite(name="admin")


class Kept(admin.ModelAdmin):
    """Nothing is deleted, and what a form does not send stays as it is."""

    actions: Any = ()
    list_per_page = 50

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnly(Kept):
    """To look at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def add_refusal(form: forms.BaseForm, fields: Mapping[str, Any]) -> None:
    """Beside each field that is wrong and says nothing yet."""
    for name, texts in fields.items():
        if name not in form.errors:
            form.add_error(name if name in form.fields else None, list(texts))


# --- institutions --------------------------------------------------------------------------------------------------
INSTITUTION_FIELDS = (*institutions.IDENTITY, *institutions.LOOK)


class InstitutionForm(forms.ModelForm):
    """An institution, and the first manager it is handed to."""

    manager_name = forms.CharField(label=_("nombre del primer gerente"), max_length=120, required=False)
    manager_contact = forms.CharField(
        label=_("su correo o celular"),
        max_length=254,
        required=False,
        help_text=_("Solo mientras la entidad no tenga gerente. Le avisaremos cómo ingresar."),
    )

    class Meta:
        model = Institution
        fields = INSTITUTION_FIELDS

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        try:
            institutions.check_institution(self.instance)
        except InvalidInput as refusal:
            add_refusal(self, refusal.fields)

    def clean_manager_contact(self) -> str:
        contact = self.cleaned_data["manager_contact"]
        if contact:
            try:
                read_contact(contact)
            except InvalidInput as refusal:
                raise forms.ValidationError(refusal.fields["contact"]) from refusal
            if not self.cleaned_data.get("manager_name"):
                raise forms.ValidationError(_("Escribe también su nombre."))
        return contact


@admin.register(Institution, site=operators)
class InstitutionAdmin(Kept):
    form = InstitutionForm
    list_display = ("name", "slug", "kind", "domain", "is_active")
    search_fields = ("name", "slug")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).exclude(kind=Institution.Kind.PLATFORM)

    def save_model(self, request: Any, obj: Institution, form: Any, change: bool) -> None:
        fields = {name: form.cleaned_data[name] for name in INSTITUTION_FIELDS}
        if change:
            institutions.change_institution(institution_id=obj.pk, actor=request.actor, **fields)
        else:
            made = institutions.create_institution(actor=request.actor, **fields)
            obj.pk, obj._state.adding = made.pk, False
        contact = form.cleaned_data.get("manager_contact")
        if contact:
            site = f"{request.scheme}://{request.get_host()}"
            with institution_scope(obj.pk):
                appoint_first_manager(
                    actor=request.actor, contact=contact, full_name=form.cleaned_data["manager_name"], site=site
                )


# --- mandates ------------------------------------------------------------------------------------------------------
class MandateForm(forms.ModelForm):
    """Whom, over which institution, by which norm, from when until when."""

    full_name = forms.CharField(label=_("nombre"), max_length=120)
    contact = forms.CharField(label=_("correo o celular"), max_length=254)

    class Meta:
        model = RegulatorMandate
        fields = ("full_name", "contact", "institution", "norm", "valid_from", "valid_to", "data_from", "data_to")
        help_texts: ClassVar = {"data_from": _("Vacío: ve los datos de todos los días.")}

    def clean_contact(self) -> str:
        try:
            read_contact(self.cleaned_data["contact"])
        except InvalidInput as refusal:
            raise forms.ValidationError(refusal.fields["contact"]) from refusal
        return self.cleaned_data["contact"]

    def clean_institution(self) -> Institution:
        if self.cleaned_data["institution"].kind == Institution.Kind.PLATFORM:
            raise forms.ValidationError(_("Elige una entidad."))
        return self.cleaned_data["institution"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for first, last in (("valid_from", "valid_to"), ("data_from", "data_to")):
            if data.get(last) and data.get(first) and data[last] < data[first]:
                self.add_error(last, _("El último día no puede ser anterior al primero."))
        return data


class EndMandateForm(forms.ModelForm):
    """A mandate that runs can only be ended."""

    class Meta:
        model = RegulatorMandate
        fields = ("valid_to",)

    def clean_valid_to(self) -> Any:
        day = self.cleaned_data["valid_to"]
        if day is None:
            raise forms.ValidationError(_("Escribe el último día del mandato."))
        if day < self.instance.valid_from:
            raise forms.ValidationError(_("El mandato todavía no había empezado ese día."))
        return day


@admin.register(RegulatorMandate, site=operators)
class MandateAdmin(Kept):
    list_display = ("regulator", "institution", "norm", "valid_from", "valid_to", "data_from", "data_to")
    list_select_related = ("regulator", "institution")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["form"] = EndMandateForm if change else MandateForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj:
            return ("regulator", "institution", "norm", "valid_from", "valid_to", "data_from", "data_to")
        return MandateForm.Meta.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("regulator", "institution", "norm", "valid_from", "data_from", "data_to") if obj else ()

    def save_model(self, request: Any, obj: RegulatorMandate, form: Any, change: bool) -> None:
        data = form.cleaned_data
        if change:
            mandates.end_mandate(mandate_id=obj.pk, actor=request.actor, on=data["valid_to"])
            return
        given = mandates.give_mandate(
            actor=request.actor,
            institution_id=data["institution"].pk,
            **{name: value for name, value in data.items() if name != "institution"},
        )
        obj.pk, obj.regulator, obj._state.adding = given.pk, given.regulator, False


# --- accounts ------------------------------------------------------------------------------------------------------
@admin.register(User, site=operators)
class AccountAdmin(ReadOnly):
    """An account is found by its whole e-mail or mobile, never browsed: operators do not see who applies."""

    list_display = ("contact", "is_active", "is_operator", "second_step", "date_joined")
    list_display_links = None
    search_fields = ("email", "phone")
    search_help_text = _("Escribe el correo o el celular completo.")
    actions = ("close", "reopen", "forget_second_step")

    def change_view(self, *args: Any, **kwargs: Any) -> HttpResponse:
        raise Http404

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        if not search_term:
            return queryset.filter(is_operator=True), False
        phone = normalise_mobile(search_term)
        term = Q(phone=phone) if phone else Q(email=search_term.strip().lower())
        return queryset.filter(term), False

    @admin.display(description="")
    def action_checkbox(self, user: User) -> SafeString:
        """As Django's, without the person's name in its label."""
        words = _("Elegir %(contact)s") % {"contact": self.contact(user)}
        box = '<input type="checkbox" name="_selected_action" value="{}" class="action-select" aria-label="{}">'
        return format_html(box, user.pk, words)

    @admin.display(description=_("contacto"))
    def contact(self, user: User) -> str:
        """Enough to know that it is the one searched for."""
        if user.email:
            name, _at, domain = user.email.partition("@")
            return f"{name[:2]}•••@{domain}"
        return mask_mobile(user.phone or "")

    @admin.display(description=_("segundo paso"), boolean=True)
    def second_step(self, user: User) -> bool:
        return has_authenticator(user)

    @admin.action(description=_("Cerrar la cuenta"))
    def close(self, request: Any, queryset: QuerySet) -> None:
        for user in queryset:
            people.set_account_open(user_id=user.pk, actor=request.actor, is_open=False)
        messages.success(request, _("Cuenta cerrada."))

    @admin.action(description=_("Reabrir la cuenta"))
    def reopen(self, request: Any, queryset: QuerySet) -> None:
        for user in queryset:
            people.set_account_open(user_id=user.pk, actor=request.actor, is_open=True)
        messages.success(request, _("Cuenta abierta otra vez."))

    @admin.action(description=_("Olvidar el segundo paso (teléfono perdido)"))
    def forget_second_step(self, request: Any, queryset: QuerySet) -> None:
        for user in queryset:
            people.forget_second_step(user_id=user.pk, actor=request.actor)
        messages.success(request, _("Configurará su segundo paso cuando vuelva a ingresar."))
