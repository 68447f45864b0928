"""The few that wait, are blocked or have ended, found among very many."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0013_implied_keys"),
        ("lending", "0054_contract_guarantor_isolation"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="applicant",
            index=models.Index(
                condition=models.Q(("restricted_at__isnull", False)),
                fields=["institution"],
                name="applicant_restricted",
            ),
        ),
        migrations.AddIndex(
            model_name="disbursement",
            index=models.Index(
                condition=models.Q(("status", "requested")), fields=["institution", "loan"], name="disbursement_waiting"
            ),
        ),
        migrations.AddIndex(
            model_name="loan",
            index=models.Index(
                condition=models.Q(("status__in", ["paid", "refinanced", "charged_off", "cancelled"])),
                fields=["institution", "-closed_on", "-number"],
                name="loan_ended",
            ),
        ),
        migrations.AddIndex(
            model_name="restructure",
            index=models.Index(
                condition=models.Q(("status", "requested")), fields=["institution", "loan"], name="restructure_waiting"
            ),
        ),
    ]
