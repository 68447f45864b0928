"""The books: balanced lines, days and months that close, and what the database refuses."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts.errors import InvalidInput, InvalidState, NotAllowed
from accounts.models import AuditEntry
from lending import ledger
from lending.ledger import ACCOUNTS, CASH, Line, Standing, collection_lines, journal, transaction_tax
from lending.models import CloseRun, LedgerEntry, LedgerPeriod, Loan
from lending.selectors.ledger import balances_by_product, disagreements, trial_balance
from lending.services import ledger as books
from lending.services.ledger import accounting_day, close_period, post_journal
from lending.services.repayments import record_repayment
from lending.tests.loans import active_loan, staff

DUE = date(2026, 4, 2)
cents = st.integers(0, 10**9).map(lambda amount: Decimal(amount) / 100)


@pytest.fixture
def loan(institution) -> Loan:
    return active_loan(institution)


def closed_day(day: date) -> None:
    CloseRun.objects.create(on=day, finished_at=timezone.now())


class TestLines:
    def test_every_account_named_by_an_act_is_in_the_chart(self):
        codes = {value for name, value in vars(ledger).items() if name.isupper() and str(value)[:4].isdigit()}
        assert codes == set(ACCOUNTS)

    @given(cents, cents, cents, cents, cents, cents, cents)
    def test_a_collection_balances_whatever_it_pays(self, principal, interest, insurance, fees, moratory, advance, itf):
        change = Standing(
            principal=-principal, interest=interest, insurance=insurance, fees=fees, moratory=moratory, advance=advance
        )
        money = principal + interest + insurance + fees + moratory + advance
        lines = collection_lines(change, money=money, itf=itf, principal_account="1401", money_account=CASH)
        assert sum(line.amount for line in lines) == 0
        assert {line.account: line.amount for line in lines}.get(CASH, 0) == money + itf

    def test_a_change_that_is_not_worth_its_money_is_no_journal(self):
        with pytest.raises(ValueError, match="balance"):
            collection_lines(
                Standing(principal=Decimal(-5)), money=Decimal(6), itf=Decimal(0), principal_account="1401",
                money_account=CASH,
            )  # fmt: skip

    def test_sides_of_one_account_are_one_line(self):
        assert journal(("1101", Decimal(3)), ("1401", Decimal(-5)), ("1101", Decimal(2)), ("1403", Decimal(0))) == [
            Line("1101", Decimal(5)), Line("1401", Decimal(-5)),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("amount", "tax"), [("999.99", "0.00"), ("1000", "0.05"), ("1999.99", "0.05"), ("100000", "5.00")]
    )
    def test_the_tax_is_rounded_down_to_five_hundredths(self, amount, tax):
        assert transaction_tax(Decimal(amount), Decimal("0.00005"), Decimal("0.05")) == Decimal(tax)


class TestWhatTheDatabaseRefuses:
    def test_a_journal_that_does_not_balance(self, loan):
        with pytest.raises(IntegrityError, match="balance"), transaction.atomic():
            post_journal([Line(CASH, Decimal(1))], event="lending.repayment.posted", on=DUE, loan=loan)

    def test_a_closed_month(self, loan):
        LedgerPeriod.objects.create(month=date(2026, 4, 1))
        lines = [Line(CASH, Decimal(1)), Line("1401", Decimal(-1))]
        with pytest.raises(IntegrityError, match="closed"), transaction.atomic():
            post_journal(lines, event="lending.repayment.posted", on=date(2026, 4, 30), loan=loan)
        post_journal(lines, event="lending.repayment.posted", on=date(2026, 5, 1), loan=loan)

    @pytest.mark.parametrize(
        "statement", ["UPDATE lending_ledgerentry SET amount = 0", "DELETE FROM lending_ledgerentry"]
    )
    def test_an_entry_changed_or_removed(self, loan, statement):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


class TestDays:
    def test_an_open_day_is_booked_on_itself(self, institution):
        assert accounting_day(DUE) == DUE
        closed_day(DUE - timedelta(days=1))
        assert accounting_day(DUE) == DUE

    def test_a_closed_day_is_booked_today_or_on_the_next_open_one(self, institution, monkeypatch):
        closed_day(DUE)
        monkeypatch.setattr(books, "today", lambda: DUE + timedelta(days=9))
        assert accounting_day(DUE) == DUE + timedelta(days=9)
        monkeypatch.setattr(books, "today", lambda: DUE)
        assert accounting_day(DUE) == DUE + timedelta(days=1)

    def test_a_payment_that_comes_to_light_late_leaves_a_closed_day_alone(self, institution, loan):
        closed_day(DUE + timedelta(days=20))
        before = trial_balance(DUE + timedelta(days=20))
        record_repayment(loan_id=loan.pk, actor=staff(institution, "cashier"), amount=Decimal(50), on=DUE)
        assert trial_balance(DUE + timedelta(days=20)) == before
        assert disagreements() == []


class TestMonths:
    MARCH = date(2026, 3, 1)

    def test_closing_keeps_the_trial_balance(self, loan, manager):
        closed_day(date(2026, 3, 31))
        first, again = (close_period(month=date(2026, 3, 17), actor=manager) for _ in range(2))
        assert first.pk == again.pk
        assert {row["account"]: (row["debit"], row["credit"]) for row in first.trial_balance} == {
            "1103": ("0.00", "2999.85"), "1401": ("3000.00", "0.00"), "2507.01": ("0.00", "0.15"),
        }  # fmt: skip
        assert AuditEntry.objects.filter(event="lending.ledger.month_closed").count() == 1

    def test_not_before_the_close_of_its_last_day(self, loan, manager):
        with pytest.raises(InvalidState):
            close_period(month=self.MARCH, actor=manager)

    def test_not_before_the_months_before_it(self, loan, manager):
        closed_day(date(2026, 4, 30))
        with pytest.raises(InvalidState, match="03/2026"):
            close_period(month=date(2026, 4, 1), actor=manager)

    def test_not_before_it_is_over(self, loan, manager):
        with pytest.raises(InvalidInput):
            close_period(month=date.today(), actor=manager)

    def test_by_whom(self, loan, cashier):
        with pytest.raises(NotAllowed):
            close_period(month=self.MARCH, actor=cashier)


def test_balances_by_product_and_a_book_that_disagrees(loan):
    found = balances_by_product(date(2026, 3, 31), ["1401", "1103"])
    assert found == {(loan.product_id, "PEN", "1401"): 3000, (loan.product_id, "PEN", "1103"): Decimal("-2999.85")}
    Loan.objects.update(principal_outstanding=Decimal(2999))
    [one] = disagreements()
    assert (one.product_id, one.what, one.book, one.ledger) == (loan.product_id, "principal", 2999, 3000)
    assert LedgerEntry.objects.exclude(product=None).count() == LedgerEntry.objects.count()
