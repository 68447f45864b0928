"""Regulators verify chains themselves: they also see which entries wait for their seal."""

from django.db import migrations

from accounts.tenancy.operations import MANDATED

QUEUE = f"""
GRANT SELECT ON accounts_auditpending TO lend_regulator;
CREATE POLICY supervised ON accounts_auditpending FOR SELECT TO lend_regulator
  USING (institution_id = ANY ({MANDATED}));
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_data_rights_isolation")]

    operations = [
        migrations.RunSQL(
            QUEUE,
            "DROP POLICY supervised ON accounts_auditpending; REVOKE SELECT ON accounts_auditpending FROM lend_regulator",
        ),
    ]
