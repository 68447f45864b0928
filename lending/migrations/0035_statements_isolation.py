from django.db import migrations

from accounts.tenancy.operations import IsolateTable


class Migration(migrations.Migration):
    dependencies = [("lending", "0034_statements")]
    operations = [IsolateTable("AccountStatement")]
