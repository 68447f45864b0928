"""Add the legal terms of data rights, complaints and incidents to databases that were filled before them."""

from django.db import migrations

from lending.parameters import RIGHTS, legal_values


def fill(apps, schema_editor):
    parameters = apps.get_model("lending", "Parameter").objects.using(schema_editor.connection.alias)
    codes = {code for code, *_ in RIGHTS}
    parameters.bulk_create(
        [parameters.model(**row) for row in legal_values() if row["code"] in codes], ignore_conflicts=True
    )


class Migration(migrations.Migration):
    dependencies = [("lending", "0010_data_rights")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
