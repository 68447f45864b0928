"""The platform's own pages."""

from datetime import timedelta

import pytest

from accounts import messages
from accounts.clock import today
from accounts.tests.factories import InstitutionFactory

pytestmark = pytest.mark.django_db


def test_the_front_page_lists_open_institutions(anonymous_client, platform):
    InstitutionFactory(name="Caja Abierta")
    InstitutionFactory(name="Caja Cerrada", is_active=False)
    page = anonymous_client.get("/").content.decode()
    assert "Caja Abierta" in page
    assert "Caja Cerrada" not in page


def test_the_demos_messages_are_readable_in_the_demo_only(anonymous_client, settings, tmp_path):
    settings.OUTBOX_ROOT = str(tmp_path)
    messages.send_sms("+51987654321", "Tu código es 123456 <b>", "uno")
    assert anonymous_client.get("/demo/outbox/").status_code == 404
    settings.DEMO = True
    page = anonymous_client.get("/demo/outbox/").content.decode()
    assert "Tu código es 123456 &lt;b&gt;" in page


def test_reports_are_noted_and_a_flood_is_dropped(anonymous_client, caplog):
    for _ in range(70):
        answer = anonymous_client.post(
            "/csp-report/", b'{"csp-report": {"a": "b\n"}}', content_type="application/csp-report"
        )
        assert answer.status_code == 204
    noted = [record for record in caplog.records if record.name == "ayni.csp"]
    assert len(noted) == 60
    assert "\n" not in noted[0].getMessage()


def test_a_huge_report_is_cut(anonymous_client, caplog):
    anonymous_client.post("/csp-report/", b"x" * 1_000_000, content_type="application/csp-report")
    assert len(caplog.records[-1].getMessage()) < 4_100


def test_a_mandate_that_ends_closes_the_door(client_as, regulator):
    from accounts.models import RegulatorMandate

    RegulatorMandate.objects.update(valid_to=today() - timedelta(days=1))
    assert client_as(regulator).get("/oversight/").status_code == 403


@pytest.mark.parametrize(("path", "status"), [("/no-existe/", 404), ("/i/qori/no-existe/", 404)])
def test_error_pages_have_the_look_of_the_house(anonymous_client, institution, path, status):
    answer = anonymous_client.get(path)
    assert answer.status_code == status
    assert 'class="masthead"' in answer.content.decode()


@pytest.mark.parametrize(
    ("behind", "header", "seen"),
    [
        (True, "198.51.100.7, 203.0.113.9", "203.0.113.9"),
        (True, "2001:db8::1", "2001:db8::1"),
        (True, "unsinn", "127.0.0.1"),
        (True, "", "127.0.0.1"),
        (False, "203.0.113.9", "127.0.0.1"),
    ],
)
def test_the_address_is_what_our_proxy_saw(anonymous_client, settings, behind, header, seen):
    settings.BEHIND_PROXY = behind
    answer = anonymous_client.get("/", headers={"X-Forwarded-For": header})
    assert answer.wsgi_request.actor.ip == seen


def test_without_redis_signing_in_says_to_come_back(anonymous_client, settings):
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:9/0"}}
    answer = anonymous_client.post("/accounts/login/", {"login": "987654321"})
    assert answer.status_code == 503
    assert "Volvemos en unos minutos" in answer.content.decode()
    assert anonymous_client.get("/accounts/login/").status_code == 200


def test_a_form_without_its_token_is_explained(institution):
    from accounts.tests.fixtures import OutsideClient

    answer = OutsideClient(enforce_csrf_checks=True).post("/accounts/login/", {"login": "987654321"})
    assert answer.status_code == 403
    assert "Envía el formulario otra vez" in answer.content.decode()
