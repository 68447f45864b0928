from django.apps import AppConfig


class PortalConfig(AppConfig):
    """The roof: settings, addresses, workers, health, and what crosses institutions."""

    name = "portal"
