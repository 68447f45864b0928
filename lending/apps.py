from django.apps import AppConfig


class LendingConfig(AppConfig):
    """What is lent: products, applicants, applications, matching, decisions and offers."""

    name = "lending"
