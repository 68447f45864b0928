from django.apps import AppConfig


class LendingConfig(AppConfig):
    """What is lent: products, applicants, applications, assessments, decisions and offers."""

    name = "lending"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts import outbox

        outbox.route("lending.application.submitted", "lending.tasks.assess_applications")
        for event in ("assessed", "decided", "review_requested"):
            outbox.route(f"lending.application.{event}", "lending.tasks.notify_applicants")
