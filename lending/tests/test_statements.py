"""An applicant's statements: read, shown, scored with, and never more than they tell."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState, NotFound
from accounts.tenancy.scope import institution_scope
from lending.models import AccountStatement, Application
from lending.services.applications import start_application
from lending.services.assessments import assess_waiting
from lending.services.statements import add_statement, facts_to_score, remove_statement
from lending.tests import walk
from scoring.models import Score


def upload(months=4, monthly=1_000):
    """A till's file of the last whole months: a sale every other day."""
    lines, day = ["fecha;monto;saldo"], today().replace(day=1) - timedelta(days=31 * months)
    day = day.replace(day=1)
    while day < today().replace(day=1):
        lines.append(f"{day:%d/%m/%Y};{monthly / 15:.2f};{500}")
        day += timedelta(days=2)
    return SimpleUploadedFile("caja.csv", "\n".join(lines).encode())


@pytest.fixture
def draft(institution, applicant):
    return start_application(actor=applicant, segment="enterprise")


def test_what_was_read_is_kept_and_the_file_is_not(draft, applicant):
    kept = add_statement(application_id=draft.pk, actor=applicant, kind="till", upload=upload())
    assert kept.facts["statement_income"] == pytest.approx(1_030, abs=40)
    assert kept.facts["balance_low"] == 500
    assert len(kept.months) >= 4
    assert not any("stored" in field.name for field in AccountStatement._meta.fields)


def test_a_newer_one_takes_the_place_of_the_older(draft, applicant):
    add_statement(application_id=draft.pk, actor=applicant, kind="till", upload=upload())
    again = add_statement(application_id=draft.pk, actor=applicant, kind="till", upload=upload(monthly=3_000))
    assert AccountStatement.objects.get() == again
    assert again.facts["statement_income"] > 2_900


def test_refusals_say_what_to_do_and_keep_nothing(draft, applicant):
    future = f"fecha,monto\n{today() + timedelta(days=3):%d/%m/%Y},20\n".encode()
    wrong = (("magic", b"fecha,monto\n", "kind"), ("bank", b"a,b\n", "file"), ("bank", future, "file"))
    for kind, content, field in wrong:
        with pytest.raises(InvalidInput) as refused:
            add_statement(
                application_id=draft.pk, actor=applicant, kind=kind, upload=SimpleUploadedFile("x.csv", content)
            )
        assert field in refused.value.fields
    assert not AccountStatement.objects.exists()


def test_once_sent_it_stays(draft, applicant):
    kept = add_statement(application_id=draft.pk, actor=applicant, kind="till", upload=upload())
    Application.objects.filter(pk=draft.pk).update(status="declined", facts={})
    with pytest.raises(InvalidState):
        add_statement(application_id=draft.pk, actor=applicant, kind="till", upload=upload())
    with pytest.raises(InvalidState):
        remove_statement(statement_id=kept.pk, actor=applicant)


def test_nobody_elses(draft, applicant, actor_as, institution, other_institution):
    kept = add_statement(application_id=draft.pk, actor=applicant, kind="till", upload=upload())
    with pytest.raises(NotFound):
        remove_statement(statement_id=kept.pk, actor=actor_as("applicant"))
    with institution_scope(other_institution.pk), pytest.raises(NotFound):
        remove_statement(statement_id=kept.pk, actor=actor_as("applicant", at=other_institution))


def test_the_page_shows_what_was_understood_and_the_score_uses_it(client_as, actor_as, applicant, institution, ready):
    browser = client_as(applicant)
    application = walk.start(browser, institution, "enterprise")
    page = reverse("lending:apply_documents", args=[institution.slug, application.pk])
    sent = browser.post(
        reverse("lending:apply_statement", args=[institution.slug, application.pk]), {"kind": "till", "file": upload()}
    )
    assert sent["Location"] == f"{page}#movimientos"
    shown = browser.get(page).content.decode()
    assert "Entra al mes, en promedio" in shown
    assert "Días sin movimiento" in shown
    refused = browser.post(
        reverse("lending:apply_statement", args=[institution.slug, application.pk]),
        {"kind": "till", "file": SimpleUploadedFile("x.csv", b"a,b\n1,2\n")},
    )
    assert refused.status_code == 422
    assert "una con la fecha" in refused.content.decode()
    walk.fill(browser, institution, application)
    browser.post(walk.url(application, institution, "review"))
    assess_waiting(institution_id=institution.pk)
    inputs = Score.objects.get(application_id=application.pk).inputs
    assert inputs["cash_flow_stability"] is not None
    told = browser.get(reverse("lending:my_reasons", args=[institution.slug, application.pk])).content.decode()
    assert "Lo que leímos de tus movimientos" in told
    case = client_as(actor_as("officer")).get(reverse("lending:desk_case", args=[institution.slug, application.pk]))
    assert "Sus movimientos, leídos" in case.content.decode()
    assert "Qué tan parejo entra" in case.content.decode()


def test_a_start_up_has_no_history_and_no_zeros():
    facts = {"business_months": 2, "monthly_sales": 3_000, "sales_trend": "same", "digital_share": 0, "sector": "food"}
    asked = facts_to_score("enterprise", facts, {})
    assert asked == {"business_months": 2, "monthly_sales": 3_000, "sector": "food"}
    assert facts_to_score("enterprise", {**facts, "business_months": 12}, {}) == {**facts, "business_months": 12}
    assert facts_to_score("household", {"monthly_income": 1}, {"statement_income": 2.0}) == {
        "monthly_income": 1, "statement_income": 2.0,
    }  # fmt: skip


def test_a_start_up_reads_that_it_was_treated_as_one(client_as, applicant, institution, ready):
    browser = client_as(applicant)
    young = {**walk.ACTIVITY["enterprise"], "business_months_years": "0", "business_months_months": "3"}
    application = walk.start(browser, institution, "enterprise")
    walk.fill(browser, institution, application, activity=young)
    browser.post(walk.url(application, institution, "review"))
    assess_waiting(institution_id=institution.pk)
    assert Score.objects.get(application_id=application.pk).inputs["digital_share"] is None
    told = browser.get(reverse("lending:my_reasons", args=[institution.slug, application.pk])).content.decode()
    assert "Tu negocio está empezando" in told
