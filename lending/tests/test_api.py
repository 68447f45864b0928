"""The API by session and by token: the same services, the same refusals, once per key."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test import Client
from django.utils import timezone
from oauth2_provider.models import AccessToken
from oauth2_provider.models import Application as OAuthApplication
from PIL import Image

from accounts.models import ApiClient, AuditEntry, Consent, IdempotencyKey, Institution, User
from accounts.tenancy.scope import institution_scope
from accounts.tests.factories import MembershipFactory, UserFactory
from accounts.tests.fixtures import OutsideClient, no_scope
from lending.facts import to_json
from lending.models import Application, ProductVersion
from lending.selectors.products import published_products
from lending.services.assessments import assess_waiting
from lending.tests.factories import ALL_CONSENTS, GOOD, declaration


def body_of(segment: str = "household", **changes: Any) -> dict[str, Any]:
    """A good declaration as JSON."""
    good = declaration(segment)
    return {
        "full_name": good.full_name,
        "document_number": good.document_number,
        "birth_on": "1988-05-23",
        "phone": good.phone,
        "region": good.region,
        "district": good.district,
        "amount": "3000.00",
        "term_months": 12,
        "purpose": good.purpose,
        "facts": to_json(GOOD[segment]),
        "consents": ALL_CONSENTS,
        **changes,
    }


class Api:
    """Calls to one institution's API by one caller."""

    def __init__(self, browser: Client, slug: str, **headers: str) -> None:
        self.browser, self.base, self.headers = browser, f"/i/{slug}/api/v1", headers

    def get(self, path: str) -> Any:
        return self.browser.get(f"{self.base}{path}", headers=self.headers)

    def post(self, path: str, body: Any = None, key: str | None = "k-1") -> Any:
        headers = {**self.headers, **({"Idempotency-Key": key} if key else {})}
        return self.browser.post(
            f"{self.base}{path}", json.dumps(body or {}), content_type="application/json", headers=headers
        )


def token_of(institution: Institution, *, roles: tuple[str, ...] = ("integrator",), minutes: int = 60) -> str:
    """A bearer token of a program registered with an institution."""
    person = UserFactory()
    registered = OAuthApplication.objects.create(
        name="Caja de prueba",
        client_type=OAuthApplication.CLIENT_CONFIDENTIAL,
        authorization_grant_type=OAuthApplication.GRANT_CLIENT_CREDENTIALS,
    )
    with institution_scope(institution.pk):
        ApiClient.objects.create(
            name=f"Programa {registered.pk}", oauth_client_id=registered.client_id, roles=list(roles), created_by=person
        )
    token = f"token-{registered.pk}-{institution.pk}"
    AccessToken.objects.create(
        token=token, application=registered, expires=timezone.now() + timedelta(minutes=minutes), scope="applications"
    )
    return token


@pytest.fixture
def api(institution: Institution, client_as: Callable[..., OutsideClient]) -> Api:
    """An applicant with a session."""
    return Api(client_as("applicant"), institution.slug)


@pytest.fixture
def program(institution: Institution) -> Api:
    """A program with a token."""
    return Api(OutsideClient(), institution.slug, Authorization=f"Bearer {token_of(institution)}")


def answer(institution: Institution) -> None:
    with institution_scope(institution.pk):
        assess_waiting(institution_id=institution.pk)


@pytest.mark.usefixtures("ready")
class TestJourney:
    def test_from_nothing_to_a_chosen_offer(self, api: Api, institution: Institution) -> None:
        made = api.post("/applications/", {"segment": "household"})
        assert made.status_code == 201, made.content
        assert made.json()["number"] == "QT-10001"
        path = f"/applications/{made.json()['id']}"

        sent = api.post(f"{path}/submit/", body_of())
        assert sent.status_code == 202, sent.content
        assert sent.json()["status"] == "submitted"
        assert api.get(f"{path}/score/").json()["code"] == "not_yet"

        answer(institution)
        score = api.get(f"{path}/score/").json()
        assert score["base_points"] + sum(one["points"] for one in score["reasons"]) == score["score"]
        assert all(one["text"] for one in score["reasons"])
        offers = api.get(f"{path}/offers/").json()
        assert offers["recommendation"] == "approve"
        first = offers["offers"][0]
        assert first["amount"] == "3000.00"
        assert first["reasons"][0]["text"]
        assert {one["product_name"] for one in offers["not_matching"]} == {
            product.product.name for product in published_elsewhere(institution)
        }

        chosen = api.post(f"{path}/offers/{first['id']}/choose/")
        assert chosen.status_code == 200, chosen.content
        assert chosen.json()["status"] == "chosen"
        assert api.get(path + "/").json()["status"] == "approved"

    def test_a_program_files_for_a_person_and_sees_only_its_own(self, program: Api, institution: Institution) -> None:
        path = f"/applications/{program.post('/applications/', {'segment': 'household'}).json()['id']}"
        assert program.post(f"{path}/submit/", body_of()).status_code == 202
        application = Application.objects.get()
        assert application.channel == "api"
        assert application.owner_id is None
        assert set(Consent.objects.values_list("channel", flat=True)) == {"api"}
        entry = json.loads(AuditEntry.objects.get(event="lending.application.submitted").body)
        assert entry["actor"]["kind"] == "client"
        assert entry["actor"]["client"] == str(application.api_client_id)

        other = Api(OutsideClient(), institution.slug, Authorization=f"Bearer {token_of(institution)}")
        assert other.get(f"{path}/").status_code == 404
        assert other.get("/applications/").json()["results"] == []
        assert len(program.get("/applications/").json()["results"]) == 1


def published_elsewhere(institution: Institution) -> list[Any]:
    with institution_scope(institution.pk):
        return [one for one in published_products() if one.product.segment != "household"]


@pytest.mark.usefixtures("products")
class TestOnce:
    def test_the_same_key_answers_the_same(self, api: Api) -> None:
        first = api.post("/applications/", {"segment": "household"})
        again = api.post("/applications/", {"segment": "household"})
        assert again.json() == first.json()
        assert again.headers["Idempotency-Replayed"] == "true"
        assert Application.objects.count() == 1

    def test_the_same_key_with_another_body_is_refused(self, api: Api) -> None:
        api.post("/applications/", {"segment": "household"})
        refused = api.post("/applications/", {"segment": "farm"})
        assert refused.status_code == 422
        assert refused.json()["code"] == "idempotency_mismatch"

    def test_without_a_key_nothing_happens(self, api: Api) -> None:
        refused = api.post("/applications/", {"segment": "household"}, key=None)
        assert refused.status_code == 422
        assert refused.json()["code"] == "idempotency_key"
        assert not Application.objects.exists()

    def test_a_refused_request_may_be_mended_with_the_same_key(self, api: Api) -> None:
        assert api.post("/applications/", {"segment": "casa"}).status_code == 422
        assert not IdempotencyKey.objects.exists()
        assert api.post("/applications/", {"segment": "household"}).status_code == 201

    def test_a_key_belongs_to_one_application(self, api: Api) -> None:
        one = api.post("/applications/", {"segment": "household"}, key="a").json()["id"]
        body = body_of()
        assert api.post(f"/applications/{one}/submit/", body, key="s").status_code == 202
        two = api.post("/applications/", {"segment": "household"}, key="b").json()["id"]
        refused = api.post(f"/applications/{two}/submit/", body, key="s")
        assert refused.json()["code"] == "idempotency_mismatch"


@pytest.mark.transactional
def test_twelve_at_once_make_one(institution: Institution, client_as: Callable[..., OutsideClient]) -> None:
    with institution_scope(institution.pk):
        member = MembershipFactory(institution=institution, roles=["applicant"])
    barrier = threading.Barrier(12)
    answers: list[Any] = []

    def call() -> None:
        browser = OutsideClient()
        browser.sign_in(User.objects.get(pk=member.user_id))
        barrier.wait()
        response = Api(browser, institution.slug).post("/applications/", {"segment": "farm"})
        answers.append((response.status_code, response.headers.get("Idempotency-Replayed"), response.json()["id"]))
        connections.close_all()

    threads = [threading.Thread(target=call) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({key for _status, _replayed, key in answers}) == 1
    assert sorted(str(replayed) for _status, replayed, _key in answers) == ["None"] + ["true"] * 11
    with institution_scope(institution.pk):
        assert Application.objects.count() == 1


@pytest.mark.usefixtures("products")
class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"amount": "tres mil"}, "amount"),
            ({"amount": "3.000"}, "amount"),
            ({"amount": "-5"}, "amount"),
            ({"amount": "NaN"}, "amount"),
            ({"amount": 10**18}, "amount"),
            ({"amount": "🙂"}, "amount"),
            ({"document_number": "123"}, "document_number"),
            ({"birth_on": "2031-01-01"}, "birth_on"),
            ({"full_name": "x" * 100_000}, "full_name"),
            ({"facts": {"monthly_income": "mucho"}}, "monthly_income"),
            ({"facts": {"religion": "otra"}}, "religion"),
            ({"facts": [1, 2]}, "facts"),
            ({"consents": {**ALL_CONSENTS, "evaluation": False}}, "consent_evaluation"),
            ({"term_months": "doce"}, "term_months"),
        ],
    )
    def test_bad_input_is_named_by_field(self, api: Api, change: dict[str, Any], field: str) -> None:
        key = api.post("/applications/", {"segment": "household"}, key="a").json()["id"]
        refused = api.post(f"/applications/{key}/submit/", body_of(**change), key="s")
        assert refused.status_code == 422, refused.content
        assert field in refused.json()["fields"], refused.json()
        assert Application.objects.get().status == "draft"

    def test_broken_json_is_explained(self, api: Api) -> None:
        response = api.browser.post(
            f"{api.base}/applications/",
            "{",
            content_type="application/json",
            headers={"Idempotency-Key": "x"},
        )
        assert response.status_code == 400
        assert response.json()["message"]

    def test_strangers_are_asked_to_identify_themselves(self, institution: Institution) -> None:
        stranger = Api(OutsideClient(), institution.slug)
        assert stranger.get("/applications/").status_code == 401

    def test_a_token_is_good_at_its_own_institution_only(
        self, institution: Institution, other_institution: Institution
    ) -> None:
        foreign = Api(OutsideClient(), institution.slug, Authorization=f"Bearer {token_of(other_institution)}")
        assert foreign.get("/applications/").status_code == 401

    def test_an_expired_token_is_refused(self, institution: Institution) -> None:
        late = Api(OutsideClient(), institution.slug, Authorization=f"Bearer {token_of(institution, minutes=-1)}")
        assert late.get("/applications/").status_code == 401

    def test_a_closed_client_is_refused(self, program: Api, institution: Institution) -> None:
        with institution_scope(institution.pk):
            ApiClient.objects.update(is_active=False)
        assert program.get("/applications/").status_code == 401

    def test_another_institutions_application_does_not_exist(
        self, api: Api, other_institution: Institution, client_as: Callable[..., OutsideClient], actor_as: Any
    ) -> None:
        key = api.post("/applications/", {"segment": "household"}).json()["id"]
        elsewhere = Api(client_as(actor_as("officer", at=other_institution)), other_institution.slug)
        assert elsewhere.get(f"/applications/{key}/").status_code == 404
        assert elsewhere.post(f"/applications/{key}/submit/", body_of()).status_code == 404

    def test_a_session_needs_its_csrf_token(self, institution: Institution, applicant: Any) -> None:
        browser = OutsideClient(enforce_csrf_checks=True)
        browser.sign_in(User.objects.get(pk=applicant.user_id))
        assert Api(browser, institution.slug).post("/applications/", {"segment": "farm"}).status_code == 403


@pytest.mark.usefixtures("products")
def test_documents_are_kept_and_lies_refused(api: Api) -> None:
    key = api.post("/applications/", {"segment": "household"}).json()["id"]
    picture = BytesIO()
    Image.new("RGB", (40, 30), "white").save(picture, "PNG")
    url = f"{api.base}/applications/{key}/documents/"

    def send(name: str, content: bytes) -> Any:
        return api.browser.post(url, {"kind": "identity_front", "file": SimpleUploadedFile(name, content)})

    kept = send("dni.png", picture.getvalue())
    assert kept.status_code == 201, kept.content
    assert kept.json()["media_type"] == "image/jpeg"
    lie = send("dni.png", b"<html><script>alert(1)</script></html>")
    assert lie.status_code == 422
    assert "file" in lie.json()["fields"]
    assert [one["kind"] for one in api.get(f"/applications/{key}/documents/").json()] == ["identity_front"]


@pytest.mark.usefixtures("products")
class TestSimulation:
    def simulate(self, institution: Institution, **asked: Any) -> Any:
        with institution_scope(institution.pk):
            product = ProductVersion.objects.get(product__segment="household").product.code
        body = {"product": product, "amount": "3000", "term_months": 12, **asked}
        return Api(OutsideClient(), institution.slug).post("/simulations/", body, key=None)

    def test_anybody_may_simulate_and_it_adds_up(self, institution: Institution) -> None:
        found = self.simulate(institution).json()
        assert sum(float(row["principal"]) for row in found["rows"]) == 3000
        assert found["rows"][-1]["outstanding"] == "0.00"
        assert float(found["tcea"]) > float(found["tea"])

    @pytest.mark.parametrize(
        ("asked", "field"),
        [
            ({"amount": "1"}, "amount"),
            ({"amount": "3,000"}, "amount"),
            ({"term_months": 90}, "term_months"),
            ({"product": "no-hay"}, "product"),
        ],
    )
    def test_what_is_not_offered_is_explained(self, institution: Institution, asked: Any, field: str) -> None:
        refused = self.simulate(institution, **asked)
        assert refused.status_code == 422
        assert refused.json()["fields"][field]


def test_the_schema_is_complete_and_the_docs_open(database: None) -> None:
    with no_scope():
        browser = OutsideClient()
        schema = browser.get("/api/v1/schema/?format=json")
        assert schema.status_code == 200
        paths = json.loads(schema.content)["paths"]
        assert len(paths) == 33, sorted(paths)
        docs = browser.get("/api/v1/docs/")
        assert docs.status_code == 200
        assert "unsafe-inline" not in docs.headers["Content-Security-Policy"].split("script-src")[1].split(";")[0]


def test_a_program_gets_its_token_with_its_credentials(institution: Institution) -> None:
    registered = OAuthApplication(
        name="Caja de prueba",
        client_type=OAuthApplication.CLIENT_CONFIDENTIAL,
        authorization_grant_type=OAuthApplication.GRANT_CLIENT_CREDENTIALS,
    )
    secret = registered.client_secret
    registered.save()
    ApiClient.objects.create(
        name="Programa", oauth_client_id=registered.client_id, roles=["integrator"], created_by=UserFactory()
    )
    browser = OutsideClient()
    asked = {"grant_type": "client_credentials", "client_id": registered.client_id, "client_secret": secret}
    token = browser.post("/api/v1/token/", asked).json()["access_token"]
    bearer = Api(browser, institution.slug, Authorization=f"Bearer {token}")
    assert bearer.get("/applications/").status_code == 200
    wrong = browser.post("/api/v1/token/", {**asked, "client_secret": "otra"})
    assert wrong.status_code == 401
