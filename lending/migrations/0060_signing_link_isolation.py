from django.db import migrations

from accounts.tenancy.operations import IsolateTable


class Migration(migrations.Migration):
    dependencies = [("lending", "0059_signing_links")]

    operations = [IsolateTable("SigningLink")]
