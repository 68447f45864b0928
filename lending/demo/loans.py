"""The people who borrow in the demo: signed, paid out and paying since some months, each in their own way."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any, Final

from accounts.actors import Actor
from accounts.clock import today
from accounts.messages import written_messages
from accounts.tenancy.scope import institution_scope
from lending.demo.cases import Case
from lending.models import Application, Document, Group, Loan, Offer, Repayment
from lending.schedules.calendar import add_months
from lending.schedules.servicing import PrepaymentStrategy
from lending.selectors.loans import loan_state
from lending.services import groups
from lending.services.closing import close_day
from lending.services.contracts import make_contract
from lending.services.decisions import choose_offer
from lending.services.documents import review_document
from lending.services.loans import book_loan, disburse_loan, request_disbursement
from lending.services.repayments import pay_off_loan, prepay_loan, record_repayment
from lending.services.signing import send_signing_code, sign_contract

D = Decimal
Act = tuple[date, Callable[[], Any]]  # a day and what happens on it
STEADY: Final[dict[str, dict[str, Any]]] = {
    "household": {"employment_months": 84, "monthly_income": D(3400), "savings_balance": D(2500), "creditors": 0,
                  "other_installments": D(0), "total_debt": D(0), "past_loans": 3, "worst_delay_days": 0},
    "enterprise": {"business_months": 96, "monthly_sales": D(9500), "monthly_purchases": D(5600), "creditors": 0,
                   "other_installments": D(0), "total_debt": D(0), "savings_balance": D(2500), "past_loans": 4,
                   "worst_delay_days": 0, "keeps_records": True, "sales_trend": "up"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Story:
    """A borrower: since how many months, how many installments they paid on their day, and what then."""

    case: Case
    months: int
    paid: int = 0
    then: str = ""  # "early", "off", "asked", "signed"


def _story(
    institution: str,
    segment: str,
    name: str,
    dni: str,
    amount: int,
    term: int,
    since: int,
    paid: int = 0,
    then: str = "",
) -> Story:  # fmt: skip
    purpose = "stock" if segment == "enterprise" else "home"
    case = Case(
        institution=institution, segment=segment, name=name, dni=dni, born=date(1984, 6, 17), amount=D(amount),
        months=term, purpose=purpose, end="lent", phone=f"98{dni[:7]}", facts=STEADY[segment],
    )  # fmt: skip
    return Story(case, since, paid, then)


STORIES: Final = (
    _story("qantu", "enterprise", "Yolanda Ccopa Mamani", "41700011", 2000, 12, 5, 5),
    _story("qantu", "enterprise", "Percy Huanca Apaza", "41700022", 2400, 12, 6, 4),  # 1 or 2 installments late
    _story("qantu", "household", "Nélida Choque Sulla", "41700033", 1500, 10, 4, 3),  # late since days
    _story("qantu", "household", "Wilber Tito Pari", "41700044", 1800, 9, 6, 4, "off"),
    _story("qantu", "enterprise", "Gladys Roque Ancco", "41700055", 2500, 15, 4, 3, "early"),
    _story("qantu", "household", "Rufina Mayta Chura", "41700066", 1200, 8, 0, 0, "asked"),
    _story("qantu", "enterprise", "Eusebio Larico Vilca", "41700077", 1600, 10, 0, 0, "signed"),
    _story("tarpuy", "enterprise", "Sonia Paredes Calla", "42800011", 1800, 12, 5, 5),
    _story("tarpuy", "household", "Hugo Mendoza Laura", "42800022", 1500, 10, 5, 2),
    _story("tarpuy", "household", "Delia Aguilar Soto", "42800033", 1400, 8, 6, 3, "off"),
    _story("tarpuy", "enterprise", "Rolando Chuquimia Nina", "42800044", 1900, 12, 0, 0, "asked"),
)


def tell(story: Story, application: Application, borrower: Actor, member: Callable[[str], Actor]) -> None:
    """What happened to this borrower's loan, through the services; nothing without an offer."""
    officer, approver = member("officer"), member("approver")
    for document in Document.objects.filter(application_id=application.pk):
        review_document(document_id=document.pk, actor=officer, status="verified", note="")
    offer = Offer.objects.filter(application_id=application.pk, status=Offer.Status.OPEN).order_by("rank").first()
    application.refresh_from_db()
    if offer is None or application.status != Application.Status.APPROVED:
        return
    choose_offer(offer_id=offer.pk, actor=borrower)
    on = add_months(today(), -story.months)
    contract = make_contract(offer_id=offer.pk, actor=borrower, on=on)
    send_signing_code(contract_id=contract.pk, actor=borrower, on=on)
    code = _code_for(contract.summary["code"])
    sign_contract(contract_id=contract.pk, actor=borrower, code=code, sha256=contract.document_sha256, on=on)
    if story.then == "signed":
        return
    loan = book_loan(contract_id=contract.pk, actor=officer)
    asked = request_disbursement(loan_id=loan.pk, actor=officer, method="cash")
    if story.then == "asked":
        return
    disburse_loan(disbursement_id=asked.pk, actor=approver, on=on, external_ref="Caja 1")


# institution: the group's name, where it meets, who is in it by DNI and office, and who answers for whose loan
VILLAGE_BANK: Final[dict[str, tuple[str, str, dict[str, str], tuple[str, str]]]] = {
    "qantu": (
        "Las Flores de Tinta", "Local comunal de Tinta",
        {"41700011": "president", "41700055": "treasurer", "41700022": "secretary"}, ("41700033", "41700011"),
    ),
}  # fmt: skip


def gather(institution: str, officer: Actor) -> bool:
    """The village bank of an institution with its members' loans, through the services; False where there is one."""
    if institution not in VILLAGE_BANK:
        return False
    name, place, members, (borrower, guarantor) = VILLAGE_BANK[institution]
    if Group.objects.filter(name=name).exists():
        return False
    active = Loan.objects.filter(status=Loan.Status.ACTIVE).select_related("applicant")
    loans = {loan.applicant.document_number: loan for loan in active}
    group = groups.form_group(
        actor=officer, name=name, meets_at=place, weekday=Group.Weekday.WEDNESDAY, meets_from=time(17, 30),
        formed_on=add_months(today(), -7),
    )  # fmt: skip
    for dni, role in members.items():
        if dni in loans:
            groups.add_member(group_id=group.pk, actor=officer, document_type="dni", document_number=dni, role=role)
            groups.take_loan_in(group_id=group.pk, actor=officer, number=loans[dni].number)
    if borrower in loans:
        groups.give_guarantee(
            loan_id=loans[borrower].pk, actor=officer, document_type="dni", document_number=guarantor, kind="guarantor"
        )
    return True


def acts_of(story: Story, loan: Loan, cashier: Actor) -> list[Act]:
    """What the borrower paid, each on its day; told twice, nothing is paid twice."""
    how: dict[str, Any] = {
        "loan_id": loan.pk, "actor": cashier, "channel": Repayment.Channel.BANK, "provider": "banco de ejemplo",
    }  # fmt: skip

    def pay(line: Any) -> Act:
        amount = line.principal + line.interest + line.insurance + line.fees
        reference = f"{loan.number}-{line.n}"
        return line.due_on, lambda: record_repayment(amount=amount, on=line.due_on, external_ref=reference, **how)

    def early() -> None:
        loan.refresh_from_db()
        half = (loan.principal_outstanding / 2).quantize(D(1))
        amount = loan_state(loan, today()).due + half
        strategy = PrepaymentStrategy.REDUCE_AMOUNT.value
        prepay_loan(amount=amount, strategy=strategy, external_ref=f"{loan.number}-early", **how)

    acts = [pay(line) for line in loan_state(loan, today()).lines if line.due_on <= today()][: story.paid]
    if story.then == "off":
        acts.append((today(), lambda: pay_off_loan(external_ref=f"{loan.number}-off", **how)))
    elif story.then == "early":
        acts.append((today(), early))
    return acts


def live(institution_id: int, acts: Iterable[Act], first: date) -> None:
    """Do the acts in the order of their days, and close the books at every month's end from `first` to yesterday."""
    waiting = sorted(acts, key=lambda act: act[0])
    yesterday = today() - timedelta(days=1)
    ends = [add_months(first.replace(day=1), n) - timedelta(days=1) for n in range(1, 13)]
    for day in [*(end for end in ends if end < yesterday), yesterday]:
        while waiting and waiting[0][0] <= day:
            _do(institution_id, waiting.pop(0)[1])
        close_day(institution_id=institution_id, actor=Actor.system("demo"), on=day)
    for _day, act in waiting:
        _do(institution_id, act)


def _do(institution_id: int, act: Callable[[], Any]) -> None:
    with institution_scope(institution_id):
        act()


def _code_for(contract: str) -> str:
    """The code that went out for a contract, from the demo's outbox."""
    for message in written_messages():
        if contract in message.text:
            found = re.search(r"\b\d{6}\b", message.text)
            if found:
                return found[0]
    raise LookupError(contract)
