"""A small book for tests of what reads it: rows as the services and the nightly close leave them."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from django.utils import timezone

from accounts.models import Institution
from lending.buckets import bucket
from lending.models import (
    Applicant,
    CloseRun,
    Disbursement,
    Installment,
    LatestSpan,
    Loan,
    LoanSpan,
    PortfolioDay,
    Product,
)
from lending.tests.factories import new_dni

_numbers = count(1)


def make_loan(institution: Institution, product: Product, **changes: Any) -> Loan:
    """An active loan of S/ 1,000.00 with one installment, `days_late` on the day `on`, and its disbursement."""
    on, days_late = changes.pop("on"), changes.pop("days_late", 0)
    number = next(_numbers)
    dni = new_dni()
    applicant = Applicant.objects.create(
        full_name=f"Persona {number}", document_number=dni, document_hash=f"{number:064d}", birth_on=date(1990, 1, 1),
        phone="+51987654321",
    )  # fmt: skip
    principal = changes.pop("principal", Decimal(1000))
    due_on = on - timedelta(days=days_late) if days_late else on + timedelta(days=10)
    loan = Loan.objects.create(
        number=number, applicant=applicant, product=product, principal=principal, tea=Decimal("0.5"),
        moratory_tea=Decimal("0.1"), terms={}, disbursed=principal, installment=principal, installments=1,
        principal_outstanding=principal,
        **{"status": Loan.Status.ACTIVE, "disbursed_on": on - timedelta(days=days_late + 30), "next_due_on": due_on,
           **changes},
    )  # fmt: skip
    Installment.objects.create(
        loan=loan, place=0, n=1, due_on=due_on, days=30, principal=principal, interest=Decimal(30), outstanding=0
    )
    Disbursement.objects.create(loan=loan, status=Disbursement.Status.PAID, amount=principal, on=loan.disbursed_on, n=1)
    return loan


def make_span(loan: Loan, on: date, **figures: Any) -> LoanSpan:
    """How `loan` stood on one day; what is not given is as of a loan that owes nothing but its principal."""
    values = {
        "product_id": loan.product_id, "branch": loan.branch, "officer_id": loan.officer_id, "currency": "PEN",
        "tea": loan.tea, "credit_type": loan.credit_type, "situation": int(loan.is_refinanced),
        "principal": loan.principal_outstanding, "next_due_on": loan.next_due_on, "line_from": on, "line_due": on,
        "loan_class": 0, "sbs_class": 0,
        **dict.fromkeys(("overdue", "past_due", "accrued_first", "receivable_first", "daily", "line_interest",
                         "provision"), Decimal(0)),
    }  # fmt: skip
    LatestSpan.objects.update_or_create(loan_id=loan.pk, defaults={"on": on})
    return LoanSpan.objects.update_or_create(loan=loan, on=on, defaults={"through": on, **values, **figures})[0]


def close_book(institution: Institution, on: date) -> None:
    """States and sums of the day, as the close keeps them, from the loans' own figures."""
    sums: dict[Any, dict[str, Any]] = defaultdict(lambda: defaultdict(Decimal))
    for loan in Loan.objects.filter(status=Loan.Status.ACTIVE, disbursed_on__lte=on):
        late = max((on - loan.next_due_on).days, 0) if loan.next_due_on else 0
        make_span(
            loan, on, overdue=loan.principal_outstanding if late else 0, provision=Decimal(10),
            past_due=loan.principal_outstanding if late > 30 else 0,
        )  # fmt: skip
        line = sums[(loan.product_id, loan.branch, loan.officer_id, bucket(late), loan.is_refinanced)]
        line["principal"] += loan.principal_outstanding
        line["overdue"] += loan.principal_outstanding if late > 30 else 0
        line["loans"] += 1
    for (product_id, branch, officer_id, name, refinanced), line in sums.items():
        PortfolioDay.objects.create(
            on=on, product_id=product_id, branch=branch, officer_id=officer_id, credit_type="10", sbs_class=0,
            bucket=name, is_refinanced=refinanced, loans=int(line["loans"]),
            principal=line["principal"], overdue=line["overdue"], accrued=0, provision=10 * line["loans"],
            weighted_tea=0,
        )  # fmt: skip
    CloseRun.objects.create(on=on, finished_at=timezone.now())


def found_lost(loan: Loan, on: date) -> None:
    """A close of `on` found the loan lost and wholly provisioned; a day before the test's own, or its books close."""
    CloseRun.objects.get_or_create(on=on, defaults={"finished_at": timezone.now()})
    figures = dict.fromkeys(("principal", "overdue", "past_due"), loan.principal)
    make_span(loan, on, loan_class=4, sbs_class=4, provision=Decimal(100_000), **figures)
