"""The reserved institution whose chain holds the platform's own acts: sign-ups, institutions, mandates."""

from django.db import migrations


def create(apps, schema_editor):
    institutions = apps.get_model("accounts", "Institution").objects.using(schema_editor.connection.alias)
    institutions.get_or_create(
        slug="ayni", defaults={"name": "Ayni", "legal_name": "Ayni", "kind": "platform", "number_prefix": "AY"}
    )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_evidence")]

    # Its chain of evidence can't be removed, so going back leaves it.
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
