"""What the close writes belongs to one institution; its rules are everybody's, filled from their norms."""

from django.db import migrations

from accounts.tenancy.operations import IsolateTable
from lending.provisions import DEFAULT_CLASS_RULES, default_rates

# A night changes the figures of late loans: room on the page keeps every index as it is.
ROOM = """
ALTER TABLE lending_loan SET (fillfactor = 85);
ALTER TABLE lending_runninginstallment SET (fillfactor = 80);
GRANT SELECT ON lending_classrule, lending_provisionrate TO lend_regulator;
"""


def fill(apps, schema_editor):
    alias = schema_editor.connection.alias
    for name, rows in (("ClassRule", DEFAULT_CLASS_RULES), ("ProvisionRate", default_rates())):
        table = apps.get_model("lending", name).objects.using(alias)
        table.bulk_create([table.model(**row) for row in rows], ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [("lending", "0016_close")]

    operations = [
        IsolateTable("DailyLoanState", supervised=True),
        IsolateTable("DebtorDay", supervised=True),
        IsolateTable("RunningInstallment"),
        IsolateTable("CloseChunk"),
        IsolateTable("ExternalClass"),
        migrations.RunSQL(ROOM, migrations.RunSQL.noop),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
