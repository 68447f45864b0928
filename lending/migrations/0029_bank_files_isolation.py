"""Bank files belong to one institution."""

from django.db import migrations

from accounts.tenancy.operations import IsolateTable


class Migration(migrations.Migration):
    dependencies = [("lending", "0028_bank_files")]

    operations = [IsolateTable("BankFile", supervised=True)]
