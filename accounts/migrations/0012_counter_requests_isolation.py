"""What bureaus must hear of, behind the boundary; shown with the request it belongs to."""

from django.db import migrations

from accounts.tenancy.operations import IsolateTable, LimitToPeriod


class Migration(migrations.Migration):
    dependencies = [("accounts", "0011_counter_requests")]

    operations = [
        IsolateTable("BureauCorrection", supervised=True),
        LimitToPeriod("accounts_bureaucorrection", parent=("request_id", "accounts_datarequest")),
    ]
