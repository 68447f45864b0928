from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ScoringConfig(AppConfig):
    """How risky a loan is: features, models, predictions and their reasons. Never sees a loan."""

    name = "scoring"
    verbose_name = _("Puntajes")

    def ready(self) -> None:
        from accounts import outbox

        outbox.route("scoring.run.started", "scoring.tasks.train_waiting")
        outbox.route("scoring.file.uploaded", "scoring.tasks.score_files")
