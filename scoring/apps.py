from django.apps import AppConfig


class ScoringConfig(AppConfig):
    """How risky a loan is: features, models, predictions and their reasons. Never sees a loan."""

    name = "scoring"
