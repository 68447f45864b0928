from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """The ground floor: who people are, whose rows are whose, and what was done."""

    name = "accounts"
    verbose_name = _("Personas y entidades")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts import signing_in  # noqa: F401  (connects its receivers)
        from accounts.tenancy import checks  # noqa: F401  (registers the system checks)
