"""Scores belong to one institution; data sets and models to one, or to all when they name none."""

from django.db import migrations

from accounts.tenancy.operations import IsolateTable

FROZEN = """
REVOKE UPDATE, DELETE ON scoring_score FROM lend_app;
CREATE TRIGGER evidence_is_kept BEFORE UPDATE OR DELETE ON scoring_score
  FOR EACH ROW EXECUTE FUNCTION evidence_is_kept();
ALTER TABLE scoring_score ENABLE ALWAYS TRIGGER evidence_is_kept;
"""


class Migration(migrations.Migration):
    dependencies = [("scoring", "0001_initial"), ("accounts", "0003_evidence")]

    operations = [
        IsolateTable("Dataset", shared=True, supervised=True),
        IsolateTable("ScoringModel", shared=True, supervised=True),
        IsolateTable("Score", supervised=True),
        migrations.RunSQL(
            "CREATE POLICY shared_supervised ON scoring_scoringmodel FOR SELECT TO lend_regulator"
            " USING (institution_id IS NULL);"
            "CREATE POLICY shared_supervised ON scoring_dataset FOR SELECT TO lend_regulator"
            " USING (institution_id IS NULL)",
            "DROP POLICY shared_supervised ON scoring_scoringmodel; DROP POLICY shared_supervised ON scoring_dataset",
        ),
        migrations.RunSQL(FROZEN, "DROP TRIGGER evidence_is_kept ON scoring_score"),
    ]
