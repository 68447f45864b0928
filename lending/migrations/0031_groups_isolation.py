"""Groups and guarantees belong to one institution; supervisors read who answers for what."""

from django.db import migrations

from accounts.tenancy.operations import IsolateTable


class Migration(migrations.Migration):
    dependencies = [("lending", "0030_groups")]

    operations = [
        IsolateTable("Group"),
        IsolateTable("GroupMember"),
        IsolateTable("GroupLoan", supervised=True),
        IsolateTable("Guarantee", supervised=True),
    ]
