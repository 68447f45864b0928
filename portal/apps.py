from django.apps import AppConfig


class PortalConfig(AppConfig):
    """The roof: settings, addresses, workers, health, and what crosses institutions."""

    name = "portal"

    def ready(self) -> None:
        from portal import celery  # noqa: F401  (tasks bind to this app; not in the package, which the keeper imports)
