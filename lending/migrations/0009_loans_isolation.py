"""Loans, their money and their ledger belong to one institution; a journal that does not balance is refused."""

from django.db import migrations

from accounts.tenancy.operations import IsolateTable

# Checked once a statement over the rows it added: every journal is written by one statement.
BALANCED = """
CREATE FUNCTION ledger_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM added GROUP BY journal, currency HAVING sum(amount) <> 0) THEN
    RAISE EXCEPTION 'a journal does not balance' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER ledger_balances AFTER INSERT ON lending_ledgerentry
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_balances();
ALTER TABLE lending_ledgerentry ENABLE ALWAYS TRIGGER ledger_balances;
CREATE TRIGGER evidence_is_kept BEFORE UPDATE OR DELETE ON lending_ledgerentry
  FOR EACH ROW EXECUTE FUNCTION evidence_is_kept();
ALTER TABLE lending_ledgerentry ENABLE ALWAYS TRIGGER evidence_is_kept;
REVOKE UPDATE, DELETE ON lending_ledgerentry FROM lend_app;
"""
UNBALANCED = """
DROP TRIGGER evidence_is_kept ON lending_ledgerentry;
DROP TRIGGER ledger_balances ON lending_ledgerentry;
DROP FUNCTION ledger_balances();
"""


class Migration(migrations.Migration):
    dependencies = [("lending", "0008_loans")]

    operations = [
        IsolateTable("Contract", supervised=True),
        IsolateTable("Loan", supervised=True),
        IsolateTable("Installment", supervised=True),
        IsolateTable("Disbursement", supervised=True),
        IsolateTable("Repayment", supervised=True),
        IsolateTable("Allocation", supervised=True),
        IsolateTable("Restructure", supervised=True),
        IsolateTable("LedgerEntry", supervised=True),
        IsolateTable("LedgerPeriod", supervised=True),
        IsolateTable("DailyLoanState", supervised=True),
        IsolateTable("CloseRun", supervised=True),
        IsolateTable("PortfolioDay", supervised=True),
        migrations.RunSQL(BALANCED, UNBALANCED),
    ]
