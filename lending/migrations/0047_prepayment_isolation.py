from django.db import migrations

from accounts.tenancy.operations import IsolateTable


class Migration(migrations.Migration):
    dependencies = [("lending", "0046_prepayment_requests")]

    operations = [IsolateTable("PrepaymentRequest")]
