"""The auditor's pages: state in words, entries, history, verification, receipts; nobody else's and for nobody else."""

import json

import pytest
from django.core.cache import cache

from accounts import audit
from accounts.actors import Actor
from accounts.audit import checkpoints, sealer
from accounts.models import AuditEntry
from accounts.tenancy.scope import institution_scope
from accounts.tests.evidence import act
from portal.oversight import audit_views, chain

pytestmark = pytest.mark.usefixtures("outbox")


def address(institution, rest=""):
    return f"/i/{institution.slug}/desk/audit/{rest}"


def page_of(browser, institution, rest=""):
    answer = browser.get(address(institution, rest))
    assert answer.status_code == 200, answer
    return answer.content.decode()


def entries_in(page):
    return page.partition('aria-label="Tabla de eventos"')[2]


# --- who may ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["applicant", "officer", "approver", "manager", "analyst"])
def test_only_auditors_may_look(client_as, institution, role):
    browser = client_as(role)
    subject = f"objects/accounts.institution/{institution.pk}/"
    for rest in ("", subject, "checkpoints/1/"):
        assert browser.get(address(institution, rest)).status_code == 403
    assert browser.post(address(institution, "verify/")).status_code == 403


def test_an_auditor_of_another_institution_may_not_look(client_as, actor_as, institution, other_institution):
    browser = client_as(actor_as("auditor", at=other_institution))
    assert browser.get(address(institution)).status_code == 403


def test_nobody_looks_without_signing_in(anonymous_client, institution):
    answer = anonymous_client.get(address(institution))
    assert answer.status_code == 302
    assert "/accounts/login/" in answer["Location"]


# --- entries ----------------------------------------------------------------------------------------------------


def test_entries_say_what_who_when_and_about_what(client_as, auditor, institution, actor_as):
    officer = actor_as("officer", full_name="Julia Mamani")
    audit.record(officer, "lending.application.submitted", institution, amount="3000.00")
    audit.record(Actor.system("nightly"), "lending.application.assessed", institution)
    page = entries_in(page_of(client_as(auditor), institution))
    assert "Solicitud enviada" in page
    assert "Julia Mamani" in page
    assert "Ayni (sistema)" in page
    assert page.index("Solicitud evaluada") < page.index("Solicitud enviada")  # the newest first


def test_filters_live_in_the_address(client_as, auditor, institution, actor_as):
    officer = actor_as("officer", full_name="Julia Mamani")
    audit.record(officer, "lending.application.submitted", institution)
    audit.record(auditor, "lending.product.published", auditor_subject(auditor))
    browser = client_as(auditor)

    def shown(query):
        page = entries_in(page_of(browser, institution, query))
        return {words for words in ("Solicitud enviada", "Producto publicado") if words in page}

    assert shown("") == {"Solicitud enviada", "Producto publicado"}
    assert shown("?area=lending.application") == {"Solicitud enviada"}
    assert shown("?actor=mamani") == {"Solicitud enviada"}
    assert shown("?actor=nadie") == set()
    assert shown(f"?object={auditor_subject(auditor).pk}") == {"Producto publicado"}
    assert shown("?begins=2020-01-01&ends=2020-12-31") == set()
    assert shown("?begins=2020-01-01") == {"Solicitud enviada", "Producto publicado"}
    assert "Ningún evento cumple el filtro" in page_of(browser, institution, "?actor=nadie")


def auditor_subject(auditor):
    from accounts.models import Membership

    return Membership.objects.get(pk=auditor.membership_id)


@pytest.mark.parametrize("query", ["?begins=31/31/2020", "?area=nothing", "?actor=" + "x" * 100])
def test_a_filter_that_cannot_be_read_is_explained(client_as, institution, query):
    answer = client_as("auditor").get(address(institution, query))
    assert answer.status_code == 422
    assert "data-error-summary" in answer.content.decode()


@pytest.mark.parametrize(
    "query", ["?page=999999", "?page=x", "?object=%00", "?object=QT-99999999999999999", "?object='"]
)
def test_odd_addresses_do_no_harm(client_as, institution, query):
    assert client_as("auditor").get(address(institution, query)).status_code in (200, 422)


def test_the_number_of_queries_does_not_grow_with_the_entries(
    client_as, auditor, institution, django_assert_num_queries, actor_as
):
    browser = client_as(auditor)
    officers = [actor_as("officer") for _ in range(3)]

    def measure():
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as captured:
            page_of(browser, institution)
        return len(captured)

    audit.record(officers[0], "lending.application.submitted", institution)
    few = measure()
    for officer in officers:
        for _ in range(30):
            audit.record(officer, "lending.application.submitted", institution)
    assert measure() == few
    assert few <= 26


def test_an_objects_history_is_whole_and_in_order(client_as, auditor, institution, officer):
    thing = auditor_subject(auditor)
    for event, amount in (("lending.product.created", None), ("lending.product.published", "5000.00")):
        audit.record(officer, event, thing, amount=amount)
    audit.record(officer, "lending.policy.saved", institution)
    page = page_of(client_as(auditor), institution, f"objects/accounts.membership/{thing.pk}/")
    assert page.index("Producto creado") < page.index("Producto publicado")
    assert "monto: S/\u00a05,000.00" in page
    assert "Política de decisión guardada" not in page
    missing = client_as(auditor).get(address(institution, "objects/accounts.membership/999999/"))
    assert missing.status_code == 404


def test_another_institutions_entries_and_objects_are_not_found(client_as, institution, other_institution):
    act(other_institution, 2)
    browser = client_as("auditor")
    assert "Todavía no hay eventos" in page_of(browser, institution)
    rest = f"objects/accounts.institution/{other_institution.pk}/"
    assert browser.get(address(institution, rest)).status_code == 404


# --- verification -----------------------------------------------------------------------------------------------


@pytest.mark.transactional
def test_verifying_now_says_that_the_chain_is_intact_and_keeps_the_outcome(client_as, actor_as, institution):
    auditor = actor_as("auditor")
    act(institution, 3)
    sealer.seal_all()
    checkpoints.make()
    browser = client_as(auditor)
    assert "Sin verificar" in page_of(browser, institution)
    answer = browser.post(address(institution, "verify/"), follow=True)
    page = answer.content.decode()
    assert "Cadena íntegra" in page
    assert "3 eventos verificados, ninguno alterado ni borrado." in page
    assert "notice-bad" not in page
    with institution_scope(institution.pk):
        kept = json.loads(AuditEntry.objects.get(event=chain.VERIFIED).body)
        head = chain.chain_state(chain.Window(institution)).head
    assert (kept["actor"]["user"], kept["facts"]["ok"], kept["facts"]["head"]) == (auditor.user_id, True, head)
    assert head in page
    again = browser.post(address(institution, "verify/"), follow=True).content.decode()
    assert "Espera medio minuto" in again  # nobody keeps the database busy with it


@pytest.mark.transactional
def test_one_tampered_event_turns_the_panel_red_and_names_it(client_as, actor_as, institution, superuser):
    auditor = actor_as("auditor")
    ids = act(institution, 4)
    sealer.seal_all()
    with superuser.behind_their_backs():
        superuser.edit(str(ids[1]), '"step":2', '"step":7')
    page = client_as(auditor).post(address(institution, "verify/"), follow=True).content.decode()
    assert "Cadena dañada" in page
    assert 'class="notice notice-bad" role="alert"' in page
    assert "Evento 2: el contenido del evento no es el que se selló" in page
    assert "Cadena íntegra" not in page


@pytest.mark.transactional
def test_a_chain_that_left_its_checkpoint_is_red_before_anybody_verifies(client_as, actor_as, institution, superuser):
    auditor = actor_as("auditor")
    ids = act(institution, 4)
    sealer.seal_all()
    checkpoints.make()
    with superuser.behind_their_backs():
        superuser.delete(str(ids[3]), seals=True)
    page = page_of(client_as(auditor), institution)
    assert "Evento 4: no coincide con el punto de control 1" in page
    assert "No coincide" in page


@pytest.mark.transactional
def test_entries_that_wait_too_long_for_their_seal_are_said(client_as, actor_as, institution, superuser):
    auditor = actor_as("auditor")
    act(institution, 2)
    superuser.run("UPDATE accounts_auditpending SET queued_at = now() - interval '7 minutes'")
    page = page_of(client_as(auditor), institution)
    assert "2 eventos esperan su sello" in page
    assert "desde hace 7 minutos" in page


@pytest.mark.transactional
def test_a_verification_that_takes_too_long_is_refused_in_words(client_as, actor_as, institution, monkeypatch):
    auditor = actor_as("auditor")
    act(institution, 2)
    monkeypatch.setattr(audit_views, "VERIFY_SECONDS", 0.001)
    monkeypatch.setattr(audit_views.verify, "verify", slow)
    page = client_as(auditor).post(address(institution, "verify/"), follow=True).content.decode()
    assert "demasiado larga" in page
    with institution_scope(institution.pk):
        assert not AuditEntry.objects.filter(event=chain.VERIFIED).exists()
    cache.clear()


def slow(**how):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '1ms'")
        cursor.execute("SELECT count(*) FROM generate_series(1, 100000000)")


# --- receipts ---------------------------------------------------------------------------------------------------


@pytest.mark.transactional
def test_a_receipt_downloads_and_verifies(client_as, actor_as, institution, other_institution, tmp_path):
    auditor = actor_as("auditor")
    act(institution, 2)
    act(other_institution, 5)
    sealer.seal_all()
    checkpoints.make()
    browser = client_as(auditor)
    assert "Descargar constancia" in page_of(browser, institution)
    answer = browser.get(address(institution, "checkpoints/1/"))
    assert answer["Content-Disposition"] == 'attachment; filename="qori-00000001.json"'
    path = tmp_path / "receipt.json"
    path.write_bytes(answer.content)
    receipt = checkpoints.read(path)
    receipt.check()
    assert [(head.institution_id, head.seq) for head in receipt.heads] == [(institution.pk, 2)]
    assert browser.get(address(institution, "checkpoints/2/")).status_code == 404
