"""The staff desk: queue, decision page, products and policy, as staff meet them."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.actors import Actor
from accounts.models import AuditEntry, Institution
from accounts.tenancy.scope import institution_scope
from accounts.tests.fixtures import OutsideClient
from lending.models import Application, Assessment, Decision, LendingPolicy, Parameter, Product, ProductVersion
from lending.selectors.case import case_of
from lending.selectors.queue import VIEWS, place_in, queue, queue_counts
from lending.services.applications import start_application
from lending.services.decisions import propose_decision


def url(name: str, institution: Institution, *keys: Any) -> str:
    return reverse(f"lending:{name}", args=[institution.slug, *keys])


@pytest.fixture
def desk(client_as: Callable[..., OutsideClient], officer: Actor) -> OutsideClient:
    """An officer's browser."""
    return client_as(officer)


PROPOSAL = {"choice": "approve", "rationale": "Negocio estable, visita conforme.", "second_signer": ""}


class TestQueue:
    def test_cases_stand_in_their_views_with_true_counts(
        self, desk: OutsideClient, institution: Institution, assessed: Any, officer: Actor
    ) -> None:
        assessed(amount=Decimal(6000), term_months=18)
        assessed(amount=Decimal(3000))
        page = desk.get(url("desk_queue", institution)).content.decode()
        assert page.count("QT-1000") == 1
        counts = queue_counts(officer)
        assert (counts["assess"], counts["approved"], counts["all"]) == (1, 1, 2)
        for code in VIEWS:
            assert counts[code] == queue(officer, {"view": code}).count()

    def test_oldest_deadline_comes_first_and_neighbours_keep_the_filter(
        self, institution: Institution, assessed: Any, officer: Actor
    ) -> None:
        cases = [assessed(amount=Decimal(6000), term_months=18) for _ in range(3)]
        filters = {"view": "assess"}
        order = list(queue(officer, filters).values_list("pk", flat=True))
        assert order == [case.pk for case in cases]
        place = place_in(queue(officer, filters), cases[1].pk)
        assert place is not None
        assert (place.position, place.total, place.previous, place.next) == (2, 3, cases[0].pk, cases[2].pk)
        assert place_in(queue(officer, {"view": "declined"}), cases[1].pk) is None

    @pytest.mark.usefixtures("ready")
    def test_a_hostile_address_still_opens(self, desk: OutsideClient, institution: Institution) -> None:
        address = url("desk_queue", institution)
        for query in ("?order=pk;drop table", "?view=nada&page=-4", "?q=%00", "?segment=x", "?q=" + "9" * 400):
            assert desk.get(address + query).status_code in (200, 422), query

    def test_the_number_of_queries_does_not_grow(
        self, desk: OutsideClient, institution: Institution, assessed: Any
    ) -> None:
        def count() -> int:
            with CaptureQueriesContext(connection) as queries:
                assert desk.get(url("desk_queue", institution)).status_code == 200
            return len(queries)

        assessed(amount=Decimal(6000), term_months=18)
        few = count()
        for _ in range(6):
            assessed(amount=Decimal(6000), term_months=18)
        assert count() == few <= 16

    @pytest.mark.usefixtures("ready")
    def test_a_draft_of_the_counter_is_gone_on_with(
        self, desk: OutsideClient, institution: Institution, officer: Actor
    ) -> None:
        draft = start_application(actor=officer, segment="household", at_counter=True)
        page = desk.get(url("desk_queue", institution) + "?view=counter").content.decode()
        assert url("apply_resume", institution, draft.pk) in page

    def test_an_applicant_has_no_desk(
        self, client_as: Callable[..., OutsideClient], institution: Institution, ready: None
    ) -> None:
        assert client_as("applicant").get(url("desk_queue", institution)).status_code == 403


class TestCase:
    def test_the_bars_add_up_to_the_score(self, officer: Actor, referred: Application) -> None:
        card = case_of(referred, officer).score
        assert card is not None
        assert card.base + sum(points for _label, points in card.bars) == card.score

    def test_the_page_shows_score_threshold_model_and_masked_document(
        self, desk: OutsideClient, institution: Institution, referred: Application
    ) -> None:
        page = desk.get(url("desk_case", institution, referred.pk))
        text = page.content.decode()
        assessment = Assessment.objects.select_related("score__model", "policy").get()
        assert page.status_code == 200
        assert f"aprobación desde {assessment.policy.approve_from}" in text
        assert assessment.score.model.name in text
        assert referred.applicant.document_number not in text
        assert referred.applicant.masked_document in text
        for column in ("Declarado", "Verificado", "Ingreso −15%"):
            assert column in text

    def test_the_page_needs_the_same_queries_however_long_the_history(
        self, desk: OutsideClient, institution: Institution, referred: Application, officer: Actor
    ) -> None:
        def count() -> int:
            with CaptureQueriesContext(connection) as queries:
                desk.get(url("desk_case", institution, referred.pk))
            return len(queries)

        count()  # the first look is written down
        few = count()
        for value in (2500, 2600, 2700):
            desk.post(url("desk_verify", institution, referred.pk), {"monthly_income": str(value)})
        assert count() == few <= 32

    def test_looking_at_the_whole_document_is_written_down(
        self, desk: OutsideClient, institution: Institution, referred: Application
    ) -> None:
        page = desk.post(url("desk_unmask", institution, referred.pk))
        assert referred.applicant.document_number in page.content.decode()
        assert AuditEntry.objects.filter(event="lending.applicant.unmasked").count() == 1

    def test_another_institutions_case_does_not_exist(
        self,
        client_as: Callable[..., OutsideClient],
        actor_as: Any,
        other_institution: Institution,
        referred: Application,
    ) -> None:
        foreign = client_as(actor_as("officer", at=other_institution))
        assert foreign.get(url("desk_case", other_institution, referred.pk)).status_code == 404
        assert foreign.post(url("desk_propose", other_institution, referred.pk), PROPOSAL).status_code == 404


class TestFourEyes:
    def test_an_officer_proposes_and_an_approver_decides(
        self,
        desk: OutsideClient,
        client_as: Callable[..., OutsideClient],
        institution: Institution,
        referred: Application,
    ) -> None:
        sent = desk.post(url("desk_propose", institution, referred.pk), PROPOSAL)
        assert sent.status_code == 302, sent.content
        second = client_as("approver")
        page = second.get(url("desk_case", institution, referred.pk)).content.decode()
        assert "Negocio estable, visita conforme." in page
        done = second.post(
            url("desk_decide", institution, referred.pk), {"choice": "agree", "rationale": "Conforme con la visita."}
        )
        assert done.status_code == 302, done.content
        referred.refresh_from_db()
        assert referred.status == "approved"
        assert referred.offers.filter(status="open").exists()

    def test_the_proposer_is_refused_by_the_server_whatever_the_page_shows(
        self, client_as: Callable[..., OutsideClient], actor_as: Any, institution: Institution, referred: Application
    ) -> None:
        both = client_as(actor_as("officer", "approver"))
        both.post(url("desk_propose", institution, referred.pk), PROPOSAL)
        page = both.get(url("desk_case", institution, referred.pk)).content.decode()
        assert "decide otra persona" in page
        refused = both.post(
            url("desk_decide", institution, referred.pk), {"choice": "agree", "rationale": "Conforme con la visita."}
        )
        assert refused.status_code == 403
        assert not Decision.objects.filter(stage="final").exists()

    def test_a_decline_without_reasons_comes_back_with_what_was_typed(
        self, desk: OutsideClient, institution: Institution, referred: Application
    ) -> None:
        typed = {"choice": "decline", "rationale": "No se pudo comprobar el ingreso."}
        page = desk.post(url("desk_propose", institution, referred.pk), typed)
        text = page.content.decode()
        assert page.status_code == 422
        assert text.count("Elige al menos un motivo") >= 2  # in the summary and at the field
        assert "No se pudo comprobar el ingreso." in text
        assert "<title>Error: " in text

    def test_approving_more_than_any_product_lends_says_what_is_lent(
        self, desk: OutsideClient, institution: Institution, referred: Application
    ) -> None:
        typed = {**PROPOSAL, "choice": "changed", "amount": "900000", "term_months": "18"}
        page = desk.post(url("desk_propose", institution, referred.pk), typed)
        assert page.status_code == 422
        assert "Ningún producto da ese monto" in page.content.decode()

    def test_the_committee_answers_what_was_referred_to_it(
        self,
        desk: OutsideClient,
        client_as: Callable[..., OutsideClient],
        institution: Institution,
        referred: Application,
    ) -> None:
        desk.post(url("desk_propose", institution, referred.pk), {**PROPOSAL, "choice": "refer"})
        second = client_as("approver")
        word = {"choice": "decline", "rationale": "Ingreso sin comprobar.", "reason_codes": ["income_not_confirmed"]}
        assert second.post(url("desk_decide", institution, referred.pk), word).status_code == 302
        referred.refresh_from_db()
        assert referred.status == "declined"

    def test_sent_back_it_waits_for_the_officer_again(
        self,
        desk: OutsideClient,
        client_as: Callable[..., OutsideClient],
        institution: Institution,
        referred: Application,
    ) -> None:
        desk.post(url("desk_propose", institution, referred.pk), PROPOSAL)
        second = client_as("approver")
        second.post(
            url("desk_decide", institution, referred.pk), {"choice": "return", "rationale": "Falta ver el local."}
        )
        page = desk.get(url("desk_case", institution, referred.pk)).content.decode()
        assert "Falta ver el local." in page
        assert "Tu propuesta" in page


class TestVerifiedFacts:
    def test_what_was_seen_stands_beside_what_was_declared(
        self, desk: OutsideClient, institution: Institution, referred: Application
    ) -> None:
        before = referred.facts
        sent = desk.post(url("desk_verify", institution, referred.pk), {"monthly_income": "2500"})
        assert sent.status_code == 302, sent.content
        referred.refresh_from_db()
        assert referred.facts == before
        assert referred.verified_facts == {"monthly_income": "2500.00"}
        assert Assessment.objects.filter(application_id=referred.pk).count() == 2

    def test_a_letter_in_a_figure_is_explained(
        self, desk: OutsideClient, institution: Institution, referred: Application
    ) -> None:
        page = desk.post(url("desk_verify", institution, referred.pk), {"monthly_income": "25OO"})
        assert page.status_code == 422
        assert "sin letras" in page.content.decode()


PRODUCT = {
    "name": "Mi Casa",
    "segment": "household",
    "summary": "Techo, baño y agua",
    "amount_min": "800",
    "amount_max": "20,000.00",
    "term_min": "6",
    "term_max": "36",
    "tea_min": "28",
    "tea_max": "45.5",
    "amortization": "equal_installments",
    "insurance_monthly_rate": "0.06",
    "insurance_base": "opening_balance",
    "fee_upfront": "0",
    "disbursement_days": "2",
    "score_min": "560",
    "age_min": "18",
    "age_max": "75",
    "activity_months_min": "6",
    "creditors_max": "4",
}


class TestProducts:
    @pytest.fixture
    def manager_desk(self, client_as: Callable[..., OutsideClient]) -> OutsideClient:
        return client_as("manager")

    def test_a_manager_drafts_and_publishes(
        self, manager_desk: OutsideClient, institution: Institution, cap: Parameter
    ) -> None:
        sent = manager_desk.post(url("desk_product_new", institution), PRODUCT)
        assert sent.status_code == 302, sent.content.decode()
        draft = ProductVersion.objects.get()
        assert (draft.tea_max, draft.amount_max) == (Decimal("0.455"), Decimal(20000))
        manager_desk.post(url("desk_product_publish", institution, draft.pk))
        draft.refresh_from_db()
        assert draft.status == "published"
        assert AuditEntry.objects.filter(event="lending.product.published").count() == 1

    def test_a_rate_over_the_legal_cap_is_not_published_and_says_why(
        self, manager_desk: OutsideClient, institution: Institution, cap: Parameter
    ) -> None:
        manager_desk.post(url("desk_product_new", institution), {**PRODUCT, "tea_max": "130"})
        draft = ProductVersion.objects.get()
        page = manager_desk.post(url("desk_product_publish", institution, draft.pk), follow=True).content.decode()
        assert "pasa la legal" in page
        draft.refresh_from_db()
        assert draft.status == "draft"

    def test_without_a_cap_nothing_is_published(self, manager_desk: OutsideClient, institution: Institution) -> None:
        Parameter.objects.filter(code="usury_cap_tea").delete()
        manager_desk.post(url("desk_product_new", institution), PRODUCT)
        draft = ProductVersion.objects.get()
        page = manager_desk.post(url("desk_product_publish", institution, draft.pk), follow=True).content.decode()
        assert "Falta cargar la tasa máxima legal" in page
        assert ProductVersion.objects.get().status == "draft"

    def test_limits_in_the_wrong_order_come_back_to_their_field(
        self, manager_desk: OutsideClient, institution: Institution
    ) -> None:
        page = manager_desk.post(url("desk_product_new", institution), {**PRODUCT, "amount_max": "100"})
        assert page.status_code == 422
        assert not Product.objects.exists()

    def test_an_officer_looks_and_does_not_touch(
        self, desk: OutsideClient, institution: Institution, cap: Parameter
    ) -> None:
        assert desk.get(url("desk_products", institution)).status_code == 200
        assert desk.post(url("desk_product_new", institution), PRODUCT).status_code == 403
        assert not Product.objects.exists()

    def test_policy_changes_make_a_version(self, manager_desk: OutsideClient, institution: Institution) -> None:
        typed = {
            "approve_from": "650",
            "decline_below": "500",
            "pd_max": "20",
            "installment_to_surplus": "50",
            "installment_to_stressed": "70",
            "income_stress": "15",
            "creditors_max": "4",
            "automatic_limit": "4000",
            "offer_days": "15",
            "decision_hours": "48",
            "draft_days": "30",
            "par30_limit": "5.5",
            "installments_to_income": "40",
            "return_bound": "0",
        }
        assert manager_desk.post(url("desk_policy", institution), typed).status_code == 302
        saved = LendingPolicy.objects.get()
        assert (saved.approve_from, saved.pd_max, saved.automatic_limit) == (650, Decimal("0.2"), Decimal(4000))
        wrong = manager_desk.post(url("desk_policy", institution), {**typed, "decline_below": "700"})
        assert wrong.status_code == 422
        assert LendingPolicy.objects.count() == 1


def test_a_proposal_of_one_institution_is_not_decided_from_another(
    institution: Institution, other_institution: Institution, referred: Application, officer: Actor, actor_as: Any
) -> None:
    from accounts.errors import NotFound
    from lending.services.decisions import decide_application

    proposal = propose_decision(
        application_id=referred.pk, actor=officer, outcome="approve", rationale="Negocio estable, visita conforme."
    )
    foreign = actor_as("approver", at=other_institution)
    with institution_scope(other_institution.pk), pytest.raises(NotFound):
        decide_application(proposal_id=proposal.pk, actor=foreign, agree=True, rationale="Conforme con la visita.")
