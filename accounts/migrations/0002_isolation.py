"""Put every institution-owned table of this floor behind row-level security."""

from django.db import migrations

from accounts.tenancy.operations import INSTITUTION, REGULATOR, IsolateTable

PENDING = f"""
ALTER TABLE accounts_auditpending ENABLE ROW LEVEL SECURITY;
ALTER TABLE accounts_auditpending FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON accounts_auditpending TO lend_app, lend_owner
  USING (institution_id = {INSTITUTION}) WITH CHECK (institution_id = {INSTITUTION});
CREATE POLICY system ON accounts_auditpending TO lend_system USING (true) WITH CHECK (true);
"""
# Which regulator supervises whom is not secret from the product; a regulator sees only their own.
MANDATES = f"""
ALTER TABLE accounts_regulatormandate ENABLE ROW LEVEL SECURITY;
ALTER TABLE accounts_regulatormandate FORCE ROW LEVEL SECURITY;
CREATE POLICY platform ON accounts_regulatormandate TO lend_app, lend_owner USING (true) WITH CHECK (true);
CREATE POLICY own ON accounts_regulatormandate FOR SELECT TO lend_regulator USING (regulator_id = {REGULATOR});
GRANT SELECT ON accounts_regulatormandate, accounts_institution, accounts_auditcheckpoint TO lend_regulator;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        IsolateTable("Membership", person_field="user"),
        IsolateTable("ApiClient"),
        IsolateTable("Consent", supervised=True),
        IsolateTable("OutboxEvent"),
        IsolateTable("IdempotencyKey"),
        IsolateTable("AuditEntry", supervised=True),
        IsolateTable("AuditSeal", supervised=True),
        IsolateTable("SubjectKey"),
        migrations.RunSQL(
            PENDING,
            "DROP POLICY tenant ON accounts_auditpending; DROP POLICY system ON accounts_auditpending;"
            " ALTER TABLE accounts_auditpending NO FORCE ROW LEVEL SECURITY;"
            " ALTER TABLE accounts_auditpending DISABLE ROW LEVEL SECURITY;",
        ),
        migrations.RunSQL(
            MANDATES,
            "DROP POLICY platform ON accounts_regulatormandate; DROP POLICY own ON accounts_regulatormandate;"
            " ALTER TABLE accounts_regulatormandate NO FORCE ROW LEVEL SECURITY;"
            " ALTER TABLE accounts_regulatormandate DISABLE ROW LEVEL SECURITY;",
        ),
    ]
