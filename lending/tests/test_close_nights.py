"""The close night after night: it looks at few loans, and finds what a close of every loan would find."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest
from django.db import transaction
from django.db.models import F

from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState
from accounts.models import AuditEntry, RegulatorMandate
from accounts.tenancy.scope import institution_scope, regulator_scope
from accounts.tests.factories import MandateFactory
from lending.ledger import ACCRUED
from lending.models import (
    ClassRule,
    CloseRun,
    DebtorSpan,
    ExternalClass,
    Installment,
    LedgerEntry,
    Loan,
    LoanChange,
    LoanSpan,
    PortfolioDay,
    Product,
)
from lending.provisions import RiskRules
from lending.selectors.ledger import disagreements
from lending.selectors.risk import states_on
from lending.services.generation import generate_portfolio
from lending.tests.book import make_span
from lending.tests.test_close import SYSTEM, a_loan, close, differences, person, small_chunks

__all__ = ["small_chunks"]


def found(on):
    """What a close found of a day, however it went about it."""
    figures = ("principal", "overdue", "past_due", "accrued", "receivable", "days_late", "situation", "loan_class",
               "sbs_class", "provision", "branch", "officer_id")  # fmt: skip
    return {
        "states": {row[0]: row[1:] for row in states_on(on).values_list("loan_id", *figures)},
        "debtors": dict(
            DebtorSpan.objects.filter(on__lte=on, through__gte=on).values_list("applicant_id", "sbs_class")
        ),
        "sums": Counter(
            PortfolioDay.objects.filter(on=on).values_list(
                "product_id", "branch", "officer_id", "credit_type", "sbs_class", "bucket", "is_refinanced",
                "is_judicial", "loans", "principal", "overdue", "accrued", "receivable", "suspended", "provision",
                "weighted_tea",
            )
        ),
    }  # fmt: skip


def unlike(expected, actual):
    """What is in one and not in the other."""
    return [
        (name, key, expected[name].get(key), actual[name].get(key))
        for name in expected
        for key in {**expected[name], **actual[name]}
        if expected[name].get(key) != actual[name].get(key)
    ]


def whole(institution, on):
    """What a close of the day finds that looks at every loan; nothing of it stays."""
    with pytest.MonkeyPatch.context() as patch, institution_scope(institution.pk):
        patch.setattr(RiskRules, "key", lambda rules: "others")
        savepoint = transaction.savepoint()
        close(institution, on)
        everything = found(on)
        transaction.savepoint_rollback(savepoint)
    return everything


def live_a_day(day, draw):
    """Some loans pay, some are moved to another officer or to court, some get a guarantee, another creditor speaks."""
    for loan in Loan.objects.filter(status="active"):
        line = Installment.objects.filter(loan=loan, settled_on=None).order_by("place").first()
        willing = loan.number % 4 and draw.random() < 0.4
        if line and willing and (line.due_on <= day or draw.random() < 0.05):
            pay(loan, line, day)
        what = draw.random()
        if what < 0.01:
            Loan.objects.filter(pk=loan.pk).update(branch=draw.choice(("Cusco", "Puno")), officer_id=None)
        elif what < 0.02:
            Loan.objects.filter(pk=loan.pk).update(recognised_guarantee=loan.principal / 2, guarantee_kind="quick")
        elif what < 0.025:
            judicial_on = day + timedelta(days=draw.randrange(4))
            Loan.objects.filter(pk=loan.pk, judicial_on=None).update(judicial_on=judicial_on)
        elif what < 0.035:
            ExternalClass.objects.update_or_create(
                applicant_id=loan.applicant_id, on=day,
                defaults={"sbs_class": draw.randrange(5), "share": Decimal(draw.choice(("0.1", "0.5")))},
            )  # fmt: skip


def pay(loan, line, day):
    """The line is settled on `day`, in the loan, its lines and the ledger."""
    Installment.objects.filter(pk=line.pk).update(
        paid_principal=line.principal, paid_interest=line.interest, settled_on=day
    )
    following = Installment.objects.filter(loan=loan, settled_on=None).order_by("place").first()
    left = loan.principal_outstanding - line.principal
    Loan.objects.filter(pk=loan.pk).update(
        principal_outstanding=left, next_due_on=following and following.due_on, revision=loan.revision + 1,
        status="active" if left else "paid",
    )  # fmt: skip
    code = "1404" if loan.is_refinanced else "1401"
    LedgerEntry.objects.bulk_create(
        LedgerEntry(institution_id=loan.institution_id, on=day, account=account, amount=amount, loan=loan,
                    product_id=loan.product_id, event="lending.repayment.posted", journal=line.pk)
        for account, amount in (("1101", line.principal + line.interest), (code, -line.principal),
                                (ACCRUED, -line.interest))
    )  # fmt: skip


def test_night_after_night_finds_what_a_close_of_every_loan_would_find(institution):
    """However few loans a night looks at: figures, classes and sums are those of a close that looks at all."""
    start, draw = today() - timedelta(days=130), Random(11)
    generate_portfolio(institution=institution, actor=SYSTEM, loans=60, seed=8, on=start)
    with institution_scope(institution.pk):
        alive = {loan.number: loan for loan in Loan.objects.filter(status="active")}
        willing = next(loan for number, loan in alive.items() if number % 4)
        unwilling, mended = [loan for number, loan in alive.items() if number % 4 == 0][:2]
        for loan, age in ((willing, 170), (unwilling, 170), (mended, 400)):  # their class mends with punctual months
            Loan.objects.filter(pk=loan.pk).update(is_refinanced=True, disbursed_on=start - timedelta(days=age))
            Installment.objects.filter(loan=loan, settled_on__gt=F("due_on")).update(settled_on=F("due_on"))
            LedgerEntry.objects.bulk_create(
                LedgerEntry(institution_id=institution.pk, on=start, account=account, amount=amount, loan=loan,
                            product_id=loan.product_id, event="lending.loan.refinanced", journal=loan.pk)
                for account, amount in (("1401", -loan.principal_outstanding), ("1404", loan.principal_outstanding))
            )  # fmt: skip
    looked_at, missed = [], []
    for day in (start + timedelta(days=night) for night in range(60)):
        if day > start:
            with institution_scope(institution.pk):
                live_a_day(day, draw)
        missed.append(day)
        if 20 <= (day - start).days < 23:  # nights that were missed, closed late: what came after is taken back
            continue
        watched = len(missed) > 1 or (day - start).days % 9 == 4
        for one in missed:
            expected = whole(institution, one) if watched else None
            close(institution, one)
            with institution_scope(institution.pk):
                assert expected is None or unlike(expected, found(one)) == [], one
                assert differences(one) == [], one
                looked_at.append(CloseRun.objects.get(on=one).progress["states"]["rows"])
        missed = []
    with institution_scope(institution.pk):
        active = Loan.objects.filter(status="active").count()
        assert set(DebtorSpan.objects.values_list("sbs_class", flat=True)) >= {1, 2, 3}
    assert looked_at[0] > 50
    assert sum(looked_at[1:]) < active * len(looked_at) / 2  # most loans stand as they stood


def test_a_carried_sum_that_went_wrong_is_found_at_the_months_end_and_nothing_is_posted(institution):
    """Somebody changed a sum past the services: the night of the month's last day stops and says so."""
    last = today().replace(day=1) - timedelta(days=1)
    before = last - timedelta(days=1)
    generate_portfolio(institution=institution, actor=SYSTEM, loans=40, seed=4, on=before)
    close(institution, before)
    with institution_scope(institution.pk):
        one = PortfolioDay.objects.filter(on=before, bucket="0").first()
        PortfolioDay.objects.filter(pk=one.pk).update(accrued=one.accrued + Decimal("0.01"))
        entries = LedgerEntry.objects.count()
    with pytest.raises(InvalidState, match=str(last)):
        close(institution, last)
    with institution_scope(institution.pk):
        assert LedgerEntry.objects.count() == entries
        assert CloseRun.objects.get(on=last).finished_at is None
    assert close(institution, last, recount=True).steps["proof"]["rows"] == 2  # as it was, as it is
    with institution_scope(institution.pk):
        assert differences(last) == []
        assert CloseRun.objects.get(on=last).finished_at
        assert AuditEntry.objects.filter(event="lending.close.recounted").count() == 1
        assert disagreements() == []


def test_a_night_waits_for_the_one_that_was_left_half_done(institution):
    day = today() - timedelta(days=3)
    generate_portfolio(institution=institution, actor=SYSTEM, loans=20, seed=4, on=day)
    close(institution, day)
    with institution_scope(institution.pk):
        CloseRun.objects.filter(on=day).update(finished_at=None)
    with pytest.raises(InvalidInput) as refused:
        close(institution, day + timedelta(days=1))
    assert f"{day:%d/%m/%Y}" in refused.value.fields["date"][0]


def test_changed_rules_make_the_next_close_look_at_every_loan(institution):
    day = today() - timedelta(days=3)
    generate_portfolio(institution=institution, actor=SYSTEM, loans=40, seed=4, on=day)
    close(institution, day)
    ClassRule.objects.update(procyclical_active=True)
    close(institution, day + timedelta(days=1))
    with institution_scope(institution.pk):
        looked_at = CloseRun.objects.get(on=day + timedelta(days=1)).progress["states"]["rows"]
        assert looked_at == Loan.objects.filter(status="active").count()
        assert LoanSpan.objects.filter(through__gt=day, on__lte=day).count() == 0
        assert differences(day + timedelta(days=1)) == differences(day) == []


def test_a_loan_paid_out_after_the_day_waits_for_the_close_of_its_own(institution):
    days = [today() - timedelta(days=n) for n in (2, 1, 0)]
    with institution_scope(institution.pk):
        uno = Product.objects.create(code="uno", name="Uno", segment="enterprise")
    close(institution, days[0])
    with institution_scope(institution.pk):
        loan = a_loan(person(1), uno, days[2], number=1, disbursed_on=days[2])
    close(institution, days[1])
    with institution_scope(institution.pk):
        assert not LoanSpan.objects.exists()
    close(institution, days[2])
    with institution_scope(institution.pk):
        assert states_on(days[2]).get().loan_id == loan.pk
        assert not LoanChange.objects.exists()


@pytest.mark.transactional
def test_a_mandate_over_some_days_shows_the_spans_that_touch_them(institution):
    first, second = today() - timedelta(days=40), today() - timedelta(days=20)
    mandate = MandateFactory(institution=institution)
    with institution_scope(institution.pk):
        product = Product.objects.create(code="uno", name="Uno", segment="enterprise")
        loan = a_loan(person(1), product, second, number=1)
        for on, through in ((first, second - timedelta(days=1)), (second, today())):
            LoanSpan.objects.filter(pk=make_span(loan, on).pk).update(through=through)

    def seen(data_from, data_to):
        RegulatorMandate.objects.filter(pk=mandate.pk).update(data_from=data_from, data_to=data_to)
        with regulator_scope(mandate.regulator_id):
            return set(LoanSpan.unscoped.using("regulator").values_list("on", flat=True))

    day = timedelta(days=1)
    assert seen(None, None) == {first, second}
    assert seen(first + day, first + 2 * day) == {first}  # a span that began before and ends after
    assert seen(second - day, second) == {first, second}
    assert seen(second + day, None) == {second}
    assert seen(first - 9 * day, first - day) == set()
