"""A mandate may be over the data of some days only; the regulator's role then sees no others."""

from django.db import migrations, models

from accounts.tenancy.operations import LimitToPeriod, lima_day


class Migration(migrations.Migration):
    dependencies = [("accounts", "0009_webhook_event")]

    operations = [
        migrations.AddField(
            "regulatormandate",
            "data_from",
            models.DateField(blank=True, null=True, verbose_name="datos desde el día"),
        ),
        migrations.AddField(
            "regulatormandate",
            "data_to",
            models.DateField(blank=True, null=True, verbose_name="datos hasta el día"),
        ),
        migrations.AddConstraint(
            "regulatormandate",
            models.CheckConstraint(
                condition=models.Q(("data_to__gte", models.F("data_from"))), name="mandate_data_period_in_order"
            ),
        ),
        # Seals stay visible: hashes and instants, no content, and the chain's links need all of them.
        LimitToPeriod("accounts_auditentry", lima_day("to_timestamp(at_us / 1000000.0)")),
        LimitToPeriod("accounts_consent", lima_day("given_at")),
        LimitToPeriod("accounts_datarequest", lima_day("requested_at")),
        LimitToPeriod("accounts_complaint", lima_day("filed_at")),
        LimitToPeriod("accounts_securityincident", lima_day("known_at")),
    ]
