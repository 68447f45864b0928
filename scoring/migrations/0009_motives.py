"""Why models were put in force, in words."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("scoring", "0008_file_moved")]

    operations = [
        migrations.AddField("scoringmodel", "motives", models.JSONField(default=list)),
    ]
