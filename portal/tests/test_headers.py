"""What every answer says of itself to browsers, and what it keeps quiet about."""

import json

import pytest

from portal.private import PrivateAnswers

pytestmark = pytest.mark.django_db

PAGES = ("/", "/i/qori/", "/accounts/login/", "/healthz", "/nothing-here/", "/i/qori/api/v1/applications/")


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_is_typed_and_fenced_in(anonymous_client, institution, path):
    answer = anonymous_client.get(path, secure=True)
    kind = answer["Content-Type"]
    assert kind.startswith("application/json") or "charset=utf-8" in kind
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in answer
    assert not {"Server", "X-Powered-By"} & set(answer.headers)
    if path != "/healthz":  # text for machines
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["Referrer-Policy"] == "same-origin"
        policy = answer["Content-Security-Policy"]
        for rule in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "report-uri /csp-report/"):
            assert rule in policy
        assert "unsafe" not in policy


def test_browsers_are_told_to_come_by_tls_alone(anonymous_client):
    said = anonymous_client.get("/", secure=True)["Strict-Transport-Security"]
    assert said.startswith("max-age=31536000; includeSubDomains")


@pytest.mark.parametrize("path", ["/i/qori/desk/", "/i/qori/my/", "/accounts/"])
def test_pages_of_a_person_are_kept_by_nobody(client_as, institution, path):
    role = "applicant" if "/my/" in path else "officer"
    assert "no-store" in client_as(role).get(path)["Cache-Control"]


def test_answers_of_the_api_are_files_and_kept_by_nobody(client_as, institution):
    answer = client_as("officer").get("/i/qori/api/v1/applications/")
    assert answer.status_code == 200
    assert answer["Content-Disposition"] == 'attachment; filename="api.json"'
    assert "no-store" in answer["Cache-Control"]


def test_public_pages_may_be_kept(anonymous_client, institution):
    assert "no-store" not in anonymous_client.get("/").get("Cache-Control", "")


def test_methods_and_types_nobody_asked_for_are_refused(client_as, institution):
    browser = client_as("officer")
    address = "/i/qori/api/v1/applications/"
    assert browser.put(address).status_code == 405
    assert browser.delete(address).status_code == 405
    assert browser.post("/i/qori/").status_code == 405
    wrong = browser.post(address, "<a/>", content_type="application/xml", headers={"Idempotency-Key": "x" * 20})
    assert wrong.status_code in (403, 415)
    assert browser.get(address, headers={"Accept": "application/xml"}).status_code == 406


def test_a_refused_right_and_a_failed_sign_in_are_lines_in_the_log(client_as, anonymous_client, institution, caplog):
    client_as("cashier").get("/i/qori/desk/data-requests/")
    anonymous_client.post("/accounts/login/", {"login": "nadie@correo.pe", "password": "clave-que-nadie-usa"})
    lines = [json.loads(one.getMessage()) for one in caplog.records if one.getMessage().startswith("{")]
    refused = next(one for one in lines if one["event"] == "access_refused")
    assert (refused["method"], refused["path"]) == ("GET", "/i/qori/desk/data-requests/")
    failed = next(one for one in lines if one["event"] == "sign_in_failed")
    assert failed["ip"] == "127.0.0.1"
    assert "clave-que-nadie-usa" not in caplog.text
    assert "nadie@correo.pe" not in json.dumps([failed])


def test_what_a_view_says_of_its_answer_stays(rf):
    from django.http import HttpResponse

    request = rf.get("/i/qori/api/v1/x/")
    kept = PrivateAnswers(lambda _request: HttpResponse(headers={"Cache-Control": "max-age=60"}))(request)
    assert kept["Cache-Control"] == "max-age=60"
