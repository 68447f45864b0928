"""Put requests about data, complaints, incidents and webhooks behind row-level security."""

from django.db import migrations

from accounts.tenancy.operations import IsolateTable


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_data_rights")]

    operations = [
        IsolateTable("DataRequest", person_field="user", supervised=True),
        IsolateTable("Complaint", person_field="user", supervised=True),
        IsolateTable("SecurityIncident", supervised=True),
        IsolateTable("Webhook"),
        IsolateTable("WebhookDelivery"),
    ]
