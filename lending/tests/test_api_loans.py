"""Loans by program: the list stays flat, money is posted once, figures are those of the pages."""

from decimal import Decimal

import pytest

from accounts.clock import today
from accounts.formats import format_money
from accounts.models.base import uuid7
from accounts.tests.fixtures import OutsideClient
from lending.models import Loan, Repayment
from lending.selectors.loans import loan_state
from lending.services.loans import book_loan, request_disbursement
from lending.services.repayments import record_repayment
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
