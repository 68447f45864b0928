"""Fill the dated legal values and the national holidays a fresh database starts with."""

from django.db import migrations

from lending.parameters import legal_values, national_holidays


def fill(apps, schema_editor):
    alias = schema_editor.connection.alias
    parameters = apps.get_model("lending", "Parameter").objects.using(alias)
    parameters.bulk_create([parameters.model(**row) for row in legal_values()], ignore_conflicts=True)
    days = apps.get_model("lending", "Holiday").objects.using(alias)
    days.bulk_create(
        [days.model(day=day, name=name[:80]) for day, name in sorted(national_holidays().items())],
        ignore_conflicts=True,
    )


class Migration(migrations.Migration):
    dependencies = [("lending", "0004_deciding_keys")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
