"""What people say of themselves is out of reach of whatever scores and decides: the serving role can't read it."""

from django.db import migrations

from accounts.tenancy.operations import IsolateTable

ANSWERS = """
REVOKE ALL ON lending_fairnessanswer FROM lend_app;
GRANT INSERT, DELETE, SELECT (id, institution_id, application_id, answered_at) ON lending_fairnessanswer TO lend_app;
REVOKE INSERT, UPDATE, DELETE ON lending_disparitymonth FROM lend_app;
REVOKE UPDATE, DELETE ON lending_disparityreply FROM lend_app;
"""
READ = (
    "lending_fairnessanswer",
    "lending_application",
    "lending_assessment",
    "lending_decision",
    "lending_offer",
    "lending_productversion",
    "lending_reviewrequest",
    "scoring_score",
    "scoring_outcome",
)
# Columns that no summary needs stay closed: drafts, words, what scores were made of.
COLUMNS = {
    "lending_application": "id, institution_id, number, segment, product_id, submitted_at, age_years, facts",
    "lending_decision": "id, institution_id, application_id, assessment_id, stage, outcome, created_at",
    "lending_assessment": "id, institution_id, application_id, score_id",
    "lending_reviewrequest": "institution_id, application_id, closed_at",
    "scoring_score": "id, institution_id, application_id, model_id, pd",
}
SUMMARISES = [
    f"GRANT SELECT{f' ({COLUMNS[table]})' if table in COLUMNS else ''} ON {table} TO lend_fairness" for table in READ
]
SUMMARISES += [f"CREATE POLICY fairness ON {table} FOR SELECT TO lend_fairness USING (true)" for table in READ]
SUMMARISES += [
    "GRANT SELECT ON accounts_institution TO lend_fairness",
    "GRANT SELECT, INSERT, DELETE ON lending_disparitymonth TO lend_fairness",
    "GRANT USAGE, SELECT ON SEQUENCE lending_disparitymonth_id_seq TO lend_fairness",
    "CREATE POLICY fairness ON lending_disparitymonth TO lend_fairness USING (true) WITH CHECK (true)",
]
AGES = """
ALTER TABLE lending_application NO FORCE ROW LEVEL SECURITY;
ALTER TABLE lending_applicant NO FORCE ROW LEVEL SECURITY;
UPDATE lending_application a SET age_years =
  extract(year FROM age((a.submitted_at AT TIME ZONE 'America/Lima')::date, p.birth_on))
FROM lending_applicant p WHERE p.institution_id = a.institution_id AND p.id = a.applicant_id
  AND a.submitted_at IS NOT NULL;
ALTER TABLE lending_applicant FORCE ROW LEVEL SECURITY;
ALTER TABLE lending_application FORCE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):
    dependencies = [("lending", "0024_fairness"), ("scoring", "0005_life_cycle_isolation")]

    operations = [
        migrations.RunSQL(AGES, migrations.RunSQL.noop),
        IsolateTable("FairnessAnswer", supervised=True),
        IsolateTable("DisparityMonth", supervised=True),
        IsolateTable("DisparityReply", supervised=True),
        migrations.RunSQL(
            ANSWERS,
            "GRANT SELECT, INSERT, UPDATE, DELETE ON lending_fairnessanswer, lending_disparitymonth,"
            " lending_disparityreply TO lend_app",
        ),
        migrations.RunSQL(
            SUMMARISES,
            [f"DROP POLICY fairness ON {table}" for table in (*READ, "lending_disparitymonth")],
        ),
    ]
