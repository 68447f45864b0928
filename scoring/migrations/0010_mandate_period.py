"""A mandate over some days shows scores, outcomes and watching of those days; models and data sets stay whole."""

from django.db import migrations

from accounts.tenancy.operations import LimitToPeriod, lima_day


class Migration(migrations.Migration):
    dependencies = [("scoring", "0009_motives"), ("accounts", "0010_mandate_period")]

    operations = [
        LimitToPeriod("scoring_score", lima_day("created_at")),
        LimitToPeriod("scoring_shadowscore", lima_day("created_at")),
        LimitToPeriod("scoring_outcome", lima_day("recorded_at")),
        LimitToPeriod("scoring_monitoringreport", '"on"'),
        LimitToPeriod("scoring_alarm", lima_day("opened_at")),
    ]
