"""Keys the ORM can't say: an offer's decision is of its institution; a final decision names its true proposer."""

from django.db import migrations

from accounts.tenancy.operations import AddInstitutionKey

# With the check constraint `four_eyes` this makes it impossible to decide one's own proposal.
PROPOSER = """
ALTER TABLE lending_decision NO FORCE ROW LEVEL SECURITY;
ALTER TABLE lending_decision
  ADD CONSTRAINT lending_decision_decider_key UNIQUE (institution_id, id, decided_by_id);
ALTER TABLE lending_decision ADD CONSTRAINT lending_decision_proposer_within
  FOREIGN KEY (institution_id, proposal_id, proposed_by_id)
  REFERENCES lending_decision (institution_id, id, decided_by_id);
ALTER TABLE lending_decision FORCE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):
    dependencies = [("lending", "0003_deciding_and_pricing")]

    operations = [
        AddInstitutionKey("lending_offer", "decision_id", "lending_decision"),
        migrations.RunSQL(
            PROPOSER,
            "ALTER TABLE lending_decision DROP CONSTRAINT lending_decision_proposer_within;"
            " ALTER TABLE lending_decision DROP CONSTRAINT lending_decision_decider_key",
        ),
    ]
