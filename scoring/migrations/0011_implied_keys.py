"""Indexes that wider ones cover and checks that composite keys imply cost every row that is written."""

from django.db import migrations

from accounts.tenancy.operations import LeaveOutImplied


class Migration(migrations.Migration):
    dependencies = [("scoring", "0010_mandate_period")]

    operations = [
        LeaveOutImplied("Score", "institution"),
        LeaveOutImplied("ShadowScore", "institution"),
        LeaveOutImplied("Outcome", "institution"),
        LeaveOutImplied("MonitoringReport", "institution"),
    ]
