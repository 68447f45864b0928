import hashlib
import threading
from datetime import date, timedelta
from decimal import Decimal

import orjson
import pytest
from django.db import connection, connections
from django.utils import timezone

from accounts.actors import Actor
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from accounts.models import AuditEntry, Consent, OutboxEvent
from accounts.tenancy.scope import institution_scope
from accounts.tests.factories import UserFactory
from lending.models import Applicant, Application, EnterpriseProfile, HouseholdProfile, Offer
from lending.selectors.applications import applications_visible_to
from lending.services.applications import (
    save_step,
    start_application,
    submit_application,
    withdraw_application,
)
from lending.services.expiry import expire_drafts, expire_offers
from lending.tests.factories import ALL_CONSENTS, applicant_of, declaration, new_dni, ruc_of, submitted

Status = Application.Status


def events(subject=None):
    found = AuditEntry.objects.order_by("at_us", "id")
    return list((found.filter(subject_id=str(subject.pk)) if subject else found).values_list("event", flat=True))


@pytest.fixture
def draft(institution, applicant):
    return start_application(actor=applicant, segment="household", amount=Decimal(3000), term_months=12)


def send(application, actor, consents=None, **changes):
    return submit_application(
        application_id=application.pk,
        actor=actor,
        declared=declaration(application.segment, **changes),
        consents={**ALL_CONSENTS, **(consents or {})},
        ip="203.0.113.7",
    )


# --- starting -----------------------------------------------------------------------------------------------------


def test_starting_gives_a_number_and_a_last_day(draft, applicant):
    assert (draft.number, draft.status, draft.channel) == (10001, Status.DRAFT, "web")
    assert draft.owner_id == applicant.user_id
    assert timedelta(days=29) < draft.draft_until - timezone.now() < timedelta(days=31)
    assert events(draft) == ["lending.application.started"]


def test_pressing_the_button_twice_starts_one(draft, applicant):
    again = start_application(actor=applicant, segment="household", amount=Decimal(4000))
    assert again.pk == draft.pk
    assert again.amount == Decimal(4000)
    assert Application.objects.count() == 1


def test_a_draft_with_answers_is_not_taken_for_a_new_one(draft, applicant):
    save_step(application_id=draft.pk, actor=applicant, step="identity", answers={"full_name": "M"}, complete=False)
    assert start_application(actor=applicant, segment="household").number == 10002


def test_numbers_are_the_institutions_own(draft, institution, other_institution):
    with institution_scope(other_institution.pk):
        theirs = start_application(actor=applicant_of(other_institution), segment="farm")
    assert theirs.number == 10001
    assert start_application(actor=applicant_of(institution), segment="farm").number == 10002


def test_an_officer_starts_one_for_each_person_at_the_counter(institution, officer):
    first = start_application(actor=officer, segment="farm", at_counter=True)
    second = start_application(actor=officer, segment="farm", at_counter=True)
    assert first.pk != second.pk
    assert (first.channel, first.owner_id, first.filed_by_id) == ("counter", None, officer.user_id)


@pytest.mark.parametrize("role", ["approver", "auditor", "applicant"])
def test_only_officers_file_for_others(institution, actor_as, role):
    with pytest.raises(NotAllowed):
        start_application(actor=actor_as(role), segment="farm", at_counter=True)


def test_nobody_starts_without_an_account(institution):
    with pytest.raises(NotAllowed):
        start_application(actor=Actor.anonymous(institution_id=institution.pk), segment="farm")


def test_an_unknown_segment_is_refused(applicant):
    with pytest.raises(InvalidInput):
        start_application(actor=applicant, segment="boat")


@pytest.mark.transactional
def test_ten_people_starting_at_once_get_ten_numbers(institution):
    actors = [applicant_of(institution) for _ in range(10)]
    barrier = threading.Barrier(10)

    def start(actor):
        barrier.wait()
        with institution_scope(institution.pk):
            start_application(actor=actor, segment="household")
        connections.close_all()

    threads = [threading.Thread(target=start, args=[actor]) for actor in actors]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    with institution_scope(institution.pk):
        assert sorted(Application.objects.values_list("number", flat=True)) == list(range(10001, 10011))


# --- saving -------------------------------------------------------------------------------------------------------


def test_what_was_typed_is_kept_even_when_it_is_wrong(draft, applicant):
    save_step(application_id=draft.pk, actor=applicant, step="money", answers={"amount": "tres mil"}, complete=False)
    save_step(application_id=draft.pk, actor=applicant, step="identity", answers={"full_name": "M 😀"}, complete=False)
    draft.refresh_from_db()
    assert draft.draft["steps"]["money"] == {"answers": {"amount": "tres mil"}, "complete": False}
    assert draft.draft["steps"]["identity"]["answers"]["full_name"] == "M 😀"
    assert draft.amount == Decimal(3000)


def test_a_readable_amount_and_term_show_in_lists(draft, applicant):
    answers = {"amount": "4,500.00", "term_months": "18"}
    saved = save_step(application_id=draft.pk, actor=applicant, step="request", answers=answers, complete=True)
    assert (saved.amount, saved.term_months) == (Decimal("4500.00"), 18)


def test_answers_are_sealed_in_the_database(draft, applicant):
    save_step(application_id=draft.pk, actor=applicant, step="identity", answers={"dni": "10117410"}, complete=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT draft FROM lending_application WHERE id = %s", [draft.pk])
        assert "10117410" not in cursor.fetchone()[0]


def test_a_megabyte_of_text_is_refused(draft, applicant):
    with pytest.raises(InvalidInput):
        save_step(application_id=draft.pk, actor=applicant, step="money", answers={"x": "a" * 10**6}, complete=False)


def test_a_sent_application_is_not_changed(draft, applicant):
    send(draft, applicant)
    with pytest.raises(InvalidState):
        save_step(application_id=draft.pk, actor=applicant, step="money", answers={}, complete=False)


def test_somebody_elses_draft_looks_missing(draft, institution, officer):
    for stranger in (applicant_of(institution), officer):
        with pytest.raises(NotFound):
            save_step(application_id=draft.pk, actor=stranger, step="money", answers={}, complete=False)


def test_another_institutions_draft_looks_missing(draft, other_institution):
    stranger = applicant_of(other_institution)
    with institution_scope(other_institution.pk), pytest.raises(NotFound):
        save_step(application_id=draft.pk, actor=stranger, step="money", answers={}, complete=False)


# --- submitting ---------------------------------------------------------------------------------------------------


def test_submitting_freezes_what_was_declared(draft, applicant):
    sent = send(draft, applicant, amount="4,500.50", facts={"monthly_income": "3,200.00"})

    assert sent.status == Status.SUBMITTED
    assert (sent.amount, sent.term_months, sent.purpose) == (Decimal("4500.50"), 12, "home")
    assert sent.facts["monthly_income"] == "3200.00"
    assert sent.facts_sha256 == hashlib.sha256(orjson.dumps(sent.facts, option=orjson.OPT_SORT_KEYS)).hexdigest()
    assert sent.draft == {}
    assert sent.draft_until is None
    assert OutboxEvent.objects.get().name == "lending.application.submitted"
    assert HouseholdProfile.objects.get().monthly_income == Decimal(3200)
    assert events(sent)[-1] == "lending.application.submitted"


def test_unanswered_facts_stay_unanswered(draft, applicant):
    sent = send(draft, applicant, facts={"savings_balance": None, "dependants": None})
    assert "savings_balance" not in sent.facts
    assert HouseholdProfile.objects.get().dependants is None


def test_submitting_twice_makes_one(draft, applicant):
    first = send(draft, applicant)
    second = send(draft, applicant, amount=Decimal(9999))
    assert second.amount == first.amount
    assert OutboxEvent.objects.count() == 1
    assert Consent.objects.count() == 5
    assert Applicant.objects.count() == 1


@pytest.mark.transactional
def test_a_double_click_makes_one(institution):
    actor = applicant_of(institution)
    with institution_scope(institution.pk):
        draft = start_application(actor=actor, segment="household")
    declared, barrier, failures = declaration(), threading.Barrier(6), []

    def click():
        barrier.wait()
        try:
            with institution_scope(institution.pk):
                submit_application(
                    application_id=draft.pk, actor=actor, declared=declared, consents=ALL_CONSENTS, ip=None
                )
        except Exception as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=click) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert not failures
    with institution_scope(institution.pk):
        assert OutboxEvent.objects.count() == 1
        assert Consent.objects.count() == 5
        assert events().count("lending.application.submitted") == 1


def test_everything_wrong_is_said_at_once(draft, applicant):
    with pytest.raises(InvalidInput) as refusal:
        send(draft, applicant, consents={"evaluation": False}, document_number="123", facts={"monthly_income": "mil"})
    assert set(refusal.value.fields) == {"document_number", "monthly_income", "consent_evaluation"}
    draft.refresh_from_db()
    assert draft.status == Status.DRAFT
    assert not Consent.objects.exists()


@pytest.mark.parametrize("amount", ["3.000", "3,000", "-5", "NaN", "1e18", "10" * 30, "😀", "tres"])
def test_a_strange_amount_is_a_message(draft, applicant, amount):
    with pytest.raises(InvalidInput) as refusal:
        send(draft, applicant, amount=amount)
    assert list(refusal.value.fields) == ["amount"]


def test_a_fact_of_another_segment_is_refused(draft, applicant):
    with pytest.raises(InvalidInput) as refusal:
        send(draft, applicant, facts={"hectares": "2"})
    assert "hectares" in refusal.value.fields


def test_the_document_is_encrypted_and_found_by_its_keyed_hash(draft, applicant):
    dni = new_dni()
    sent = send(draft, applicant, document_number=dni)
    with connection.cursor() as cursor:
        cursor.execute("SELECT document_number, document_hash FROM lending_applicant")
        sealed, digest = cursor.fetchone()
    assert dni not in sealed
    assert len(digest) == 64
    assert sent.applicant.document_number == dni
    assert dni not in "".join(AuditEntry.objects.values_list("body", flat=True))


def test_the_same_person_is_one_applicant_and_brought_up_to_date(institution, applicant):
    dni = new_dni()
    for name in ("María Quispe", "María Quispe Mamani"):
        send(start_application(actor=applicant, segment="household"), applicant, document_number=dni, full_name=name)
    assert Applicant.objects.get().full_name == "María Quispe Mamani"
    assert Application.objects.count() == 2
    assert events().count("lending.applicant.updated") == 1


def test_a_document_of_another_account_is_not_taken_over(institution, applicant):
    dni = new_dni()
    send(start_application(actor=applicant, segment="household"), applicant, document_number=dni)
    thief = applicant_of(institution)
    with pytest.raises(InvalidInput) as refusal:
        send(start_application(actor=thief, segment="household"), thief, document_number=dni, full_name="Otra Persona")
    assert list(refusal.value.fields) == ["document_number"]
    assert Applicant.objects.get().full_name == "María Quispe Mamani"


def test_who_was_registered_at_the_counter_goes_on_online_with_the_same_proven_mobile(institution, officer):
    dni = new_dni()
    send(start_application(actor=officer, segment="household", at_counter=True), officer, document_number=dni)
    stranger = applicant_of(institution, phone="+51911111111")
    with pytest.raises(InvalidInput):
        send(start_application(actor=stranger, segment="household"), stranger, document_number=dni)
    person = applicant_of(institution, phone="+51987654321")
    send(start_application(actor=person, segment="household"), person, document_number=dni)
    assert Applicant.objects.get().user_id == person.user_id


def test_the_same_document_elsewhere_is_another_applicant(institution, other_institution):
    dni = new_dni()
    here = submitted(institution, document_number=dni).applicant
    there = submitted(other_institution, document_number=dni).applicant
    assert here.pk != there.pk
    assert here.document_hash != there.document_hash


def test_a_business_keeps_its_ruc_and_profile(institution, applicant):
    dni = new_dni()
    draft = start_application(actor=applicant, segment="enterprise")
    sent = send(draft, applicant, document_number=dni, ruc=ruc_of(dni), trade_name="Bodega Rosita")
    assert sent.applicant.ruc == ruc_of(dni)
    profile = EnterpriseProfile.objects.get()
    assert (profile.trade_name, profile.sector) == ("Bodega Rosita", "commerce")


# --- consents -----------------------------------------------------------------------------------------------------


def test_every_answer_is_kept_as_evidence(draft, applicant):
    send(draft, applicant, consents={"automated": False})
    kept = {row.purpose: row for row in Consent.objects.all()}
    assert {name: row.granted for name, row in kept.items()} == {**ALL_CONSENTS, "automated": False}
    shown = kept["evaluation"]
    assert (shown.channel, shown.ip, shown.language) == ("web", "203.0.113.7", "es")
    assert shown.given_by_id == applicant.user_id
    assert shown.recorded_by_id is None
    assert len(shown.text_sha256) == 64


def test_at_the_counter_the_officer_records_the_persons_answer(institution, officer):
    send(start_application(actor=officer, segment="farm", at_counter=True), officer)
    row = Consent.objects.filter(purpose="evaluation").get()
    assert (row.channel, row.given_by_id, row.recorded_by_id) == ("counter", None, officer.user_id)


# --- withdrawing and expiring -------------------------------------------------------------------------------------


def test_withdrawing_ends_it(draft, applicant):
    send(draft, applicant)
    gone = withdraw_application(application_id=draft.pk, actor=applicant)
    assert gone.status == Status.WITHDRAWN
    assert OutboxEvent.objects.get(name="lending.application.submitted").done_at
    assert events(draft)[-1] == "lending.application.withdrawn"
    again = withdraw_application(application_id=draft.pk, actor=applicant)
    assert again.status == Status.WITHDRAWN
    assert events(draft).count("lending.application.withdrawn") == 1


def test_a_withdrawn_application_is_not_sent(draft, applicant):
    withdraw_application(application_id=draft.pk, actor=applicant)
    with pytest.raises(InvalidState):
        send(draft, applicant)


def test_withdrawing_takes_the_offers_along(institution, assessed):
    actor = applicant_of(institution)
    application = assessed("household", actor=actor, amount=Decimal(2000))
    withdraw_application(application_id=application.pk, actor=actor)
    assert set(Offer.objects.values_list("status", flat=True)) == {"withdrawn"}


def test_a_stranger_can_not_withdraw(draft, institution):
    with pytest.raises(NotFound):
        withdraw_application(application_id=draft.pk, actor=applicant_of(institution))


def test_a_forgotten_draft_ends_and_is_emptied(draft, institution, applicant):
    save_step(application_id=draft.pk, actor=applicant, step="money", answers={"a": "1"}, complete=False)
    assert expire_drafts(institution_id=institution.pk) == 0
    Application.objects.update(draft_until=timezone.now() - timedelta(minutes=1))
    assert expire_drafts(institution_id=institution.pk) == 1
    assert expire_drafts(institution_id=institution.pk) == 0
    draft.refresh_from_db()
    assert (draft.status, draft.draft) == (Status.WITHDRAWN, {})
    assert events(draft)[-1] == "lending.application.expired"


def test_an_offer_ends_after_its_last_day(institution, assessed):
    assessed("household", amount=Decimal(2000))
    assert expire_offers(institution_id=institution.pk) == 0
    Offer.objects.update(valid_until=date(2026, 1, 1))
    assert expire_offers(institution_id=institution.pk) == 1
    assert expire_offers(institution_id=institution.pk) == 0
    assert events()[-1] == "lending.offer.expired"


# --- seeing -------------------------------------------------------------------------------------------------------


def test_everybody_sees_what_is_theirs(institution, other_institution, officer, auditor, actor_as):
    person = applicant_of(institution)
    typing = start_application(actor=person, segment="household")
    save_step(application_id=typing.pk, actor=person, step="money", answers={"a": "1"}, complete=False)
    counter = start_application(actor=officer, segment="farm", at_counter=True)
    sent = submitted(institution)
    submitted(other_institution)

    def seen(actor):
        return set(applications_visible_to(actor).values_list("pk", flat=True))

    assert seen(person) == {typing.pk}
    assert seen(officer) == seen(auditor) == {counter.pk, sent.pk}
    assert seen(actor_as("cashier")) == set()
    assert seen(Actor.for_user(UserFactory(), institution_id=institution.pk)) == set()
    assert seen(Actor.anonymous(institution_id=institution.pk)) == set()
