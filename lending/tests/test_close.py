"""The nightly close: what it finds is what the rules say loan by loan, however it is run."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.db.models import Sum

from accounts.actors import Actor
from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState, NotAllowed
from accounts.models import AuditEntry, OutboxEvent
from accounts.tenancy.scope import current_institution_id, institution_scope
from lending.buckets import bucket
from lending.ledger import ACCRUED, ALLOWANCE, PAST_DUE, PRINCIPAL, SUSPENDED
from lending.models import (
    Applicant,
    CloseChunk,
    CloseRun,
    DebtorSpan,
    ExternalClass,
    Installment,
    LedgerEntry,
    Loan,
    LoanSpan,
    PortfolioDay,
    PortfolioFlow,
    Product,
    RollMonth,
    VintageMonth,
)
from lending.money import ZERO, from_centimos, to_centimos
from lending.selectors.risk import last_state, risk_rules, states_on
from lending.services.closing import close_day, close_through, days_to_close, statements
from lending.services.closing import run as closing_run
from lending.services.generation import generate_portfolio

SYSTEM = Actor.system("tests")


@pytest.fixture
def yesterday():
    return today() - timedelta(days=1)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(closing_run, "CHUNK_LOANS", 40)


@pytest.fixture
def book(institution, yesterday):
    """A book of 150 loans as it stands yesterday."""
    generate_portfolio(institution=institution, actor=SYSTEM, loans=150, seed=3, on=yesterday)
    return institution


def close(institution, on, **how):
    return close_day(institution_id=institution.pk, actor=SYSTEM, on=on, **how)


def balance(account, on):
    with_zero = LedgerEntry.objects.filter(account=account, on__lte=on).aggregate(sum=Sum("amount", default=ZERO))
    return with_zero["sum"]


def expected_state(loan: Loan, on: date, rules) -> dict:
    """One loan by the book, in plain Python."""
    lines = list(Installment.objects.filter(loan=loan).order_by("place"))
    due = [line for line in lines if line.due_on <= on]
    unpaid = [line for line in due if line.settled_on is None]
    running = next((line for line in lines if line.due_on > on), None)
    accrued = ZERO
    if running:
        start = due[-1].due_on if due else loan.disbursed_on
        assert start is not None
        gone, days = (on - start).days, (running.due_on - start).days
        each, rest = divmod(to_centimos(running.earned), days)  # whole céntimos a day, one more on the first days
        accrued = from_centimos(each * gone + min(gone, rest))
    days = (on - unpaid[0].due_on).days if unpaid else 0
    overdue = sum((line.principal - line.paid_principal for line in unpaid), ZERO)
    owed = to_centimos(loan.principal_outstanding)
    past_due = rules.past_due(loan.credit_type, owed, to_centimos(overdue), days)
    return {
        "principal": loan.principal_outstanding,
        "overdue": overdue,
        "past_due": loan.principal_outstanding if loan.judicial_on else from_centimos(past_due),
        "accrued": accrued,
        "receivable": sum((line.earned - line.paid_interest for line in due), ZERO) + accrued,
        "days_late": days,
        "by_days": rules.loan_class(loan.credit_type, days),
    }


def test_every_loan_is_found_as_the_rules_say_one_by_one(book, yesterday):
    report = close(book, yesterday)
    with institution_scope(book.pk):
        rules = risk_rules(yesterday)
        loans = list(Loan.objects.filter(status="active"))
        states = {state.loan_id: state for state in states_on(yesterday)}
        assert report.loans == len(loans) == len(states) > 100
        worst = defaultdict(int)
        for loan in loans:
            worst[loan.applicant_id] = max(worst[loan.applicant_id], states[loan.pk].loan_class)
        for loan in loans:
            state, expected = states[loan.pk], expected_state(loan, yesterday, rules)
            for name in ("principal", "overdue", "past_due", "accrued", "receivable", "days_late"):
                assert getattr(state, name) == expected[name], (loan, name)
            assert state.loan_class >= expected["by_days"]
            assert state.loan_class == expected["by_days"] or loan.is_refinanced
            assert state.sbs_class == worst[loan.applicant_id]
            provision = rules.provision(loan.credit_type, state.sbs_class, to_centimos(state.principal))
            assert state.provision == from_centimos(provision)
            assert last_state(loan.pk) == state
        assert {state.days_late > 30 for state in states.values()} == {True, False}
        assert {debtor.applicant_id: debtor.sbs_class for debtor in DebtorSpan.objects.all()} == {
            key: place for key, place in worst.items() if place
        }


def test_the_summary_adds_up_to_the_states_and_the_ledger_to_the_summary(book, yesterday):
    close(book, yesterday)
    with institution_scope(book.pk):
        states = states_on(yesterday)
        sums = states.aggregate(*(Sum(n, default=ZERO) for n in ("principal", "provision", "receivable", "accrued")))
        day = PortfolioDay.objects.filter(on=yesterday).aggregate(
            *(Sum(n) for n in ("principal", "provision", "accrued", "receivable", "suspended", "loans", "overdue"))
        )
        for name in ("principal__sum", "provision__sum", "accrued__sum"):
            assert day[name] == sums[name]
        assert day["receivable__sum"] + day["suspended__sum"] == sums["receivable__sum"]
        assert day["loans__sum"] == states.count()
        assert sum(balance(account, yesterday) for account in PRINCIPAL) == sums["principal__sum"]
        assert balance(PAST_DUE, yesterday) == day["overdue__sum"] > 0
        assert balance(ACCRUED, yesterday) == day["receivable__sum"]
        assert balance(SUSPENDED, yesterday) == day["suspended__sum"] > 0
        assert balance(ALLOWANCE, yesterday) == -day["provision__sum"]
        entries = LedgerEntry.objects.filter(event__startswith="lending.close.")
        assert entries.filter(loan__isnull=False).count() == 0
        journals = entries.values("journal").annotate(sum=Sum("amount"))
        assert all(row["sum"] == 0 for row in journals)
        buckets = {(row.bucket, row.sbs_class) for row in PortfolioDay.objects.all()}
        assert {name for name, _c in buckets} <= {bucket(days) for days in range(500)}


def differences(on):
    """Where the sums of a day and its spans disagree."""
    with connection.cursor() as cursor:
        cursor.execute(statements.DIFFERENCES, {"i": current_institution_id(), "on": on})
        return cursor.fetchall()


def everything(on):
    """Whatever a close leaves behind, without keys that are drawn anew."""
    money = ("principal", "overdue", "past_due", "accrued_first", "receivable_first", "daily", "provision")
    return {
        "states": list(LoanSpan.objects.order_by("on", "loan_id").values_list(
            "on", "through", "loan_id", "next_due_on", "loan_class", "sbs_class", "situation", *money)),
        "debtors": list(DebtorSpan.objects.order_by("on", "applicant_id").values_list(
            "on", "through", "applicant_id", "sbs_class")),
        "summary": sorted(PortfolioDay.objects.values_list(
            "on", "product_id", "branch", "officer_id", "credit_type", "sbs_class", "bucket", "is_refinanced",
            "is_judicial", "loans", "principal", "overdue", "accrued", "receivable", "suspended",
            "provision", "weighted_tea"),
            key=str),
        "flows": sorted(PortfolioFlow.objects.values_list("on", "branch", "loans", "disbursed", "due", "on_time")),
        "vintages": sorted(VintageMonth.objects.values_list("on", "origin", "months", "branch", "loans", "par30")),
        "rolls": sorted(RollMonth.objects.values_list("on", "before", "after", "branch", "loans", "principal")),
        "reminded": OutboxEvent.objects.filter(name="lending.loan.reminder_due").count(),
        "ledger": sorted(LedgerEntry.objects.values_list(
            "on", "account", "currency", "amount", "event", "product_id"), key=str),
    }  # fmt: skip


def test_closing_a_day_again_changes_nothing(book, yesterday):
    first = close(book, yesterday)
    with institution_scope(book.pk):
        before = everything(yesterday)
    second = close(book, yesterday)
    with institution_scope(book.pk):
        assert everything(yesterday) == before
    assert not first.already
    assert second.already
    assert second.loans == first.loans


def test_a_month_of_closes_earns_exactly_the_interest_of_the_installments(institution):
    start = today() - timedelta(days=40)
    generate_portfolio(institution=institution, actor=SYSTEM, loans=30, seed=5, on=start)
    with institution_scope(institution.pk):
        Loan.objects.update(judicial_on=None)
    days = [start + timedelta(days=n) for n in range(36)]
    for day in days:
        close(institution, day)
    with institution_scope(institution.pk):
        first, last = days[0], days[-1]
        for loan_id in Loan.objects.filter(status="active").values_list("pk", flat=True):
            states = {day: states_on(day).get(loan_id=loan_id) for day in days}
            fallen = Installment.objects.filter(loan_id=loan_id, due_on__gt=first, due_on__lte=last)
            earned = states[last].receivable - states[first].receivable
            whole = fallen.aggregate(sum=Sum("earned", default=ZERO))["sum"]
            assert earned == whole + states[last].accrued - states[first].accrued
            for line in fallen:
                assert states[line.due_on].accrued == 0  # the line is whole, the next one begins
        levels = PortfolioDay.objects.filter(on=last).aggregate(r=Sum("receivable"), s=Sum("suspended"))
        assert balance(ACCRUED, last) == levels["r"]
        assert balance(SUSPENDED, last) == levels["s"]
        assert differences(last) == []
        assert LoanSpan.objects.count() < 8 * len(days) * Loan.objects.count() / 20  # not one a day


def test_missed_days_are_closed_in_order_and_each_is_a_day_of_its_own(institution, product, yesterday):
    start = yesterday - timedelta(days=3)
    with institution_scope(institution.pk):
        loan = a_loan(person(1), product, start, number=1, days_late=7)
    close(institution, start)
    with institution_scope(institution.pk):
        assert days_to_close(yesterday) == [start + timedelta(days=n) for n in (1, 2, 3)]
    done = close_through(institution_id=institution.pk, actor=SYSTEM, on=yesterday)
    assert [day.on for day in done] == [start + timedelta(days=n) for n in (1, 2, 3)]
    with institution_scope(institution.pk):
        states = [states_on(start + timedelta(days=n)).get(loan_id=loan.pk) for n in range(4)]
        assert [(s.days_late, s.sbs_class) for s in states] == [(7, 0), (8, 0), (9, 1), (10, 1)]
        assert list(CloseRun.objects.order_by("on").values_list("previous_on", flat=True))[1:] == [
            start + timedelta(days=n) for n in range(3)
        ]
    assert [day.already for day in close_through(institution_id=institution.pk, actor=SYSTEM, on=yesterday)] == [True]


def a_loan(applicant, product, on, *, number, days_late=0, principal=Decimal(900), **more):
    """A loan of three installments whose oldest unpaid one is `days_late` days old."""
    first = on - timedelta(days=days_late) if days_late else on + timedelta(days=10)
    paid_out = more.pop("disbursed_on", first - timedelta(days=30))
    loan = Loan.objects.create(
        applicant=applicant, product=product, number=number, status="active", principal=principal, tea=Decimal("0.5"),
        moratory_tea=Decimal("0.12"), terms={}, disbursed_on=paid_out, disbursed=principal,
        principal_outstanding=principal, next_due_on=first, installments=3, **more,
    )  # fmt: skip
    for place in range(3):
        Installment.objects.create(
            loan=loan, place=place, n=place + 1, due_on=first + timedelta(days=30 * place), days=30,
            principal=principal / 3, interest=Decimal(30), earned=Decimal(30),
            outstanding=principal - principal / 3 * (place + 1),
        )  # fmt: skip
    LedgerEntry.objects.bulk_create(
        LedgerEntry(institution_id=loan.institution_id, on=loan.disbursed_on, account=account, amount=amount,
                    event="lending.loan.disbursed", loan=loan, product=product, journal=loan.pk)
        for account, amount in (("1404" if loan.is_refinanced else "1401", principal), ("1103", -principal))
    )  # fmt: skip
    return loan


@pytest.fixture
def product(institution):
    with institution_scope(institution.pk):
        return Product.objects.create(code="uno", name="Uno", segment="enterprise")


def person(number):
    return Applicant.objects.create(
        full_name=f"Persona {number}", document_number=str(number), document_hash=str(number),
        birth_on=date(1990, 1, 1), region="08",
    )  # fmt: skip


def test_a_debtor_has_one_class_the_worst_of_their_loans(institution, product, yesterday):
    with institution_scope(institution.pk):
        debtor, other = person(1), person(2)
        good = a_loan(debtor, product, yesterday, number=1)
        bad = a_loan(debtor, product, yesterday, number=2, days_late=70)
        alone = a_loan(other, product, yesterday, number=3)
    close(institution, yesterday)
    with institution_scope(institution.pk):
        classes = {s.loan_id: (s.loan_class, s.sbs_class) for s in states_on(yesterday)}
        assert classes == {good.pk: (0, 3), bad.pk: (3, 3), alone.pk: (0, 0)}
        assert last_state(good.pk).provision == Decimal(540)  # 60 % of 900


def test_refinanced_aligned_and_judicial_loans(institution, product, yesterday):
    with institution_scope(institution.pk):
        refinanced = a_loan(person(1), product, yesterday, number=1, is_refinanced=True)
        ancient = a_loan(person(2), product, yesterday, number=2, is_refinanced=True)
        Loan.objects.filter(pk=ancient.pk).update(disbursed_on=yesterday - timedelta(days=200))
        aligned = a_loan(person(3), product, yesterday, number=3)
        judicial = a_loan(person(4), product, yesterday, number=4, judicial_on=yesterday)
        ExternalClass.objects.create(
            applicant_id=aligned.applicant_id, on=yesterday - timedelta(days=20), sbs_class=3, share=Decimal("0.4")
        )
    close(institution, yesterday)
    with institution_scope(institution.pk):
        states = {s.loan_id: s for s in states_on(yesterday)}
        assert states[refinanced.pk].sbs_class == 2
        assert states[ancient.pk].sbs_class == 1
        assert (states[aligned.pk].loan_class, states[aligned.pk].sbs_class) == (0, 2)
        assert DebtorSpan.objects.get(applicant_id=aligned.applicant_id).external_class == 3
        assert states[judicial.pk].past_due == 900
        assert balance("1406", yesterday) == 900
        assert balance("1404", yesterday) == 1800
        assert balance("1401", yesterday) == 900


def test_a_refinanced_loan_is_no_better_than_the_one_it_replaced(institution, product, yesterday):
    before = yesterday - timedelta(days=1)
    with institution_scope(institution.pk):
        old = a_loan(person(1), product, before, number=1, days_late=70)
    close(institution, before)
    with institution_scope(institution.pk):
        Loan.objects.filter(pk=old.pk).update(status="refinanced", principal_outstanding=0, next_due_on=None)
        LedgerEntry.objects.bulk_create(
            LedgerEntry(institution_id=institution.pk, on=yesterday, account=account, amount=amount, loan=old,
                        product=product, event="lending.loan.refinanced", journal=old.pk)
            for account, amount in ((PAST_DUE, Decimal(-900)), ("1103", Decimal(900)))
        )  # fmt: skip
        new = a_loan(
            old.applicant, product, yesterday, number=2, is_refinanced=True, refinances=old, disbursed_on=yesterday
        )
    close(institution, yesterday)
    with institution_scope(institution.pk):
        assert last_state(old.pk) is None
        assert last_state(new.pk).sbs_class == 3


def test_what_is_booked_after_the_day_does_not_change_the_day(institution, product, yesterday):
    """A payment of today is in the loan already when the close of yesterday runs."""
    with institution_scope(institution.pk):
        loan = a_loan(person(1), product, yesterday, number=1, days_late=40)
        Installment.objects.filter(loan=loan, place=0).update(
            paid_principal=Decimal(300), paid_interest=Decimal(30), settled_on=today()
        )
        Loan.objects.filter(pk=loan.pk).update(
            principal_outstanding=Decimal(600), next_due_on=yesterday - timedelta(days=10), revision=2
        )
        LedgerEntry.objects.bulk_create(
            LedgerEntry(institution_id=institution.pk, on=today(), account=account, amount=amount, loan=loan,
                        product=product, event="lending.repayment.posted", journal=loan.applicant_id)
            for account, amount in (("1101", Decimal(330)), ("1401", Decimal(-300)), ("1408", Decimal(-30)))
        )  # fmt: skip
    close(institution, yesterday)
    with institution_scope(institution.pk):
        state = states_on(yesterday).get(loan_id=loan.pk)
        assert (state.principal, state.days_late, state.sbs_class) == (900, 40, 2)
        assert state.receivable == Decimal(60) + state.accrued  # two lines fell due, none was paid by then
        assert balance(PAST_DUE, yesterday) == 900
    close(institution, today())
    with institution_scope(institution.pk):
        state = states_on(today()).get(loan_id=loan.pk)
        assert (state.principal, state.days_late) == (600, 11)
        assert state.receivable == Decimal(30) + state.accrued
        assert balance(PAST_DUE, today()) == 0
        assert sum(balance(account, today()) for account in PRINCIPAL) == 600


def test_a_book_that_disagrees_with_its_ledger_is_not_papered_over(institution, product, yesterday):
    with institution_scope(institution.pk):
        loan = a_loan(person(1), product, yesterday, number=1)
        Loan.objects.filter(pk=loan.pk).update(principal_outstanding=Decimal(899))
    with pytest.raises(InvalidState, match=str(product.pk)):
        close(institution, yesterday)
    with institution_scope(institution.pk):
        assert CloseRun.objects.get().finished_at is None
        Loan.objects.filter(pk=loan.pk).update(principal_outstanding=Decimal(900))


def test_only_the_manager_and_the_system_close_and_only_days_that_have_come(book, cashier, manager, yesterday):
    with pytest.raises(NotAllowed):
        close_day(institution_id=book.pk, actor=cashier, on=yesterday)
    with pytest.raises(InvalidInput):
        close(book, today() + timedelta(days=1))
    close_day(institution_id=book.pk, actor=manager, on=yesterday)
    with institution_scope(book.pk):
        assert CloseChunk.objects.count() == 0
        assert '"lending.close.done"' in AuditEntry.objects.order_by("-id").first().body
        CloseRun.objects.filter(on=yesterday).update(finished_at=None, progress={})
    with pytest.raises(InvalidInput):
        close(book, yesterday - timedelta(days=1))


def test_another_institution_is_neither_read_nor_written(book, other_institution, yesterday):
    close(other_institution, yesterday)
    with institution_scope(other_institution.pk):
        assert LoanSpan.objects.count() == 0
        assert CloseRun.objects.get().finished_at
    with institution_scope(book.pk):
        assert CloseRun.objects.count() == LoanSpan.objects.count() == 0


def test_what_follows_a_close_is_called_once_with_the_day(book, yesterday, monkeypatch):
    called = []
    monkeypatch.setattr(closing_run, "_followers", {"others": lambda on: called.append(on) or 3})
    report = close(book, yesterday)
    close(book, yesterday)
    assert called == [yesterday]
    assert report.steps["others"]["rows"] == 3
