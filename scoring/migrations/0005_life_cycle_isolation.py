"""The new tables behind the boundary; shadow scores are evidence, signals are corrected by new versions only."""

from django.db import migrations

from accounts.tenancy.operations import IsolateTable

FROZEN = """
REVOKE UPDATE, DELETE ON scoring_shadowscore, scoring_signal FROM lend_app;
CREATE TRIGGER evidence_is_kept BEFORE UPDATE OR DELETE ON scoring_shadowscore
  FOR EACH ROW EXECUTE FUNCTION evidence_is_kept();
ALTER TABLE scoring_shadowscore ENABLE ALWAYS TRIGGER evidence_is_kept;
"""


class Migration(migrations.Migration):
    dependencies = [("scoring", "0004_life_cycle"), ("accounts", "0003_evidence")]

    operations = [
        IsolateTable("TrainingRun", shared=True),
        IsolateTable("ShadowScore", supervised=True),
        IsolateTable("Outcome", supervised=True),
        IsolateTable("ScoredFile"),
        IsolateTable("MonitoringReport", supervised=True),
        IsolateTable("Alarm", supervised=True),
        migrations.RunSQL(FROZEN, "DROP TRIGGER evidence_is_kept ON scoring_shadowscore"),
    ]
