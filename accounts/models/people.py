from datetime import date
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from accounts.clock import today
from accounts.models.base import InstitutionOwned, uuid7


class UserManager(BaseUserManager["User"]):
    """Finds people by e-mail or phone and makes new ones."""

    def create_user(
        self,
        *,
        email: str | None = None,
        phone: str | None = None,
        password: str | None = None,
        **fields: Any,
    ) -> "User":
        """A new person; raises ValidationError unless an e-mail or a phone is given."""
        if not email and not phone:
            raise ValidationError(_("Indica un correo o un celular."))
        user = self.model(email=self.normalize_email(email).lower() if email else None, phone=phone or None, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """One person, known to the whole platform by e-mail or phone; rights come from memberships."""

    email = models.EmailField(_("correo"), unique=True, null=True, blank=True)
    phone = models.CharField(_("celular"), max_length=16, unique=True, null=True, blank=True)
    phone_verified = models.BooleanField(default=False)
    full_name = models.CharField(_("nombre"), max_length=120, blank=True)
    language = models.CharField(_("idioma"), max_length=5, blank=True, default="")
    is_active = models.BooleanField(_("activa"), default=True)
    is_operator = models.BooleanField(
        _("operador de la plataforma"),
        default=False,
        help_text=_("Crea entidades; no ve datos de solicitantes."),
    )
    date_joined = models.DateTimeField(_("desde"), auto_now_add=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        verbose_name = _("cuenta")
        verbose_name_plural = _("cuentas")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(email__isnull=False) | models.Q(phone__isnull=False),
                name="user_is_reachable",
            )
        ]

    def __str__(self) -> str:
        return self.full_name or self.email or self.phone or f"#{self.pk}"

    def get_full_name(self) -> str:
        return str(self)

    def get_short_name(self) -> str:
        return self.full_name.split(" ")[0] if self.full_name else str(self)

    @cached_property
    def platform_roles(self) -> frozenset[str]:
        """Roles held across institutions: operator, and regulator while a mandate runs."""
        roles = {"operator"} if self.is_operator else set()
        if self.mandates.running_on(today()).exists():
            roles.add("regulator")
        return frozenset(roles)

    # The operators' admin asks Django's permission questions; operators may do what it registers.
    @property
    def is_staff(self) -> bool:
        return self.is_operator

    @property
    def is_superuser(self) -> bool:
        return self.is_operator

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        return self.is_active and self.is_operator

    def has_perms(self, perm_list: Any, obj: Any = None) -> bool:
        return self.is_active and self.is_operator

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and self.is_operator


class Role(models.TextChoices):
    """What a membership may do; `accounts.permissions` says what that means."""

    APPLICANT = "applicant", _("Solicitante")
    OFFICER = "officer", _("Analista de créditos")
    APPROVER = "approver", _("Aprobador")
    CASHIER = "cashier", _("Cajero")
    COLLECTOR = "collector", _("Gestor de cobranza")
    MANAGER = "manager", _("Gerente")
    ANALYST = "analyst", _("Analista de modelos")
    VALIDATOR = "validator", _("Validador de modelos")
    AUDITOR = "auditor", _("Auditor")
    INTEGRATOR = "integrator", _("Sistema autorizado")


class Membership(InstitutionOwned):
    """A person in an institution, with a set of roles."""

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    roles = ArrayField(models.CharField(max_length=12, choices=Role))
    job_title = models.CharField(_("cargo"), max_length=80, blank=True)
    branch = models.CharField(_("agencia"), max_length=80, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "user"], name="membership_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({', '.join(self.roles)})"


class MandateQuerySet(models.QuerySet):
    def running_on(self, day: date) -> "MandateQuerySet":
        """Mandates in force on `day`."""
        return self.filter(models.Q(valid_to__isnull=True) | models.Q(valid_to__gte=day), valid_from__lte=day)


class RegulatorMandate(models.Model):
    """A regulator's right to read one institution, from a day until a day, where it comes from, and of which days."""

    regulator = models.ForeignKey(User, models.PROTECT, related_name="mandates", verbose_name=_("supervisor"))
    institution = models.ForeignKey("accounts.Institution", models.PROTECT, related_name="+", verbose_name=_("entidad"))
    norm = models.CharField(_("norma u oficio"), max_length=160)
    valid_from = models.DateField(_("desde el día"))
    valid_to = models.DateField(_("hasta el día"), null=True, blank=True)
    # What it shows, whenever it is in force: rows of these days alone; without them, of every day.
    data_from = models.DateField(_("datos desde el día"), null=True, blank=True)
    data_to = models.DateField(_("datos hasta el día"), null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = MandateQuerySet.as_manager()

    class Meta:
        verbose_name = _("mandato de supervisión")
        verbose_name_plural = _("mandatos de supervisión")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["regulator", "institution", "valid_from"], name="mandate_once"),
            models.CheckConstraint(
                condition=models.Q(data_to__gte=models.F("data_from")), name="mandate_data_period_in_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.regulator} → {self.institution}"

    def covers(self, begins: date, ends: date) -> bool:
        """Whether it shows every day from `begins` to `ends`."""
        return not (self.data_from and begins < self.data_from) and not (self.data_to and ends > self.data_to)


class ApiClient(InstitutionOwned):
    """A program that acts for an institution, with OAuth client credentials and a set of roles."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("nombre"), max_length=80)
    oauth_client_id = models.CharField(max_length=100)
    roles = ArrayField(models.CharField(max_length=12, choices=Role))
    is_active = models.BooleanField(default=True)
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["institution", "oauth_client_id"], name="api_client_once"),
            models.UniqueConstraint(fields=["institution", "name"], name="api_client_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


class Consent(InstitutionOwned):
    """One answer to one purpose: what text was shown (version and hash), when, how and from where.

    Evidence under Ley 29733: rows are added, and only `withdrawn_at` is ever set afterwards.
    """

    class Purpose(models.TextChoices):
        EVALUATION = "evaluation", _("Evaluar tu solicitud con tus ingresos y gastos")
        AUTOMATED = "automated", _("Calcular tu puntaje con un programa")
        BUREAU = "bureau", _("Consultar la central de riesgos")
        CONTACT = "contact", _("Escribirte sobre tu solicitud")
        MARKETING = "marketing", _("Enviarte ofertas")

    class Channel(models.TextChoices):
        WEB = "web", _("Por internet")
        COUNTER = "counter", _("En agencia, con un asesor")
        API = "api", _("Por un sistema autorizado")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    subject_id = models.UUIDField()  # the applicant
    application_id = models.UUIDField(null=True, blank=True)
    purpose = models.CharField(max_length=12, choices=Purpose)
    granted = models.BooleanField()
    text_version = models.CharField(max_length=20)
    text_sha256 = models.CharField(max_length=64)
    language = models.CharField(max_length=5)
    channel = models.CharField(max_length=8, choices=Channel)
    ip = models.GenericIPAddressField(null=True, blank=True)
    given_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    recorded_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    given_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta(InstitutionOwned.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(  # of the answer that stands; one given anew leaves the earlier row as it was
                fields=["institution", "application_id", "purpose"],
                condition=models.Q(withdrawn_at__isnull=True),
                name="consent_once_per_application",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["institution", "subject_id"], name="consent_subject")]

    def __str__(self) -> str:
        return f"{self.purpose}: {self.granted}"
