"""Loans by program: the list stays flat, money is posted once, figures are those of the pages."""

from decimal import Decimal

import pytest

from accounts.clock import today
from accounts.formats import format_money
from accounts.models import AuditEntry
from accounts.models.base import uuid7
from accounts.tests.fixtures import OutsideClient
from lending.models import Loan, PrepaymentRequest, Repayment
from lending.selectors.loans import loan_state
from lending.services.loans import book_loan, request_disbursement
from lending.services.repayments import prepay_loan, record_repayment
from lending.tests.test_api import Api, token_of


@pytest.fixture
def program(institution) -> Api:
    return Api(OutsideClient(), institution.slug, Authorization=f"Bearer {token_of(institution)}")


@pytest.fixture
def as_actor(institution, client_as):
    return lambda actor: Api(client_as(actor), institution.slug)


def test_the_list_is_flat_and_filtered(loan, as_actor, officer, django_assert_max_num_queries):
    api = as_actor(officer)
    api.get("/loans/")
    counts = []
    for more in (0, 30):
        for number in range(more):
            copy = Loan.objects.get(pk=loan.pk)
            copy.pk, copy.number, copy.contract_id = uuid7(), 90_000 + number, None
            copy.save(force_insert=True)
        with django_assert_max_num_queries(15) as queries:
            answer = api.get("/loans/")
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert len(answer.json()["results"]) == 31
    assert api.get("/loans/?status=paid").json()["results"] == []
    assert api.get("/loans/?status=lost").status_code == 422


def test_one_loan_says_all_its_page_says(loan, as_actor, borrower, cashier):
    record_repayment(loan_id=loan.pk, actor=cashier, amount=Decimal(50))
    found = as_actor(borrower).get(f"/loans/{loan.pk}/").json()
    state = loan_state(Loan.objects.get(pk=loan.pk), today())
    assert found["payoff"] == str(state.payoff.total)
    assert [line["unpaid"] for line in found["schedule"]] == [str(line.unpaid) for line in state.lines]
    assert found["repayments"][0]["allocation"] == {"advance": "50.00"}
    assert found["disbursements"][0]["status"] == "paid"
    contract = as_actor(borrower).get(f"/loans/{loan.pk}/contract/").json()
    assert contract["sha256"] == found["contract_sha256"]
    assert contract["summary"]["figures"]["amount"] == found["principal"]


def test_others_find_nothing(loan, as_actor, actor_as, institution, other_institution):
    assert as_actor(actor_as("applicant")).get(f"/loans/{loan.pk}/").status_code == 404
    foreign = Api(OutsideClient(), institution.slug, Authorization=f"Bearer {token_of(other_institution)}")
    assert foreign.get(f"/loans/{loan.pk}/").status_code in (401, 403, 404)


def test_a_program_posts_money_once(loan, program):
    body = {"amount": "100.00", "external_ref": "OP-1", "provider": "banco"}
    first = program.post(f"/loans/{loan.pk}/repayments/", body)
    assert first.status_code == 201
    replay = program.post(f"/loans/{loan.pk}/repayments/", body)
    assert replay.json() == first.json()
    assert replay["Idempotency-Replayed"] == "true"
    other_key = program.post(f"/loans/{loan.pk}/repayments/", body, key="k-2")
    assert other_key.json()["id"] == first.json()["id"]
    assert program.post(f"/loans/{loan.pk}/repayments/", {**body, "amount": "7"}, key="k-1").status_code == 422
    assert program.post(f"/loans/{loan.pk}/repayments/", body, key=None).status_code == 422
    assert Repayment.objects.count() == 1


def test_refusals_name_the_field(loan, program):
    assert "amount" in program.post(f"/loans/{loan.pk}/repayments/", {"amount": "x"}, key="a").json()["fields"]
    assert (
        "on"
        in program.post(f"/loans/{loan.pk}/repayments/", {"amount": "5", "on": "2001-01-01"}, key="b").json()["fields"]
    )


def test_the_payoff_of_a_day(loan, program):
    quote = program.get(f"/loans/{loan.pk}/payoff/").json()
    assert format_money(Decimal(quote["total"])) == format_money(loan_state(loan, today()).payoff.total)
    for bad in ("2001-01-01", "mañana", "2026-02-31"):
        assert program.get(f"/loans/{loan.pk}/payoff/?on={bad}").status_code == 422


def test_paying_out_and_taking_back_have_their_people(signed, as_actor, officer, approver, cashier):
    loan = book_loan(contract_id=signed.pk, actor=officer)
    asked = request_disbursement(loan_id=loan.pk, actor=officer, method="cash")
    path = f"/loans/{loan.pk}/disbursements/{asked.pk}/pay/"
    assert as_actor(officer).post(path).status_code == 403
    assert as_actor(approver).post(path).json()["status"] == "paid"
    paid = as_actor(cashier).post(f"/loans/{loan.pk}/repayments/", {"amount": "20"}).json()
    undo = f"/loans/{loan.pk}/repayments/{paid['id']}/reverse/"
    assert as_actor(cashier).post(undo, {"reason": "me equivoqué"}).status_code == 403
    assert as_actor(approver).post(undo, {"reason": "Era de otra persona"}).json()["status"] == "reversed"


LOWER, SHORTER, ADVANCE = PrepaymentRequest.Choice.values


def asked_of(loan, **more):
    """A request above what is due and below what pays the loan off."""
    amount = (loan_state(loan, today()).payoff.total / 2).quantize(Decimal("0.01"))
    return {"amount": str(amount), "choice": LOWER, **more}


class TestPayingEarly:
    def test_the_request_is_kept_and_the_payment_obeys(self, loan, as_actor, borrower, program):
        body, mine = asked_of(loan), as_actor(borrower)
        first = mine.post(f"/loans/{loan.pk}/prepayments/", body)
        assert first.status_code == 201, first.content
        assert first.json() == {**first.json(), **body, "status": "open", "asked_on": today().isoformat()}
        assert mine.post(f"/loans/{loan.pk}/prepayments/", body)["Idempotency-Replayed"] == "true"
        assert mine.post(f"/loans/{loan.pk}/prepayments/", body, key="k-2").json() == first.json()
        assert mine.get(f"/loans/{loan.pk}/").json()["prepayment"] == first.json()
        entry = AuditEntry.objects.get(event="lending.prepayment.asked")
        assert '"channel":"api"' in entry.body.replace(" ", "")
        paid = program.post(f"/loans/{loan.pk}/repayments/", {"amount": body["amount"], "external_ref": "OP-9"}).json()
        assert (paid["kind"], paid["strategy"]) == ("prepayment", LOWER)
        assert mine.get(f"/loans/{loan.pk}/").json()["prepayment"] is None

    def test_it_is_withdrawn_once_and_only_by_its_people(
        self, loan, as_actor, borrower, actor_as, program, institution, other_institution
    ):
        body = asked_of(loan)
        assert program.post(f"/loans/{loan.pk}/prepayments/", body).status_code == 403  # a program cannot wish
        assert as_actor(actor_as("auditor")).post(f"/loans/{loan.pk}/prepayments/", body).status_code == 403
        assert as_actor(actor_as("applicant")).post(f"/loans/{loan.pk}/prepayments/", body).status_code == 404
        foreign = Api(OutsideClient(), institution.slug, Authorization=f"Bearer {token_of(other_institution)}")
        assert foreign.post(f"/loans/{loan.pk}/prepayments/", body).status_code in (401, 403, 404)
        asked = as_actor(borrower).post(f"/loans/{loan.pk}/prepayments/", body).json()
        path = f"/loans/{loan.pk}/prepayments/{asked['id']}/withdraw/"
        assert as_actor(actor_as("auditor")).post(path).status_code == 403
        for key in ("a", "b"):
            assert as_actor(borrower).post(path, key=key).json()["status"] == "withdrawn"
        assert AuditEntry.objects.filter(event="lending.prepayment.withdrawn").count() == 1
        other = as_actor(borrower).post(f"/loans/{loan.pk}/prepayments/", {**body, "choice": SHORTER}, key="c").json()
        assert as_actor(borrower).post(path, key="d").json()["status"] == "withdrawn"
        assert as_actor(borrower).get(f"/loans/{loan.pk}/").json()["prepayment"]["id"] == other["id"]
        gone = path.replace(asked["id"], str(uuid7()))
        assert as_actor(borrower).post(gone, key="e").status_code == 404

    def test_refusals_name_the_field(self, loan, as_actor, borrower):
        path, mine = f"/loans/{loan.pk}/prepayments/", as_actor(borrower)
        assert "amount" in mine.post(path, asked_of(loan, amount="0")).json()["fields"]
        assert "amount" in mine.post(path, asked_of(loan, amount="999999"), key="b").json()["fields"]
        assert "choice" in mine.post(path, asked_of(loan, choice="later"), key="c").json()["fields"]
        assert not PrepaymentRequest.objects.exists()

    def test_the_choice_afterwards(self, loan, as_actor, borrower, cashier, actor_as):
        paid = prepay_loan(loan_id=loan.pk, actor=cashier, amount=Decimal(asked_of(loan)["amount"]))
        path = f"/loans/{loan.pk}/repayments/{paid.pk}/choose/"
        assert as_actor(actor_as("auditor")).post(path, {"strategy": LOWER}).status_code == 403
        assert "strategy" in as_actor(borrower).post(path, {"strategy": ADVANCE}).json()["fields"]
        for key in ("x", "y"):
            assert as_actor(borrower).post(path, {"strategy": LOWER}, key=key).json()["strategy"] == LOWER
        assert AuditEntry.objects.filter(event="lending.repayment.choice_made").count() == 1


class TestTheEnd:
    def test_paid_off_and_the_certificate(self, loan, program, as_actor, borrower):
        mine = as_actor(borrower)
        assert mine.get(f"/loans/{loan.pk}/certificate/").status_code == 409
        path, needed = f"/loans/{loan.pk}/payoff/", program.get(f"/loans/{loan.pk}/payoff/").json()["total"]
        assert mine.post(path).status_code == 403
        assert "amount" in program.post(path, {"amount": "1.00"}).json()["fields"]
        body = {"amount": needed, "external_ref": "FIN-1"}
        paid = program.post(path, body)
        assert (paid.status_code, paid.json()["kind"], paid.json()["amount"]) == (201, "payoff", needed)
        assert program.post(path, body, key="k-2").json()["id"] == paid.json()["id"]
        assert mine.get(f"/loans/{loan.pk}/").json()["status"] == "paid"
        certificate = mine.get(f"/loans/{loan.pk}/certificate/")
        assert certificate.content.startswith(b"%PDF")
        assert AuditEntry.objects.filter(event="lending.certificate.issued").count() == 1
        assert as_actor(borrower).get(f"/loans/{uuid7()}/certificate/").status_code == 404

    def test_what_is_over_goes_back_once(self, loan, program, as_actor, approver, cashier):
        record_repayment(loan_id=loan.pk, actor=cashier, amount=Decimal(50))
        Loan.objects.filter(pk=loan.pk).update(status="paid", advance=Decimal(50), principal_outstanding=0)
        path = f"/loans/{loan.pk}/refund/"
        assert as_actor(cashier).post(path, {"method": "cash"}).status_code == 403
        assert as_actor(approver).post(path, {"method": "cash"}).json() == {"amount": "50.00"}
        assert as_actor(approver).post(path, {"method": "cash"}, key="k-2").json() == {"amount": "0.00"}
        assert AuditEntry.objects.filter(event="lending.loan.advance_refunded").count() == 1

    def test_given_up_before_the_money_and_in_the_middle(self, signed, as_actor, officer, approver, cashier):
        loan = book_loan(contract_id=signed.pk, actor=officer)
        path, body = f"/loans/{loan.pk}/cancel/", {"reason": "La persona ya no lo quiere"}
        assert as_actor(cashier).post(path, body).status_code == 403
        assert "reason" in as_actor(officer).post(path, {"reason": "no"}).json()["fields"]
        for key in ("a", "b"):
            assert as_actor(officer).post(path, body, key=key).json()["status"] == "cancelled"
        assert AuditEntry.objects.filter(event="lending.loan.cancelled").count() == 1
        again = book_loan(contract_id=signed.pk, actor=officer)
        asked = request_disbursement(loan_id=again.pk, actor=officer, method="cash")
        as_actor(approver).post(f"/loans/{again.pk}/disbursements/{asked.pk}/pay/")
        assert as_actor(officer).post(f"/loans/{again.pk}/cancel/", body, key="c").status_code == 409
        parts = f"/loans/{again.pk}/give-up-parts/"
        assert as_actor(officer).post(parts, body).status_code == 403
        assert as_actor(approver).post(parts, body, key="d").json()["principal"] == str(again.principal)  # none left
