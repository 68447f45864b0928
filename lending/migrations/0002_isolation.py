"""Every lending table but the legal parameters and holidays belongs to one institution."""

from django.db import migrations

from accounts.tenancy.operations import IsolateTable

# What was decided and on what grounds is added, never rewritten (the service says so too; this makes sure).
FROZEN = """
REVOKE UPDATE, DELETE ON lending_assessment, lending_decision FROM lend_app;
CREATE TRIGGER evidence_is_kept BEFORE UPDATE OR DELETE ON lending_assessment
  FOR EACH ROW EXECUTE FUNCTION evidence_is_kept();
CREATE TRIGGER evidence_is_kept BEFORE UPDATE OR DELETE ON lending_decision
  FOR EACH ROW EXECUTE FUNCTION evidence_is_kept();
ALTER TABLE lending_assessment ENABLE ALWAYS TRIGGER evidence_is_kept;
ALTER TABLE lending_decision ENABLE ALWAYS TRIGGER evidence_is_kept;
"""


class Migration(migrations.Migration):
    dependencies = [("lending", "0001_initial"), ("scoring", "0002_isolation")]

    operations = [
        IsolateTable("Product", supervised=True),
        IsolateTable("ProductVersion", supervised=True),
        IsolateTable("LendingPolicy", supervised=True),
        IsolateTable("Applicant"),
        IsolateTable("HouseholdProfile"),
        IsolateTable("EnterpriseProfile"),
        IsolateTable("FarmProfile"),
        IsolateTable("Application", supervised=True, person_field="owner"),
        IsolateTable("Document"),
        IsolateTable("Assessment", supervised=True),
        IsolateTable("Offer", supervised=True),
        IsolateTable("Decision", supervised=True),
        IsolateTable("ReviewRequest", supervised=True),
        IsolateTable("Notification"),
        migrations.RunSQL(
            FROZEN,
            "DROP TRIGGER evidence_is_kept ON lending_assessment; DROP TRIGGER evidence_is_kept ON lending_decision",
        ),
        migrations.RunSQL(
            "GRANT SELECT ON lending_parameter, lending_holiday TO lend_regulator", migrations.RunSQL.noop
        ),
    ]
