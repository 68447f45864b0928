"""Nothing is posted into a closed month, whoever asks; notifications about loans; the legal values loans need."""

from django.db import migrations

from accounts.tenancy.operations import AddInstitutionKey
from lending.parameters import loan_values

CLOSED = """
CREATE OR REPLACE FUNCTION ledger_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM added GROUP BY journal, currency HAVING sum(amount) <> 0) THEN
    RAISE EXCEPTION 'a journal does not balance' USING ERRCODE = 'check_violation';
  END IF;
  IF EXISTS (
    SELECT 1 FROM (SELECT DISTINCT institution_id, date_trunc('month', "on")::date AS month FROM added) a
    JOIN lending_ledgerperiod p ON p.institution_id = a.institution_id AND p.month = a.month
  ) THEN
    RAISE EXCEPTION 'the month is closed' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
"""
OPEN = """
CREATE OR REPLACE FUNCTION ledger_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM added GROUP BY journal, currency HAVING sum(amount) <> 0) THEN
    RAISE EXCEPTION 'a journal does not balance' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
"""


def fill(apps, schema_editor):
    parameters = apps.get_model("lending", "Parameter").objects.using(schema_editor.connection.alias)
    parameters.bulk_create([parameters.model(**row) for row in loan_values()], ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [("lending", "0014_loan_parts")]

    operations = [
        AddInstitutionKey("lending_notification", "loan_id", "lending_loan"),
        migrations.RunSQL(CLOSED, OPEN),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
