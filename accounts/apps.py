from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """The ground floor: who people are, whose rows are whose, and what was done."""

    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts import signing_in  # noqa: F401  (connects its receivers)
        from accounts.tenancy import checks  # noqa: F401  (registers the system checks)
