"""Filling in an application page by page, as a browser without script does."""

import html
import re
from datetime import date, timedelta

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from accounts import consent
from accounts.actors import Actor
from accounts.clock import today
from accounts.models import Consent, Membership, OutboxEvent, User
from accounts.tenancy.scope import institution_scope
from accounts.tests.factories import UserFactory
from lending.models import Application
from lending.tests import walk

SEGMENTS = ("household", "enterprise", "farm")
STEPS = ("request", "identity", "activity", "money", "consents")


def body(response) -> str:
    return html.unescape(response.content.decode())


def title_of(response) -> str:
    found = re.search(r"<title>(.*?)</title>", body(response), re.DOTALL)
    assert found
    return found[1].strip()


def summary_lines(response) -> dict[str, str]:
    """The error summary: the id each link leads to, and its words."""
    box = re.search(r'<div class="errors.*?</div>', body(response), re.DOTALL)
    return dict(re.findall(r'<a href="#([^"]+)">(.*?)</a>', box[0])) if box else {}


@pytest.fixture
def person(database) -> User:
    """Somebody who signed up by phone and belongs nowhere yet."""
    return UserFactory(phone="+51987654321", full_name="María Quispe Huamán")


@pytest.fixture
def phone(person, anonymous_client):
    anonymous_client.sign_in(person)
    return anonymous_client


@pytest.fixture
def draft(phone, institution, products) -> Application:
    return walk.start(phone, institution, "enterprise")


# --- starting ---------------------------------------------------------------------------------------------------


def test_starting_asks_for_an_account_and_keeps_the_choices(institution, products, anonymous_client):
    address = reverse("lending:apply", args=[institution.slug])
    response = anonymous_client.get(address, {"segment": "farm", "amount": "2000", "term_months": "9"})
    assert response.status_code == 302
    assert "next=" in response["Location"]
    assert "amount%3D2000" in response["Location"]


def test_the_first_application_makes_a_member(phone, person, institution, products):
    application = walk.start(phone, institution, "household")
    assert Membership.objects.get(user=person).roles == ["applicant"]
    assert (application.owner, application.channel, application.status) == (person, "web", "draft")
    assert (application.amount, application.term_months) == (3000, 12)


def test_what_the_simulator_said_is_there_to_begin_with(phone, institution, products):
    address = reverse("lending:apply", args=[institution.slug])
    page = body(phone.get(address, {"segment": "farm", "amount": "2000", "term_months": "9"}))
    assert 'value="2000"' in page
    assert 'value="9"' in page
    assert "De S/\u00a0500 a S/\u00a015,000" in page


def test_pressing_start_twice_makes_one_draft(phone, institution, products):
    first = walk.start(phone, institution, "household")
    second = walk.start(phone, institution, "household", amount="4000")
    assert first.pk == second.pk
    assert Application.objects.count() == 1
    assert second.amount == 4000


@pytest.mark.parametrize("amount", ["300", "15,000.01", "1" + "0" * 18, "3,000", "😀", "-1", "NaN", ""])
def test_an_amount_nobody_lends_is_refused_at_the_start(phone, institution, products, amount):
    address = reverse("lending:apply", args=[institution.slug])
    data = {"segment": "household", "purpose": "home", "amount": amount, "term_months": "12"}
    response = phone.post(address, data)
    assert response.status_code == 422
    assert title_of(response).startswith("Error: ")
    assert list(summary_lines(response)) == ["id_amount"]
    assert Application.objects.count() == 0


def test_an_unknown_segment_asks_again(phone, institution, products):
    response = phone.post(reverse("lending:apply", args=[institution.slug]), {"segment": "fishery"})
    assert response.status_code == 422
    assert "¿Para qué es el crédito?" in body(response)


def test_an_unknown_product_is_only_a_wish(phone, institution, products):
    assert walk.start(phone, institution, "household", product="../../etc").product_id is None


# --- pages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("segment", SEGMENTS)
def test_a_whole_application_is_sent(phone, institution, products, segment):
    application = walk.send(phone, institution, segment)
    assert application.status == "submitted"
    assert application.facts["term_months"] == 12
    assert application.applicant.full_name == "María Quispe Huamán"
    assert OutboxEvent.objects.filter(name="lending.application.submitted").count() == 1
    granted = dict(Consent.objects.values_list("purpose", "granted"))
    assert granted == {
        "evaluation": True, "automated": True, "contact": True, "bureau": False, "marketing": False
    }  # fmt: skip
    evidence = Consent.objects.get(purpose="evaluation")
    assert (evidence.channel, evidence.ip, evidence.language) == ("web", "127.0.0.1", "es")


def test_weekly_sales_are_declared_by_the_month(phone, institution, products):
    application = walk.send(phone, institution, "enterprise")
    assert application.facts["monthly_sales"] == "9100.00"  # 2100 * 52 / 12
    assert application.facts["business_months"] == 74
    assert application.facts["digital_share"] == "0.30"
    assert application.facts["creditors"] == 0


def test_an_unanswered_question_stays_unanswered(phone, institution, products):
    application = walk.start(phone, institution, "household")
    money = {**walk.MONEY["household"], "savings_balance": "", "worst_delay_days": ""}
    walk.fill(phone, institution, application, money=money)
    phone.post(walk.url(application, institution, "review"))
    application.refresh_from_db()
    assert "savings_balance" not in application.facts
    assert "worst_delay_days" not in application.facts


@pytest.mark.parametrize("step", STEPS)
def test_a_bad_page_says_so_in_its_title_and_links_to_each_answer(phone, institution, draft, step):
    response = phone.post(walk.url(draft, institution, step), {})
    assert response.status_code == 422
    assert title_of(response).startswith("Error: ")
    lines = summary_lines(response)
    assert lines
    page = body(response)
    for target, words in lines.items():
        assert f'id="{target}"' in page
        assert page.count(words) >= 2  # in the summary and beside the field, in the same words


def test_the_design_page_is_answered_in_its_words(phone, institution, draft):
    typed = {**walk.MONEY["enterprise"], "monthly_sales": "", "monthly_purchases": "912", "household_expenses": "98O"}
    response = phone.post(walk.url(draft, institution, "money"), typed)
    assert summary_lines(response) == {
        "id_monthly_sales": "Escribe cuánto vendes en una semana normal, por ejemplo 1450",
        "id_household_expenses": "El gasto del hogar debe ser un número, sin letras",
    }
    assert "Hay 2 respuestas por corregir" in body(response)
    assert 'value="98O"' in body(response)
    assert 'value="912"' in body(response)
    assert "Paso 3 de 6" in body(response)


BAD_ANSWERS = [
    ("money", "monthly_sales", value)
    for value in ("98O", "-5", "NaN", "1e9", f"{10**18}", "3.000", "3,000", "😀", "\x00", "x" * 900_000, "1/2", "inf")
] + [
    ("activity", "digital_share", "11"),
    ("activity", "digital_share", "2.5"),
    ("money", "dependants", "-1"),
    ("money", "dependants", "1.5"),
    ("money", "has_debts", "tal vez"),
    ("activity", "sector", "minería"),
    ("activity", "premises", ["owned", "rented", "x"]),
    ("activity", "business_months_years", "dos"),
    ("activity", "business_months_years", "900"),
    ("activity", "business_months_months", "😀"),
    ("activity", "keeps_records", "1"),
    ("activity", "ruc", "20123456780"),
    ("activity", "trade_name", "x" * 900_000),
    ("identity", "full_name", "Rosa <script>"),
    ("identity", "full_name", "😀 😀"),
    ("identity", "full_name", "x" * 900_000),
    ("identity", "document_number", "1234567"),
    ("identity", "document_number", "ABCDEFGH"),
    ("identity", "document_number", "9" * 40),
    ("identity", "document_type", "passport"),
    ("identity", "birth_on_year", "85"),
    ("identity", "birth_on_year", str(date.today().year + 1)),
    ("identity", "birth_on_month", "13"),
    ("identity", "birth_on_day", "31 de"),
    ("identity", "phone", "12345"),
    ("identity", "email", "rosa@"),
    ("identity", "region", "99"),
    ("identity", "region", "' OR 1=1 --"),
    ("identity", "district", "x" * 900_000),
    ("request", "term_months", "0"),
    ("request", "term_months", "1.5"),
    ("request", "purpose", "campaign"),
    ("consents", "consent_evaluation", ""),
]  # fmt: skip


@pytest.mark.parametrize(("step", "name", "value"), BAD_ANSWERS, ids=lambda value: str(value)[:24])
def test_a_bad_answer_gets_a_message_and_is_never_an_error_of_ours(phone, institution, draft, step, name, value):
    good = {"request": {**walk.REQUEST, "purpose": "stock"}, **walk.pages("enterprise")}[step]
    response = phone.post(walk.url(draft, institution, step), {**good, name: value})
    assert response.status_code == 422
    lines = summary_lines(response)
    assert len(lines) == 1
    assert 10 < len(next(iter(lines.values()))) < 200


def test_a_date_of_birth_in_the_future_is_named_as_such(phone, institution, draft):
    born = today() + timedelta(days=1)
    typed = walk.identity(birth_on_day=str(born.day), birth_on_month=str(born.month), birth_on_year=str(born.year))
    response = phone.post(walk.url(draft, institution, "identity"), typed)
    assert summary_lines(response) == {"id_birth_on_0": "La fecha de nacimiento no puede estar en el futuro"}


def test_more_text_than_a_form_may_hold_is_refused_with_a_page(phone, institution, draft):
    response = phone.post(walk.url(draft, institution, "money"), {"monthly_sales": "9" * 2_000_000})
    assert 400 <= response.status_code < 500
    assert "<h1>" in body(response)


def test_answers_behind_a_no_are_not_asked(phone, institution, draft):
    typed = {**walk.MONEY["enterprise"], "has_debts": "no", "creditors": "muchos", "total_debt": "-1"}
    assert phone.post(walk.url(draft, institution, "money"), typed).status_code == 302


def test_a_yes_to_debts_asks_how_many(phone, institution, draft):
    typed = {**walk.MONEY["enterprise"], "has_debts": "yes"}
    response = phone.post(walk.url(draft, institution, "money"), typed)
    assert list(summary_lines(response)) == ["id_creditors"]


def test_nothing_is_ticked_beforehand(phone, institution, draft):
    assert " checked" not in body(phone.get(walk.url(draft, institution, "consents")))


# --- another day ------------------------------------------------------------------------------------------------


def test_an_unfinished_page_waits_and_is_taken_up_on_another_phone(phone, person, institution, draft, client_as):
    typed = {**walk.MONEY["enterprise"], "monthly_sales": "98O", "has_debts": "", "pause": "1"}
    response = phone.post(walk.url(draft, institution, "money"), typed)
    assert response.status_code == 302
    assert response["Location"] == reverse("lending:my_home", args=[institution.slug])
    assert any("Sigue cuando quieras" in str(one) for one in get_messages(response.wsgi_request))
    with institution_scope(institution.pk):
        other_phone = client_as(_actor_of(person))
    home = body(other_phone.get(reverse("lending:my_home", args=[institution.slug])))
    assert f"QT-{draft.number}" in home
    page = body(other_phone.get(walk.url(draft, institution, "money")))
    assert 'value="98O"' in page
    assert "Por corregir" in body(other_phone.get(walk.url(draft, institution, "identity")))
    assert not summary_lines(other_phone.get(walk.url(draft, institution, "money")))


def _actor_of(person: User):
    return Actor.for_membership(Membership.objects.get(user=person))


def test_resuming_goes_to_the_first_page_left(phone, institution, draft):
    address = reverse("lending:apply_resume", args=[institution.slug, draft.pk])
    assert phone.get(address)["Location"] == walk.url(draft, institution, "identity")
    phone.post(walk.url(draft, institution, "identity"), walk.identity())
    assert phone.get(address)["Location"] == walk.url(draft, institution, "activity")


def test_dates_and_durations_come_back_in_their_boxes(phone, institution, draft):
    phone.post(walk.url(draft, institution, "identity"), walk.identity(birth_on_day="31", birth_on_month="2"))
    page = body(phone.get(walk.url(draft, institution, "identity")))
    assert re.search(r'name="birth_on_day" value="31"', page)
    phone.post(walk.url(draft, institution, "activity"), walk.ACTIVITY["enterprise"])
    page = body(phone.get(walk.url(draft, institution, "activity")))
    assert re.search(r'name="business_months_years" value="6"', page)
    assert re.search(r'name="business_months_months" value="2"', page)


def test_the_aside_says_code_saved_time_and_deadline(phone, institution, draft):
    page = body(phone.get(walk.url(draft, institution, "identity")))
    assert f"QT-{draft.number}" in page
    assert "Guardada: Hoy" in page
    until = (today() + timedelta(days=30)).strftime("%d/%m/%Y")
    assert f"Tienes hasta el {until}" in page
    assert "Cuota aproximada" in page


# --- sending ----------------------------------------------------------------------------------------------------


def test_the_summary_shows_every_answer_with_its_way_back(phone, institution, draft):
    walk.fill(phone, institution, draft)
    page = body(phone.get(walk.url(draft, institution, "review")))
    for words in (
        "S/\u00a02,100.00 por semana",
        "6 años y 2 meses",
        "Comprar mercadería o insumos",
        "27/03/1985",
        "Cusco",
    ):
        assert words in page
    assert f"{walk.url(draft, institution, 'money')}?from=review#id_monthly_sales" in page
    assert "creditors" not in page  # not asked after a no


def test_changing_an_answer_returns_to_the_summary(phone, institution, draft):
    walk.fill(phone, institution, draft)
    address = f"{walk.url(draft, institution, 'money')}?from=review"
    assert "Volver a revisar" in body(phone.get(address))
    response = phone.post(address, {**walk.MONEY["enterprise"], "monthly_sales": "2500"})
    assert response["Location"] == walk.url(draft, institution, "review")
    assert "S/\u00a02,500.00 por semana" in body(phone.get(response["Location"]))


def test_sending_too_early_names_what_is_missing(phone, institution, draft):
    response = phone.post(walk.url(draft, institution, "review"))
    assert response.status_code == 422
    assert title_of(response).startswith("Error: ")
    lines = summary_lines(response)
    assert lines["fila-full_name"] == "Escribe tus nombres y apellidos, como están en tu documento"
    assert all(f'id="{target}"' in body(response) for target in lines)
    draft.refresh_from_db()
    assert draft.status == "draft"


def test_sending_twice_sends_once(phone, institution, draft):
    walk.fill(phone, institution, draft)
    answers = [phone.post(walk.url(draft, institution, "review")) for _ in range(2)]
    assert [one["Location"] for one in answers] == [
        reverse("lending:my_application", args=[institution.slug, draft.pk])
    ] * 2
    assert OutboxEvent.objects.filter(name="lending.application.submitted").count() == 1


def test_a_sent_application_is_not_changed_any_more(phone, institution, draft):
    walk.fill(phone, institution, draft)
    phone.post(walk.url(draft, institution, "review"))
    answer = reverse("lending:my_application", args=[institution.slug, draft.pk])
    for step in (*STEPS, "documents", "review"):
        assert phone.get(walk.url(draft, institution, step))["Location"] == answer
        assert phone.post(walk.url(draft, institution, step), {})["Location"] == answer


def test_a_document_known_under_another_account_is_not_taken_over(phone, institution, products, client_as):
    known = walk.identity()
    first = walk.start(phone, institution, "household")
    walk.fill(phone, institution, first, identity=known)
    phone.post(walk.url(first, institution, "review"))
    other = client_as("applicant")
    second = walk.start(other, institution, "household")
    walk.fill(other, institution, second, identity=known)
    response = other.post(walk.url(second, institution, "review"))
    assert response.status_code == 422
    assert "No pudimos unir ese documento con tu cuenta" in summary_lines(response)["fila-document_number"]


def test_consents_to_other_words_are_asked_again(phone, institution, draft, monkeypatch):
    walk.fill(phone, institution, draft)
    monkeypatch.setitem(consent.TEXTS, "evaluation", {"es": ("Otro título", "Otro texto")})
    response = phone.post(walk.url(draft, institution, "review"))
    assert list(summary_lines(response)) == ["fila-consent_evaluation"]


def test_the_evidence_names_the_words_that_were_read(phone, institution, draft):
    walk.fill(phone, institution, draft)
    phone.cookies["django_language"] = "en"
    phone.post(walk.url(draft, institution, "review"))
    assert Consent.objects.get(purpose="evaluation").language == "es"


# --- whose ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["applicant", "officer", "approver", "auditor", "manager"])
def test_a_draft_is_its_owners_alone(institution, draft, client_as, who):
    stranger = client_as(who)
    for step in (*STEPS, "documents", "review"):
        assert stranger.get(walk.url(draft, institution, step)).status_code == 404
        assert stranger.post(walk.url(draft, institution, step), {"amount": "1"}).status_code == 404


def test_another_institution_knows_nothing_of_it(phone, institution, other_institution, draft):
    for step in (*STEPS, "documents", "review"):
        assert phone.get(walk.url(draft, other_institution, step)).status_code == 404
    assert f"QT-{draft.number}" not in body(phone.get(reverse("lending:my_home", args=[other_institution.slug])))


def test_an_unknown_page_is_not_found(phone, institution, draft):
    assert phone.get(walk.url(draft, institution, "nope")).status_code == 404


# --- at the counter ---------------------------------------------------------------------------------------------


def test_an_officer_files_for_the_person_beside_them(institution, products, officer, client_as):
    desk = client_as(officer)
    data = {"segment": "farm", "purpose": "campaign", **walk.REQUEST}
    response = desk.post(reverse("lending:apply_counter", args=[institution.slug]), data)
    application = Application.objects.get(pk=walk.id_in(response["Location"]))
    assert (application.channel, application.owner, application.filed_by_id) == ("counter", None, officer.user_id)
    page = body(desk.get(walk.url(application, institution, "consents")))
    assert "Le leí cada permiso" in page
    refused = desk.post(walk.url(application, institution, "consents"), walk.CONSENTS)
    assert list(summary_lines(refused)) == ["id_read_aloud"]
    walk.fill(desk, institution, application, consents={**walk.CONSENTS, "read_aloud": "on"})
    assert desk.post(walk.url(application, institution, "review")).status_code == 302
    evidence = Consent.objects.get(purpose="evaluation")
    assert (evidence.channel, evidence.given_by_id, evidence.recorded_by_id) == ("counter", None, officer.user_id)
    assert desk.get(reverse("lending:my_application", args=[institution.slug, application.pk])).status_code == 200


def test_a_pause_at_the_counter_returns_to_the_desk(institution, products, client_as):
    desk = client_as("officer")
    data = {"segment": "farm", "purpose": "campaign", **walk.REQUEST}
    response = desk.post(reverse("lending:apply_counter", args=[institution.slug]), data)
    response = desk.post(response["Location"], {"full_name": "Juana", "pause": "1"})
    assert response["Location"] == reverse("lending:desk", args=[institution.slug])


@pytest.mark.parametrize("who", ["applicant", "approver", "auditor", "manager"])
def test_only_officers_file_at_the_counter(institution, products, client_as, who):
    assert client_as(who).get(reverse("lending:apply_counter", args=[institution.slug])).status_code == 403


# --- cost -------------------------------------------------------------------------------------------------------


def test_a_page_of_questions_asks_the_database_little(phone, institution, draft, django_assert_max_num_queries):
    with django_assert_max_num_queries(16):
        phone.get(walk.url(draft, institution, "money"))
    with django_assert_max_num_queries(22):
        phone.post(walk.url(draft, institution, "money"), walk.MONEY["enterprise"])
