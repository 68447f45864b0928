"""Forms of the manager's pages, and how a service's refusal gets into a form."""

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.errors import InvalidInput
from accounts.forms import CheckCards
from accounts.models import Institution
from accounts.models.people import Role
from accounts.permissions import STAFF

STAFF_ROLES = [(role.value, role.label) for role in Role if role.value in STAFF]
WHAT_A_ROLE_MAY = {
    "officer": _("Atiende solicitudes, verifica datos y propone decisiones."),
    "approver": _("Aprueba o rechaza lo que otra persona propuso."),
    "cashier": _("Registra desembolsos y pagos."),
    "collector": _("Da seguimiento a las cuotas atrasadas."),
    "manager": _("Productos, políticas, personal y datos de la entidad."),
    "analyst": _("Prepara datos y entrena modelos."),
    "validator": _("Revisa modelos y decide cuál se usa."),
    "auditor": _("Lee todo y no cambia nada."),
}


def show_refusal(form: forms.BaseForm, refusal: InvalidInput) -> None:
    """Put what the service refused beside the fields it names."""
    for name, texts in refusal.fields.items():
        for text in texts:
            form.add_error(name if name in form.fields else None, text)
    if not refusal.fields:
        form.add_error(None, str(refusal.message))


class StaffForm(forms.Form):
    """What a member of staff may do here."""

    roles = forms.MultipleChoiceField(
        label=_("Qué puede hacer"),
        help_text=_("Puedes marcar varias. Nadie aprueba lo que propuso."),
        choices=STAFF_ROLES,
        widget=CheckCards(details=WHAT_A_ROLE_MAY),
        error_messages={"required": _("Elige al menos un permiso de la lista.")},
    )
    job_title = forms.CharField(label=_("Cargo"), max_length=80, required=False)
    branch = forms.CharField(label=_("Agencia"), max_length=80, required=False)

    mark_optional = True


class NewStaffForm(StaffForm):
    """Somebody new, reached by an e-mail or a mobile."""

    contact = forms.CharField(
        label=_("Correo o celular"),
        help_text=_("Le avisaremos ahí cómo ingresar."),
        max_length=254,
        widget=forms.TextInput({"autocomplete": "off"}),
        error_messages={"required": _("Escribe su correo o su celular.")},
    )
    full_name = forms.CharField(
        label=_("Nombre y apellidos"),
        max_length=120,
        widget=forms.TextInput({"autocomplete": "off"}),
        error_messages={"required": _("Escribe el nombre y los apellidos.")},
    )

    field_order = ("full_name", "contact", "roles", "job_title", "branch")


class LookForm(forms.ModelForm):
    """How the institution shows itself; the colour's contrast is checked by the service."""

    mark_optional = True

    class Meta:
        model = Institution
        fields = ("tagline", "brand_color", "mark", "phone", "whatsapp", "hours", "address")
        help_texts = {
            "tagline": _("Va debajo del nombre, por ejemplo: Crédito para tu campo y tu negocio."),
            "brand_color": _("Un color que se lea bien sobre blanco, escrito como #1d4f91."),
            "hours": _("Por ejemplo: lunes a viernes de 8:30 a 18:00."),
        }
        widgets = {"brand_color": forms.TextInput({"class": "input-num", "autocomplete": "off"})}


class ClientForm(forms.Form):
    """A program's name, to tell it from the others."""

    name = forms.CharField(
        label=_("Nombre del sistema"),
        help_text=_("Por ejemplo: Banca móvil."),
        max_length=80,
        error_messages={"required": _("Escribe un nombre para reconocerlo.")},
    )
