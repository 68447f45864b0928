"""Regulators' pages: within the mandate, through their own database role, read-only, every look logged."""

import json
import subprocess
import sys
import zipfile
from datetime import timedelta
from decimal import Decimal
from io import BytesIO

import pytest
from django.db import DatabaseError, connections, transaction

from accounts import audit
from accounts.actors import Actor
from accounts.audit import checkpoints, sealer
from accounts.clock import today
from accounts.models import AuditEntry, RegulatorMandate
from accounts.platform import platform_scope
from accounts.services.memberships import change_staff
from accounts.tenancy.scope import institution_scope, regulator_scope
from accounts.tests.evidence import act
from accounts.tests.factories import MandateFactory
from lending.disparity import COUNTED
from lending.models import Application, DisparityMonth
from lending.services.assessments import assess_waiting
from lending.services.disparity import summarise
from lending.services.products import create_product, publish_product, save_product_terms
from lending.tests.conftest import cap, champions, products, ready  # noqa: F401  (fixtures)
from lending.tests.factories import set_usury_cap, submitted
from portal.oversight.supervision import LOOKED
from scoring.models import ScoringModel
from scoring.services import promote_model
from scoring.tests.factories import register_model

# ruff: noqa: F811  (fixtures are imported to be named as parameters)
pytestmark = [pytest.mark.transactional, pytest.mark.usefixtures("outbox")]

LENDER = "/oversight/lenders/qori/"
TERMS = {
    "summary": "Para lo que necesites",
    "amount_min": 500,
    "amount_max": 15000,
    "term_min": 3,
    "term_max": 24,
    "tea_min": "0.25",
    "tea_max": "0.60",
    "amortization": "equal_installments",
}


@pytest.fixture
def browser(client_as, regulator):
    return client_as(regulator)


@pytest.fixture
def sealed(institution, other_institution):
    """Six sealed entries here and three elsewhere, under a checkpoint."""
    ids = act(institution, 6)
    act(other_institution, 3)
    sealer.seal_all()
    checkpoints.make()
    return [str(key) for key in ids]


def page_of(browser, path=LENDER):
    answer = browser.get(path)
    assert answer.status_code == 200, answer
    return answer.content.decode()


def looks():
    with platform_scope():
        return [
            json.loads(body)["facts"] for body in AuditEntry.objects.filter(event=LOOKED).values_list("body", flat=True)
        ]


# --- the boundary -----------------------------------------------------------------------------------------------


def test_the_first_page_shows_supervised_institutions_with_their_chains(
    browser, sealed, institution, other_institution
):
    past = {"valid_to": today() - timedelta(days=1)}
    MandateFactory(regulator=RegulatorMandate.objects.get().regulator, institution=other_institution, **past)
    page = page_of(browser, "/oversight/")
    assert "Caja Qori" in page
    assert "Wayra" not in page
    heads = {one.institution_id: one.hash.hex() for one in checkpoints.read(checkpoints.path_of(1)).heads}
    head = heads[institution.pk]
    assert f"{head[:8]}…{head[-4:]}" in page


@pytest.mark.parametrize("rest", ["", "changes/", "versions/", "evidence/", "checkpoints/1/"])
def test_an_institution_without_mandate_is_not_found(browser, sealed, rest):
    assert browser.get(f"{LENDER}{rest}").status_code == 200
    assert browser.get(f"/oversight/lenders/wayra/{rest}").status_code == 404
    assert browser.get(f"/oversight/lenders/nadie/{rest}").status_code == 404


def test_a_mandate_that_is_over_closes_its_institution(browser, sealed, regulator, other_institution):
    MandateFactory(regulator_id=regulator.user_id, regulator=None, institution=other_institution)
    assert browser.get("/oversight/lenders/wayra/").status_code == 200
    RegulatorMandate.objects.filter(institution=other_institution).update(valid_to=today() - timedelta(days=1))
    assert browser.get("/oversight/lenders/wayra/").status_code == 404
    assert browser.get(LENDER).status_code == 200


def test_a_mandate_over_some_days_shows_those_and_still_verifies_the_whole_chain(browser, sealed, institution):
    assert "eventos" in page_of(browser)
    act(institution, 1)
    sealer.seal_all()
    yesterday = today() - timedelta(days=1)
    RegulatorMandate.objects.update(data_from=yesterday, data_to=yesterday)
    page = page_of(browser)
    assert "ves solo esos" in page
    assert f"{LENDER}objects/" not in page
    assert f"Datos del {yesterday:%d/%m/%Y}" in page_of(browser, "/oversight/")
    browser.post(f"{LENDER}verify/")
    assert "Verificamos la cadena completa: está íntegra" in page_of(browser)
    days = {"begins": yesterday.isoformat(), "ends": today().isoformat()}
    refused = browser.post(f"{LENDER}evidence/", days)
    assert refused.status_code == 422
    assert "no alcanza" in refused.content.decode()
    RegulatorMandate.objects.update(data_to=today())
    assert browser.post(f"{LENDER}evidence/", days).status_code == 200
    assert f"{LENDER}objects/" in page_of(browser)


def test_why_a_model_was_put_in_force_is_read_where_it_changed(browser, institution, validator):
    with institution_scope(institution.pk):
        model = register_model("household", institution=institution, status=ScoringModel.Status.CANDIDATE)
        promote_model(model_id=model.pk, actor=validator, reason="Distingue mejor en Cusco.")
    assert "Distingue mejor en Cusco." in page_of(browser, f"{LENDER}changes/?kind=model")
    assert "Distingue mejor en Cusco." in page_of(browser, f"/oversight/models/{model.pk}/")
    # Words that somebody changed since no longer fit the hash in the chain.
    with institution_scope(institution.pk):
        ScoringModel.objects.filter(pk=model.pk).update(
            motives=[{"at": "", "event": "scoring.model.promoted", "reason": "Nadie se opuso."}]
        )
    assert "Nadie se opuso." not in page_of(browser, f"{LENDER}changes/?kind=model")


@pytest.mark.parametrize("role", ["auditor", "manager", "officer", "operator"])
def test_nobody_else_comes_in(client_as, actor_as, institution, role):
    stranger = client_as(actor_as(role))
    for path in ("/oversight/", LENDER, f"{LENDER}changes/", "/oversight/looks/"):
        assert stranger.get(path).status_code == 403


def test_the_second_step_comes_first(client_as, regulator, sealed):
    assert client_as(regulator, second_step=False).get(LENDER).status_code == 302


def test_supervised_rows_come_through_the_regulators_role_alone(browser, sealed, institution):
    """Whoever breaks the mandate's row in that role's eyes sees nothing, whatever the serving role may read."""
    seen = []

    def watch(execute, sql, parameters, many, context):
        if any(table in sql for table in ('"accounts_auditentry"', "accounts_auditseal", '"lending_')):
            seen.append((context["connection"].alias, sql))
        return execute(sql, parameters, many, context)

    with connections["default"].execute_wrapper(watch), connections["regulator"].execute_wrapper(watch):
        page_of(browser)
    own = [sql for alias, sql in seen if alias == "default" and "INSERT" not in sql]
    assert all("actor_user_id" in sql for sql in own), "only the regulator's own log is read by the serving role"
    assert any(alias == "regulator" for alias, _sql in seen)


def test_the_regulators_role_can_write_nothing(regulator, sealed, institution):
    with (
        regulator_scope(regulator.user_id),
        pytest.raises(DatabaseError, match="read-only"),
        transaction.atomic(using="regulator"),
    ):
        AuditEntry.unscoped.using("regulator").filter(institution_id=institution.pk).update(body="{}")


# --- what is shown ----------------------------------------------------------------------------------------------


def test_entries_name_staff_by_number_and_role(browser, actor_as, institution):
    officer = actor_as("officer", full_name="Julia Mamani")
    with institution_scope(institution.pk):
        audit.record(officer, "lending.application.submitted", institution, amount="3000.00")
    page = page_of(browser)
    assert f"Persona {officer.user_id} (Analista de créditos)" in page
    assert "Julia Mamani" not in page
    assert "monto" not in page  # facts are on the object's page
    assert "Solicitud enviada" in page_of(browser, f"{LENDER}?actor={officer.user_id}")
    assert "Ningún evento cumple el filtro" in page_of(browser, f"{LENDER}?actor=999999")


def test_search_by_act_object_and_period(browser, actor_as, institution):
    officer = actor_as("officer")
    with institution_scope(institution.pk):
        application = Application.objects.create(number=48213, segment="farm")
        audit.record(officer, "lending.application.submitted", application, amount="3000.00")
        audit.record(officer, "lending.application.assessed", application)
        audit.record(officer, "lending.product.created", institution)

    def shown(query):
        table = page_of(browser, f"{LENDER}?{query}").partition('aria-label="Tabla de eventos"')[2]
        return [words for words in ("Solicitud enviada", "Solicitud evaluada", "Producto creado") if words in table]

    assert shown("area=lending.application") == ["Solicitud enviada", "Solicitud evaluada"]
    assert shown("area=lending.application.assessed") == ["Solicitud evaluada"]
    assert shown("object=QT-48213") == ["Solicitud enviada", "Solicitud evaluada"]
    assert shown("begins=2020-01-01&ends=2020-12-31") == []
    history = page_of(browser, f"{LENDER}objects/lending.application/{application.pk}/")
    assert "Solicitud QT-48213" in history
    assert "monto: S/\u00a03,000.00" in history
    assert browser.get(f"{LENDER}?begins=31/31/2020").status_code == 422


def test_verifying_now_is_done_by_the_regulators_role_and_kept_in_the_platforms_chain(browser, sealed, institution):
    assert "Sin verificar" in page_of(browser)
    page = browser.post(f"{LENDER}verify/", follow=True).content.decode()
    assert "6 eventos verificados, ninguno alterado ni borrado." in page
    with platform_scope():
        kept = json.loads(AuditEntry.objects.get(event="portal.oversight.verified").body)
    assert (kept["facts"]["ok"], kept["subject"]["id"]) == (True, str(institution.pk))
    assert "Espera medio minuto" in browser.post(f"{LENDER}verify/", follow=True).content.decode()


def test_a_tampered_event_turns_the_regulators_panel_red(browser, sealed, superuser):
    with superuser.behind_their_backs():
        superuser.edit(sealed[3], '"step":4', '"step":7')
    page = browser.post(f"{LENDER}verify/", follow=True).content.decode()
    assert 'class="notice notice-bad" role="alert"' in page
    assert "Evento 4: el contenido del evento no es el que se selló" in page


def test_a_switched_off_sealer_shows_on_the_first_page(browser, institution, superuser):
    act(institution, 2)
    superuser.run("UPDATE accounts_auditpending SET queued_at = now() - interval '7 minutes'")
    page = page_of(browser, "/oversight/")
    assert "Detenido" in page
    assert "2 esperan desde" in page


def test_changes_say_from_what_to_what_and_by_whom(browser, institution, actor_as):
    manager = actor_as("manager")
    with institution_scope(institution.pk):
        set_usury_cap()
        product = create_product(actor=manager, name="Mi Negocio", segment="enterprise")
        version = save_product_terms(product_id=product.pk, actor=manager, **TERMS)
        publish_product(version_id=version.pk, actor=manager)
        save_product_terms(product_id=product.pk, actor=manager, amount_max=20000)
    page = page_of(browser, f"{LENDER}changes/?kind=product")
    assert "<strong>Monto máximo</strong>: S/\u00a015,000.00 → S/\u00a020,000.00" in page
    assert f"Persona {manager.user_id} (Gerente)" in page
    assert "TEA máxima" in page
    assert "de ejemplo" in page, "legal values with their norm"
    assert "Nada cambió" in page_of(browser, f"{LENDER}changes/?kind=model")
    both = page_of(browser, f"{LENDER}versions/?what=product:{product.pk}")
    assert "1 diferencia" in both
    assert "S/\u00a020,000.00" in both


@pytest.mark.parametrize(
    "rest",
    [
        "?actor=99999999999999999999999", "?page=x", "?object=%00", "objects/lending.application/%00/",
        "changes/?kind=moon", "changes/?begins=x", "versions/?what=%00&a=%00", "fairness/?since=9999-12&until=9999-12",
        "fairness/?product=%00", "fairness/cases/?group=%00", "fairness/cases/?page=99999999999999999999",
        "fairness/?format=exe", "checkpoints/99999999999999999999/",
    ],
)  # fmt: skip
def test_odd_addresses_do_no_harm(browser, institution, rest):
    assert browser.get(f"{LENDER}{rest}").status_code in (200, 404, 422)


def test_roles_and_states_change_in_words(browser, institution, actor_as):
    manager, officer = actor_as("manager"), actor_as("officer")
    with institution_scope(institution.pk):
        change_staff(
            membership_id=officer.membership_id, actor=manager, roles=["officer", "cashier"], job_title="", branch=""
        )
        application = Application.objects.create(number=7, segment="farm")
        audit.record(officer, "lending.application.withdrawn", application, before="referred")
    page = page_of(browser, f"{LENDER}changes/")
    assert "<strong>roles</strong>: Analista de créditos → " in page
    assert "Cajero" in page
    assert "<strong>estado</strong>: En evaluación → Retirada" in page


def test_versions_of_nothing_are_said(browser, institution):
    assert "Todavía no hay versiones" in page_of(browser, f"{LENDER}versions/?what=product:x&a=1&b=2")


# --- evidence ---------------------------------------------------------------------------------------------------


def test_the_package_downloads_and_verifies_alone(browser, sealed, tmp_path, institution):
    answer = browser.post(f"{LENDER}evidence/", {"begins": today().isoformat(), "ends": today().isoformat()})
    assert answer["Content-Type"] == "application/zip"
    with zipfile.ZipFile(BytesIO(b"".join(answer.streaming_content))) as package:
        package.extractall(tmp_path)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "verify.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "6 eventos" in done.stdout
    with platform_scope():
        assert AuditEntry.objects.filter(event="portal.oversight.evidence_exported").count() == 1
    with institution_scope(institution.pk):
        assert not AuditEntry.objects.filter(event__startswith="portal.").exists(), "the lender is not told"


@pytest.mark.parametrize(
    ("days", "words"),
    [
        ({"begins": "2020-01-01", "ends": "2020-01-02"}, "No hay eventos sellados"),
        ({"begins": "2026-02-02", "ends": "2026-01-01"}, "no puede ser anterior"),
        ({"begins": "", "ends": ""}, "Hay 2 respuestas por corregir"),
    ],
)
def test_a_period_that_gives_nothing_is_explained(browser, sealed, days, words):
    answer = browser.post(f"{LENDER}evidence/", days)
    assert answer.status_code == 422
    assert words in answer.content.decode()


def test_a_period_that_is_too_long_for_the_page_is_refused_in_words(browser, sealed, monkeypatch):
    from portal.oversight import packages

    monkeypatch.setattr(packages, "LARGEST_DOWNLOAD", 5)
    answer = browser.post(f"{LENDER}evidence/", {"begins": today().isoformat(), "ends": today().isoformat()})
    assert "Son 6 eventos: elige un período más corto" in answer.content.decode()


def test_an_auditor_takes_the_package_of_their_own_institution(client_as, actor_as, sealed, institution):
    browser = client_as(actor_as("auditor"))
    answer = browser.post("/i/qori/desk/audit/evidence/", {"begins": today().isoformat(), "ends": today().isoformat()})
    with zipfile.ZipFile(BytesIO(b"".join(answer.streaming_content))) as package:
        assert len(package.read("entries.jsonl").splitlines()) == 6
    with institution_scope(institution.pk):
        assert AuditEntry.objects.filter(event="accounts.evidence.exported").count() == 1
    assert "Cambios" in browser.get("/i/qori/desk/audit/changes/").content.decode()


# --- the log ----------------------------------------------------------------------------------------------------


def test_every_look_is_logged_with_page_and_filters_but_no_typed_words(browser, sealed, regulator, institution):
    page_of(browser, "/oversight/")
    page_of(browser, f"{LENDER}?area=lending.application&object=Mar%C3%ADa+Quispe")
    browser.get("/oversight/lenders/wayra/")
    assert [(look["page"], look["filters"]) for look in looks()] == [
        ("institutions", None),
        ("chain", {"area": "lending.application"}),
    ]
    mine = page_of(browser, "/oversight/looks/")
    assert "Caja Qori" in mine
    with platform_scope() as platform:
        kept = AuditEntry.objects.filter(event=LOOKED).order_by("at_us")
        assert [entry.actor_user_id for entry in kept] == [regulator.user_id] * 3
        assert [entry.subject_id for entry in kept] == [str(one) for one in (platform.pk, institution.pk, platform.pk)]


def test_the_number_of_queries_does_not_grow(browser, institution, actor_as):
    from django.test.utils import CaptureQueriesContext

    def measure():
        with CaptureQueriesContext(connections["regulator"]) as captured:
            page_of(browser)
        return len(captured)

    officer = actor_as("officer")
    with institution_scope(institution.pk):
        audit.record(officer, "lending.application.submitted", institution)
    few = measure()
    with institution_scope(institution.pk):
        for who in (officer, Actor.system("nightly")):
            audit.record_many(who, "lending.application.submitted", [(institution, {})] * 30)
    assert measure() == few <= 16


# --- fair lending -----------------------------------------------------------------------------------------------


def months(institution, months_ago=0, **groups):
    """A month's summaries: `sex={"male": (cases, approved), …}`; the whole comes of the first dimension."""
    month = (today().replace(day=15) - timedelta(days=30 * months_ago)).replace(day=1)
    zero = dict.fromkeys(COUNTED, 0)
    rows = []
    for dimension, sizes in {"all": {"": totals(next(iter(groups.values())))}, **groups}.items():
        for group, (cases, approved) in sizes.items():
            counted = {
                **zero,
                "cases": cases,
                "decided": cases,
                "approved": approved,
                "priced": approved,
                "hours_sum": cases,
            }
            counted |= {"tea_sum": Decimal("0.4") * approved, "tcea_sum": Decimal("0.42") * approved}
            rows.append(
                DisparityMonth(
                    institution=institution,
                    month=month,
                    segment="household",
                    dimension=dimension,
                    group=group,
                    **counted,
                )
            )
    DisparityMonth.unscoped.using("fairness").bulk_create(rows)


def totals(sizes):
    return tuple(sum(one) for one in zip(*sizes.values(), strict=True))


FAIR = f"{LENDER}fairness/"


@pytest.fixture
def unequal(institution, other_institution):
    """Quechua speakers below four fifths for three months, Aymara speakers too few to show."""
    for ago in range(3):
        months(
            institution,
            ago,
            sex={"male": (200, 150), "female": (100, 74)},
            language={"spanish": (200, 150), "quechua": (90, 45), "aymara": (10, 6)},
        )
    months(other_institution, 0, sex={"male": (77, 7)})


def test_the_report_flags_whoever_fares_worse_and_says_how_sure_it_is(browser, unequal):
    page = page_of(browser, f"{FAIR}?by=language")
    assert "Lengua materna, quechua: razón 0.67, bajo el umbral de 0.80." in page
    assert "no se explica por el azar" in page
    assert "0.67 [0.59–0.76]" in page
    assert "1 señal por revisar" in page
    assert "Mujer" in page
    assert "Dentro del rango" in page
    assert "Razón mes a mes, por Lengua materna" in page
    assert "77" not in page.partition("</form>")[2], "nothing of another institution"
    narrow = page_of(browser, f"{FAIR}?since={today():%Y-%m}&until={today():%Y-%m}")
    assert "Aimara" in narrow
    assert browser.get(f"{FAIR}?since=2026-13").status_code == 422


def test_small_groups_are_hidden_with_the_neighbour_that_would_give_them_away(browser, institution):
    months(institution, 0, language={"spanish": (200, 150), "quechua": (40, 20), "aymara": (3, 1)})
    page = page_of(browser, FAIR)
    hidden = page.count("no se muestra</td>")
    assert hidden == 2
    document = json.loads(browser.get(f"{FAIR}?format=json").content)
    assert [one for one in document["groups"] if one["signal"] == "suppressed"] == [
        {"dimension": "language", "group": "quechua", "signal": "suppressed"},
        {"dimension": "language", "group": "aymara", "signal": "suppressed"},
    ]


@pytest.mark.parametrize(
    ("kind", "begins"), [("csv", b"\xef\xbb\xbfdimension,group,cases"), ("json", b"{"), ("pdf", b"%PDF")]
)
def test_the_report_downloads(browser, unequal, kind, begins):
    answer = browser.get(f"{FAIR}?format={kind}")
    assert answer.content.startswith(begins)
    assert f".{kind}" in answer["Content-Disposition"]
    if kind == "csv":
        assert b"language,quechua,270,270,135,0.5," in answer.content


def test_an_institution_reads_the_same_and_replies(client_as, actor_as, browser, unequal, institution):
    manager = client_as(actor_as("manager"))
    page = page_of(manager, "/i/qori/desk/fairness/")
    assert "razón 0.67" in page
    assert "fairness/cases" not in page
    says = {"about": "language:quechua", "text": "Los documentos incompletos explican casi toda la diferencia."}
    assert manager.post("/i/qori/desk/fairness/", says).status_code == 302
    assert "Los documentos incompletos explican" in page_of(browser, FAIR)
    assert manager.post("/i/qori/desk/fairness/", {**says, "text": "corto"}).status_code == 422
    auditor = client_as(actor_as("auditor"))
    assert "razón 0.67" in page_of(auditor, "/i/qori/desk/fairness/")
    assert auditor.post("/i/qori/desk/fairness/", says).status_code == 403
    assert client_as(actor_as("officer")).get("/i/qori/desk/fairness/").status_code == 403


def test_the_cases_behind_a_figure(browser, institution, ready, regulator):
    with institution_scope(institution.pk):
        application = submitted(institution)
        assess_waiting(institution_id=institution.pk)
    summarise()
    page = page_of(browser, FAIR)
    assert "Solicitudes respondidas" in page
    found = page_of(browser, f"{FAIR}cases/?dimension=region&group=08&which=approved")
    assert "1 solicitud: aprobadas" in " ".join(found.split())
    assert f"QT-{application.number}" in found
    assert "Ningún caso" in page_of(browser, f"{FAIR}cases/?dimension=region&group=08&which=declined")
    assert browser.get(f"{FAIR}cases/?dimension=moon").status_code == 404
    assert browser.get(f"{FAIR}cases/?which=moon").status_code == 404


# --- models -----------------------------------------------------------------------------------------------------


def test_the_register_tells_of_every_model_in_use(browser, institution, ready, champions):
    with institution_scope(institution.pk):
        submitted(institution)
        assess_waiting(institution_id=institution.pk)
    summarise()
    model = champions["household"]
    page = page_of(browser, "/oversight/models/")
    assert "T-household" in page
    assert "Sin vigilar" in page
    card = page_of(browser, f"/oversight/models/{model.pk}/")
    assert model.sha256 in card
    assert "Caja Qori" in card
    assert "prueba-household" in card
    assessment = page_of(browser, f"/oversight/models/{model.pk}/impact/")
    assert "Por completar por la entidad responsable" in assessment
    assert "DS 115-2025-PCM, art. 24.1 g" in assessment
    assert "Ningún grupo fuera de 0.80 a 1.25" in assessment
    paper = browser.get(f"/oversight/models/{model.pk}/impact/?format=pdf")
    assert paper.content.startswith(b"%PDF")
    assert browser.get("/oversight/models/01a217ac-de2c-75af-835f-ae38760d0a26/impact/").status_code == 404


def test_a_model_of_an_institution_without_mandate_stays_unknown(browser, institution, champions, other_institution):
    from scoring.models import ScoringModel

    with institution_scope(other_institution.pk):
        ScoringModel.objects.filter(pk=champions["farm"].pk).update(status="retired")
        own = ScoringModel.objects.get(pk=champions["farm"].pk)
        own.pk, own.institution, own.status, own.name = None, other_institution, "champion", "Ajeno-1"
        own.save(force_insert=True)
    assert "Ajeno-1" not in page_of(browser, "/oversight/models/")
    assert browser.get(f"/oversight/models/{own.pk}/").status_code == 404
