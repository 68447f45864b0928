"""Collecting: the worklist, contacts, promises and whether they were kept."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from accounts.models import AuditEntry, Institution
from accounts.tenancy.scope import institution_scope
from lending.models import ContactNote, Loan, Product, PromiseToPay, Repayment
from lending.selectors import collections
from lending.services.collections import cancel_promise, log_contact, settle_promises
from lending.tests.book import make_loan

PROMISE: dict[str, Any] = {"channel": "call", "result": "promise", "promised": Decimal(200)}


@pytest.fixture
def product(institution: Institution) -> Product:
    return Product.objects.create(code="negocio", name="Mi Negocio", segment="enterprise")


@pytest.fixture
def late_loan(institution: Institution, product: Product) -> Loan:
    return make_loan(institution, product, on=today(), days_late=12, branch="Sicuani")


def paid(loan: Loan, amount: int, on: date, number: int = 1, **changes: Any) -> Repayment:
    return Repayment.objects.create(loan=loan, number=number, amount=Decimal(amount), on=on, **changes)


class TestContacts:
    def test_a_contact_is_kept_with_who_and_how_late_it_was(self, late_loan, collector):
        note = log_contact(loan_id=late_loan.pk, actor=collector, channel="call", result="no_answer")
        assert (note.by_id, note.days_late) == (collector.user_id, 12)
        assert AuditEntry.objects.filter(event="lending.contact.logged").count() == 1

    def test_the_evidence_holds_no_words_about_the_person(self, late_loan, collector):
        log_contact(loan_id=late_loan.pk, actor=collector, channel="visit", result="talked", note="Está enferma")
        assert "enferma" not in AuditEntry.objects.get(event="lending.contact.logged").body

    def test_a_promise_says_how_much_and_by_when(self, late_loan, collector):
        with pytest.raises(InvalidInput) as refusal:
            log_contact(loan_id=late_loan.pk, actor=collector, channel="call", result="promise")
        assert set(refusal.value.fields) == {"promised", "promised_on"}
        assert not ContactNote.objects.exists()

    def test_a_promise_for_next_year_is_a_rescheduling(self, late_loan, collector):
        with pytest.raises(InvalidInput):
            log_contact(loan_id=late_loan.pk, actor=collector, promised_on=today() + timedelta(days=200), **PROMISE)

    def test_a_new_promise_takes_the_place_of_the_open_one(self, late_loan, collector):
        for days in (2, 5):
            log_contact(loan_id=late_loan.pk, actor=collector, promised_on=today() + timedelta(days=days), **PROMISE)
        assert list(PromiseToPay.objects.order_by("due_on").values_list("status", flat=True)) == ["cancelled", "open"]

    def test_a_loan_that_owes_nothing_is_left_alone(self, late_loan, collector):
        Loan.objects.filter(pk=late_loan.pk).update(status=Loan.Status.PAID)
        with pytest.raises(InvalidState):
            log_contact(loan_id=late_loan.pk, actor=collector, channel="call", result="talked")

    def test_a_cashier_does_not_collect(self, late_loan, cashier):
        with pytest.raises(NotAllowed):
            log_contact(loan_id=late_loan.pk, actor=cashier, channel="call", result="talked")

    def test_another_institution_finds_no_such_loan(self, late_loan, other_institution, actor_as):
        stranger = actor_as("collector", at=other_institution)
        with institution_scope(other_institution.pk), pytest.raises(NotFound):
            log_contact(loan_id=late_loan.pk, actor=stranger, channel="call", result="talked")


class TestPromises:
    @pytest.fixture
    def promise(self, late_loan, collector) -> PromiseToPay:
        log_contact(loan_id=late_loan.pk, actor=collector, promised_on=today() + timedelta(days=3), **PROMISE)
        return PromiseToPay.objects.get()

    def test_it_is_kept_as_soon_as_enough_came_in(self, promise, late_loan):
        paid(late_loan, 150, today())
        assert settle_promises(on=today()) == {"kept": 0, "broken": 0}
        paid(late_loan, 50, today(), number=2)
        assert settle_promises(on=today()) == {"kept": 1, "broken": 0}
        assert settle_promises(on=today()) == {"kept": 0, "broken": 0}
        assert AuditEntry.objects.filter(event="lending.promise.kept").count() == 1

    def test_it_is_broken_the_day_after(self, promise):
        assert settle_promises(on=promise.due_on) == {"kept": 0, "broken": 0}
        assert settle_promises(on=promise.due_on + timedelta(days=1)) == {"kept": 0, "broken": 1}

    def test_money_that_was_taken_back_keeps_no_promise(self, promise, late_loan):
        paid(late_loan, 200, today(), status=Repayment.Status.REVERSED)
        assert settle_promises(on=promise.due_on + timedelta(days=1)) == {"kept": 0, "broken": 1}

    def test_money_from_before_does_not_count(self, promise, late_loan):
        paid(late_loan, 200, today() - timedelta(days=1))
        assert settle_promises(on=today())["kept"] == 0

    def test_taking_it_back_needs_a_reason_and_repeats_without_harm(self, promise, collector):
        with pytest.raises(InvalidInput):
            cancel_promise(promise_id=promise.pk, actor=collector, reason=" ")
        for _again in range(2):
            assert cancel_promise(promise_id=promise.pk, actor=collector, reason="Se equivocó").status == "cancelled"
        assert PromiseToPay.objects.get(pk=promise.pk).cancel_reason == "Se equivocó"
        assert AuditEntry.objects.filter(event="lending.promise.cancelled").count() == 1

    def test_a_broken_one_stays_broken(self, promise, collector):
        settle_promises(on=promise.due_on + timedelta(days=1))
        with pytest.raises(InvalidState):
            cancel_promise(promise_id=promise.pk, actor=collector, reason="Tarde")


class TestWorklist:
    def test_it_holds_who_is_late_and_drops_who_pays_or_promised(self, institution, product, late_loan, collector):
        make_loan(institution, product, on=today())
        assert collections.worklist_counts(today()) == {
            "today": 1, "promised": 0, "broken": 0, "early": 0, "middle": 1, "late": 0, "all": 1,
        }  # fmt: skip
        log_contact(loan_id=late_loan.pk, actor=collector, promised_on=today() + timedelta(days=3), **PROMISE)
        counts = collections.worklist_counts(today())
        assert (counts["today"], counts["promised"], counts["all"]) == (0, 1, 1)
        Loan.objects.filter(pk=late_loan.pk).update(next_due_on=today() + timedelta(days=20))
        assert collections.worklist_counts(today())["all"] == 0

    def test_somebody_to_call_next_week_waits_until_then(self, late_loan, collector):
        later = today() + timedelta(days=7)
        log_contact(loan_id=late_loan.pk, actor=collector, channel="call", result="talked", next_on=later)
        assert collections.pending_collections(today()) == 0
        assert collections.pending_collections(later) == 1

    def test_a_broken_promise_comes_back(self, late_loan, collector):
        log_contact(loan_id=late_loan.pk, actor=collector, promised_on=today(), **PROMISE)
        settle_promises(on=today() + timedelta(days=1))
        counts = collections.worklist_counts(today() + timedelta(days=1))
        assert (counts["today"], counts["broken"]) == (1, 1)

    def test_a_row_says_what_is_overdue(self, late_loan):
        row = collections.worklist_rows(collections.worklist(today(), {}), today()).get()
        assert (row["days"], row["overdue"]) == (12, Decimal(1030))

    @pytest.mark.parametrize(("query", "found"), [("Persona", 1), ("Nadie", 0)])
    def test_people_are_found_by_name(self, late_loan, query, found):
        assert collections.worklist(today(), {"q": query}).count() == found

    def test_loans_are_found_by_number(self, late_loan):
        assert collections.worklist(today(), {"q": f"QR-C{late_loan.number}"}).count() == 1

    def test_the_page_costs_the_same_for_one_or_many(
        self, institution, product, late_loan, client_as, django_assert_max_num_queries
    ):
        client, url = client_as("collector"), reverse("lending:desk_collections", args=[institution.slug])
        client.get(url)
        with django_assert_max_num_queries(20) as few:
            assert late_loan.applicant.full_name in client.get(url).content.decode()
        for _each in range(5):
            make_loan(institution, product, on=today(), days_late=3)
        with django_assert_max_num_queries(20) as many:
            client.get(url)
        assert len(many) == len(few)


class TestCasePage:
    def test_a_collector_writes_a_promise_down(self, institution, late_loan, client_as):
        client = client_as("collector")
        url = reverse("lending:desk_collection", args=[institution.slug, late_loan.pk])
        assert "S/\u00a01,030.00" in client.get(url).content.decode()
        typed = {
            "channel": "call", "result": "promise", "promised": "200",
            "promised_on": (today() + timedelta(days=2)).isoformat(),
        }  # fmt: skip
        assert client.post(url, typed).status_code == 302
        assert "S/\u00a0200.00" in client.get(url).content.decode()

    def test_what_is_missing_is_said_beside_the_field_and_nothing_is_lost(self, institution, late_loan, client_as):
        client = client_as("collector")
        url = reverse("lending:desk_collection", args=[institution.slug, late_loan.pk])
        answer = client.post(url, {"channel": "call", "result": "promise", "note": "Llama de noche"})
        assert answer.status_code == 422
        assert "Escribe cuánto prometió pagar" in answer.content.decode()
        assert "Llama de noche" in answer.content.decode()
        assert not ContactNote.objects.exists()

    def test_an_approver_reads_but_does_not_write(self, institution, late_loan, client_as):
        url = reverse("lending:desk_collection", args=[institution.slug, late_loan.pk])
        approver = client_as("approver")
        assert "Anotar un contacto" not in approver.get(url).content.decode()
        assert approver.post(url, {"channel": "call", "result": "talked"}).status_code == 403
