from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LendingConfig(AppConfig):
    """What is lent: products, applicants, applications, assessments, decisions and offers."""

    name = "lending"
    verbose_name = _("Créditos")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts import outbox
        from scoring.groups import register_groups

        register_groups("age", "lending.selectors.watched_groups.age_bands")
        register_groups("region", "lending.selectors.watched_groups.regions")

        outbox.route("lending.application.submitted", "lending.tasks.assess_applications")
        outbox.route("lending.market.submitted", "lending.tasks.answer_market")
        for event in ("assessed", "decided", "review_requested"):
            outbox.route(f"lending.application.{event}", "lending.tasks.notify_applicants")
        for event in ("loan.disbursed", "repayment.posted", "repayment.reversed", "restructure.authorised"):
            outbox.route(f"lending.{event}", "lending.tasks.notify_applicants")
        outbox.route("lending.import.uploaded", "lending.tasks.import_portfolios")
        outbox.route("lending.loan.reminder_due", "lending.tasks.remind_borrowers")
        for event in ("complaint.filed", "complaint.answered", "data_request.made", "data_request.extended"):
            outbox.route(f"accounts.{event}", "lending.tasks.send_letters")
        for event in ("data_request.answered", "incident.people_told"):
            outbox.route(f"accounts.{event}", "lending.tasks.send_letters")
