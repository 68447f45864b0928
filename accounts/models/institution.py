from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.base import uuid7


class Institution(models.Model):
    """One lender hosted here (a caja, an edpyme, a cooperative), or the reserved platform institution.

    Global: anybody may read it, platform operators create it.
    """

    PLATFORM_SLUG = "ayni"

    class Kind(models.TextChoices):
        CAJA = "caja", _("Caja municipal o rural")
        EDPYME = "edpyme", _("Empresa de créditos")
        COOPAC = "coopac", _("Cooperativa de ahorro y crédito")
        ONG = "ong", _("Asociación")
        PLATFORM = "platform", _("Plataforma")

    class Mark(models.TextChoices):
        SPROUT = "sprout", _("Brote")
        PEOPLE = "people", _("Personas")
        MOUNTAIN = "mountain", _("Cerro")
        WEAVE = "weave", _("Tejido")
        SUN = "sun", _("Sol")

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    slug = models.SlugField(_("dirección"), unique=True, max_length=40)
    name = models.CharField(_("nombre"), max_length=80)
    legal_name = models.CharField(_("razón social"), max_length=160)
    ruc = models.CharField(
        _("RUC"),
        max_length=11,
        blank=True,
        validators=[RegexValidator(r"^\d{11}$", _("El RUC tiene 11 dígitos."))],
    )
    kind = models.CharField(_("tipo"), max_length=12, choices=Kind)
    tagline = models.CharField(_("frase"), max_length=120, blank=True)
    brand_color = models.CharField(
        _("color de marca"),
        max_length=7,
        default="#1d4f91",
        validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$", _("Escribe el color como #1d4f91."))],
    )
    mark = models.CharField(_("símbolo"), max_length=12, choices=Mark, default=Mark.SPROUT)
    number_prefix = models.CharField(_("prefijo de solicitudes"), max_length=4, default="SO")
    phone = models.CharField(_("teléfono"), max_length=20, blank=True)
    whatsapp = models.CharField(_("WhatsApp"), max_length=20, blank=True)
    hours = models.CharField(_("horario"), max_length=120, blank=True)
    address = models.CharField(_("dirección de la oficina"), max_length=160, blank=True)
    domain = models.CharField(_("dominio propio"), max_length=120, blank=True, default="")
    is_active = models.BooleanField(_("activa"), default=True)
    is_fictional = models.BooleanField(_("entidad ficticia de ejemplo"), default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("entidad")
        verbose_name_plural = _("entidades")
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["domain"], condition=~models.Q(domain=""), name="institution_domain_unique")
        ]

    def __str__(self) -> str:
        return self.name
