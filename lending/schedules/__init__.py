"""Payment schedules: one set of rules for the simulator, the offer, the contract and the loan.

`build_schedule(LoanTerms(...))` gives the rows, totals, level installment, TEA and TCEA. Every amount is
worked out in whole céntimos with period rates fixed at ten decimals (lending.interest), so that the
integer, Decimal and array versions agree to the cent.
"""

from lending.schedules.calendar import add_months, due_dates
from lending.schedules.plan import build_schedule
from lending.schedules.rows import Row, Schedule, Totals
from lending.schedules.terms import (
    Amortization,
    Fee,
    FeeWhen,
    Insurance,
    InsuranceBase,
    InterestMethod,
    InterestPeriod,
    InvalidTerms,
    LoanTerms,
    PlannedPayment,
    RateType,
    RepayUnit,
    Tranche,
    WorkingDayRule,
)

__all__ = [
    "Amortization",
    "Fee",
    "FeeWhen",
    "Insurance",
    "InsuranceBase",
    "InterestMethod",
    "InterestPeriod",
    "InvalidTerms",
    "LoanTerms",
    "PlannedPayment",
    "RateType",
    "RepayUnit",
    "Row",
    "Schedule",
    "Totals",
    "Tranche",
    "WorkingDayRule",
    "add_months",
    "build_schedule",
    "due_dates",
]
