"""Each delivery names its event, and is made once for each address."""

import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_supervision")]

    operations = [
        migrations.AddField(
            model_name="webhookdelivery",
            name="event_id",
            field=models.UUIDField(default=uuid.UUID(int=0)),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.UniqueConstraint(
                fields=("institution", "webhook", "event_id"), name="webhook_delivery_once_per_event"
            ),
        ),
    ]
