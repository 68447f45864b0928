"""Summaries and collections belong to one institution; what was written of a contact stays as it was."""

from django.db import migrations

from accounts.tenancy.operations import IsolateTable


class Migration(migrations.Migration):
    dependencies = [("lending", "0012_portfolio")]

    operations = [
        IsolateTable("PortfolioFlow", supervised=True),
        IsolateTable("VintageMonth", supervised=True),
        IsolateTable("RollMonth", supervised=True),
        IsolateTable("ContactNote"),
        IsolateTable("PromiseToPay"),
        migrations.RunSQL("REVOKE UPDATE, DELETE ON lending_contactnote FROM lend_app", migrations.RunSQL.noop),
    ]
