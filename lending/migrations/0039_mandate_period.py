"""A mandate over some days shows cases, loans and figures of those days; products and policies stay whole."""

from django.db import migrations

from accounts.tenancy.operations import LimitToPeriod, lima_day

MONTHS_END = "(month + interval '1 month' - interval '1 day')::date"


class Migration(migrations.Migration):
    dependencies = [("lending", "0038_judicial"), ("accounts", "0010_mandate_period")]

    operations = [
        LimitToPeriod("lending_application", lima_day("coalesce(submitted_at, created_at)")),
        LimitToPeriod("lending_assessment", lima_day("created_at")),
        LimitToPeriod("lending_offer", lima_day("created_at")),
        LimitToPeriod("lending_decision", lima_day("created_at")),
        LimitToPeriod("lending_reviewrequest", lima_day("requested_at")),
        LimitToPeriod("lending_fairnessanswer", lima_day("answered_at")),
        LimitToPeriod("lending_disparitymonth", "month", MONTHS_END),
        LimitToPeriod("lending_disparityreply", lima_day("written_at")),
        LimitToPeriod("lending_contract", lima_day("created_at")),
        LimitToPeriod("lending_loan", f"coalesce(disbursed_on, {lima_day('created_at')})"),
        LimitToPeriod("lending_installment", parent=("loan_id", "lending_loan")),
        LimitToPeriod("lending_disbursement", '"on"'),
        LimitToPeriod("lending_repayment", '"on"'),
        LimitToPeriod("lending_allocation", parent=("repayment_id", "lending_repayment")),
        LimitToPeriod("lending_restructure", '"on"'),
        LimitToPeriod("lending_grouploan", parent=("loan_id", "lending_loan")),
        LimitToPeriod("lending_guarantee", parent=("loan_id", "lending_loan")),
        LimitToPeriod("lending_ledgerentry", '"on"'),
        LimitToPeriod("lending_ledgerperiod", "month", MONTHS_END),
        LimitToPeriod("lending_dailyloanstate", '"on"'),
        LimitToPeriod("lending_debtorday", '"on"'),
        LimitToPeriod("lending_closerun", '"on"'),
        LimitToPeriod("lending_portfolioday", '"on"'),
        LimitToPeriod("lending_portfolioflow", '"on"'),
        LimitToPeriod("lending_vintagemonth", '"on"'),
        LimitToPeriod("lending_rollmonth", '"on"'),
        LimitToPeriod("lending_bankfile", lima_day("imported_at")),
    ]
