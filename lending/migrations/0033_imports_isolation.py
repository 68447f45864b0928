"""What an institution brought in belongs to it."""

from django.db import migrations

from accounts.tenancy.operations import IsolateTable


class Migration(migrations.Migration):
    dependencies = [("lending", "0032_imports")]

    operations = [IsolateTable("PortfolioImport")]
