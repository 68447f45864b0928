"""The term of portability for databases that were filled before it."""

from django.db import migrations

from lending.parameters import legal_values


def fill(apps, schema_editor):
    parameters = apps.get_model("lending", "Parameter").objects.using(schema_editor.connection.alias)
    rows = [row for row in legal_values() if row["code"] == "data_portability_days"]
    parameters.bulk_create([parameters.model(**row) for row in rows], ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [("lending", "0040_portability")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
