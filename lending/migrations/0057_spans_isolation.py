"""Spans of days take the place of a row for every loan and day; a trigger notes which loans the next close must see."""

from django.db import migrations

from accounts.tenancy.operations import DropInstitutionKey, IsolateTable, LimitToPeriod

OLD = ("lending_dailyloanstate", "lending_debtorday", "lending_runninginstallment")
READ = ("lending_loan", "lending_closerun", "lending_closechunk", "lending_portfolioday")
# A close left half done begins anew: what it posted is a level, and posting it again posts nothing.
FORGET = [
    f"""DELETE FROM {table} t USING lending_closerun r
    WHERE r.institution_id = t.institution_id AND r."on" = t."on" AND r.finished_at IS NULL"""  # noqa: S608  (constants)
    for table in ("lending_closechunk", "lending_portfolioday", "lending_dailyloanstate", "lending_debtorday")
]
# Every day was a span of one day. The night after the last one, all its spans end: every loan is worked out.
CONVERT = """
DELETE FROM lending_closerun WHERE finished_at IS NULL;
INSERT INTO lending_loanspan (institution_id, loan_id, "on", through, product_id, branch, officer_id, currency, tea,
  credit_type, situation, principal, overdue, past_due, next_due_on, accrued_first, receivable_first, daily, line_from,
  line_due, line_interest, loan_class, sbs_class, provision)
SELECT s.institution_id, s.loan_id, s."on", s."on", l.product_id, l.branch, l.officer_id, l.currency, l.tea,
  s.credit_type, s.situation, s.principal, s.overdue, s.past_due, s."on" - nullif(s.days_late, 0), s.accrued,
  s.receivable, 0, s."on", s."on", 0, s.loan_class, s.sbs_class, s.provision
FROM lending_dailyloanstate s JOIN lending_loan l ON l.institution_id = s.institution_id AND l.id = s.loan_id;
INSERT INTO lending_latestspan (institution_id, loan_id, "on")
SELECT institution_id, loan_id, max("on") FROM lending_loanspan GROUP BY 1, 2;
INSERT INTO lending_debtorspan (institution_id, applicant_id, "on", through, own_class, external_class, sbs_class)
SELECT d.institution_id, d.applicant_id, d."on", CASE WHEN d."on" = last."on" THEN DATE '9999-12-31' ELSE d."on" END,
  d.own_class, d.external_class, d.sbs_class
FROM lending_debtorday d
JOIN (SELECT institution_id, max("on") AS "on" FROM lending_closerun GROUP BY 1) last
  ON last.institution_id = d.institution_id;
INSERT INTO lending_loanchange (institution_id, loan_id) SELECT institution_id, id FROM lending_loan;
"""
# Whoever changes a loan, by whatever statement, the next close hears of it.
NOTED = """
CREATE FUNCTION note_loan_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO lending_loanchange (institution_id, loan_id) SELECT institution_id, id FROM changed;
  RETURN NULL;
END $$;
CREATE TRIGGER loan_inserted AFTER INSERT ON lending_loan
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_loan_change();
CREATE TRIGGER loan_updated AFTER UPDATE ON lending_loan
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_loan_change();
ALTER TABLE lending_loan ENABLE ALWAYS TRIGGER loan_inserted;
ALTER TABLE lending_loan ENABLE ALWAYS TRIGGER loan_updated;
-- A span that is cut short leaves a hole; new spans shall not be scattered over such holes.
ALTER TABLE lending_loanspan SET (fillfactor = 90);
ALTER TABLE lending_latestspan SET (fillfactor = 80);
"""
UNNOTED = """
DROP TRIGGER loan_updated ON lending_loan;
DROP TRIGGER loan_inserted ON lending_loan;
DROP FUNCTION note_loan_change();
"""


class Migration(migrations.Migration):
    dependencies = [("lending", "0056_spans")]

    operations = [
        migrations.RunSQL(
            [
                *(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY" for table in (*OLD, *READ)),
                *FORGET,
                CONVERT,
                *(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY" for table in (*OLD, *READ)),
            ],
            migrations.RunSQL.noop,
        ),
        IsolateTable("LoanSpan", supervised=True),
        IsolateTable("LatestSpan"),
        IsolateTable("LoanChange"),
        DropInstitutionKey("lending_loanchange"),  # nothing points to it
        IsolateTable("DebtorSpan", supervised=True),
        # A span shows where it touches the days of the mandate.
        LimitToPeriod("lending_loanspan", "through", '"on"'),
        LimitToPeriod("lending_debtorspan", "through", '"on"'),
        migrations.RunSQL(NOTED, UNNOTED),
        migrations.DeleteModel("DailyLoanState"),
        migrations.DeleteModel("DebtorDay"),
        migrations.DeleteModel("RunningInstallment"),
    ]
