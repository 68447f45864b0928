"""The analyst's and the validator's pages, without a browser."""

import csv
import io
import json
from uuid import uuid4

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from openpyxl import Workbook

from accounts.tenancy.scope import institution_scope
from scoring import registry
from scoring.models import Alarm, Dataset, ScoredFile, ScoringModel, TrainingRun
from scoring.services import ScoreRequest, challenge_model, score_applications, train_on_dataset
from scoring.services.files import forget_old_files, score_waiting_files
from scoring.services.runs import run_now, take_waiting
from scoring.synthetic import borrowers
from scoring.tests.factories import lived_through, register_model
from scoring.tests.samples import applicant

Status = ScoringModel.Status


@pytest.fixture(autouse=True)
def _fresh_cache():
    registry._loaded.cache_clear()


@pytest.fixture
def champion(institution):
    return register_model("household", institution)


@pytest.fixture
def browser(client_as, analyst):
    return client_as(analyst)


def address(institution, name, *keys):
    return reverse(f"scoring:{name}", args=[institution.slug, *keys])


def table(rows=900, **changes):
    """A raw table of people as a CSV file, with a name in each row and one row that nobody can read."""
    frame = borrowers("household", rows, 21).assign(**changes)
    kept = frame[["monthly_income", "household_expenses", "total_debt", "housing", "amount", "term_months"]].copy()
    kept["customer_id"] = [f"C{place:06d}" for place in range(rows)]
    kept["sex"] = ["f" if place % 2 else "m" for place in range(rows)]
    kept["decided_on"] = frame["applied_on"].astype(str).str[:10]
    kept["bad"] = ((frame["default"] == 1) | (frame["worst_delay_days"].fillna(0) > 30)).astype(int)
    kept["amount"] = kept["amount"].astype(object)
    kept.loc[3, "amount"] = "mucho"
    return SimpleUploadedFile("cartera.csv", kept.to_csv(index=False).encode(), "text/csv")


def bring(browser, institution, **changes):
    data = {"file": table(), "name": "cartera", "segment": "household", "target": "bad", "as_of": "decided_on"}
    return browser.post(address(institution, "datasets"), {**data, **changes})


# --- data ---------------------------------------------------------------------------------------------------------


def test_a_file_becomes_a_data_set_with_its_profile_and_bad_rows(browser, institution):
    answer = bring(browser, institution)
    dataset = Dataset.objects.get()
    assert answer["Location"] == address(institution, "dataset", dataset.pk)
    page = browser.get(answer["Location"]).content.decode()
    assert "1 fila quedó fuera" in page
    assert "«mucho» no es un número" in page
    assert "solo equidad" in page  # sex
    assert "parece un identificador" in page
    assert (dataset.rows, dataset.institution) == (899, institution)


def test_a_refused_file_says_why_and_keeps_what_was_typed(browser, institution):
    answer = bring(browser, institution, target="malo")
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "No hay una columna «malo»" in page
    assert 'value="cartera"' in page
    assert not Dataset.objects.exists()
    assert bring(browser, institution, file=SimpleUploadedFile("x.csv", b"")).status_code == 422


def test_the_same_file_twice_is_one_and_a_shared_one_is_listed(browser, institution):
    register_model("farm")
    bring(browser, institution)
    bring(browser, institution)
    assert Dataset.objects.filter(institution=institution).count() == 1
    assert "sample-farm-1" in browser.get(address(institution, "datasets")).content.decode()


def test_exploring_shows_rates_by_bin_period_and_what_goes_together(browser, institution):
    bring(browser, institution)
    dataset = Dataset.objects.get()
    page = browser.get(address(institution, "explore", dataset.pk), {"column": "total_debt"}).content.decode()
    assert "Por trimestre de la decisión" in page
    assert "Correlación de rangos" in page
    assert "<svg" in page
    assert browser.get(address(institution, "explore", dataset.pk), {"column": "<nada>"}).status_code == 200


def test_an_export_names_nobody(browser, institution):
    bring(browser, institution)
    dataset = Dataset.objects.get()
    answer = browser.post(address(institution, "dataset_export", dataset.pk))
    lines = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert len(lines) == 899
    assert {"customer_id", "sex"}.isdisjoint(lines[0])
    assert {line["decided_on"][4:5] for line in lines} == {"Q"}
    assert all(len(line["monthly_income"].rstrip("0").replace(".", "").rstrip("0").lstrip("0")) <= 2 for line in lines)


# --- training -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("loans", "words"), [(800, "Candidatos según la regla"), (400, "no hay suficientes personas")])
def test_a_button_starts_a_run_whose_page_shows_each_step(browser, institution, champion, loans, words):
    with institution_scope(institution.pk):
        lived_through(champion, loans, worse=0.2)
    answer = browser.post(address(institution, "retrain"), {"segment": "household"})
    run = TrainingRun.objects.get()
    assert answer["Location"] == address(institution, "run", run.pk)
    waiting = browser.get(answer["Location"]).content.decode()
    assert "hx-get" in waiting
    assert "En espera" in waiting
    TrainingRun.objects.update(parameters=run.parameters | {"splits": "holdout30", "free": False})
    take_waiting(institution.pk)
    run_now(institution_id=institution.pk, run_id=run.pk)
    done = browser.get(address(institution, "run_progress", run.pk), headers={"HX-Request": "true"}).content.decode()
    assert "hx-get" not in done
    assert "5 de 5 pasos" in done
    assert "Ver el modelo" in done
    assert words in done
    assert browser.get(address(institution, "run_progress", run.pk)).status_code == 302


def test_training_on_a_data_set_keeps_what_was_chosen(browser, institution):
    bring(browser, institution)
    dataset = Dataset.objects.get()
    browser.post(address(institution, "train", dataset.pk), {"algorithm": "decision-tree", "splits": "holdout30"})
    run = TrainingRun.objects.get()
    assert (run.parameters["algorithm"], run.parameters["free"], run.dataset) == ("decision-tree", False, dataset)
    wrong = browser.post(address(institution, "train", dataset.pk), {"algorithm": "magic", "splits": "5fold"})
    assert wrong["Location"] == address(institution, "dataset", dataset.pk)


def test_a_scorecard_is_trained_on_the_scale_that_was_asked_for(browser, institution):
    bring(browser, institution)
    dataset = Dataset.objects.get()
    card = {"algorithm": "scorecard", "splits": "holdout30", "odds": "20", "pdo": "40"}
    for wrong in ({"algorithm": "stack"}, {"odds": "0"}, {"pdo": "mucho"}):
        answer = browser.post(address(institution, "train", dataset.pk), card | wrong, follow=True)
        assert "alert" in answer.content.decode()
        assert not TrainingRun.objects.exists()
    browser.post(address(institution, "train", dataset.pk), card)
    run = TrainingRun.objects.get()
    take_waiting(institution.pk)
    model = run_now(institution_id=institution.pk, run_id=run.pk).model
    assert model.algorithm.startswith("scorecard")
    assert model.parameters["scale"] == {"anchor": 600.0, "anchor_odds": 20.0, "doubling": 40.0}


def test_a_failed_run_says_why_and_offers_to_go_on(browser, institution, champion):
    browser.post(address(institution, "retrain"), {"segment": "household"})
    run = TrainingRun.objects.get()
    take_waiting(institution.pk)
    run_now(institution_id=institution.pk, run_id=run.pk)
    page = browser.get(address(institution, "run", run.pk)).content.decode()
    assert "hacen falta 200" in page
    assert "Seguir desde donde se quedó" in page
    browser.post(address(institution, "run_resume", run.pk))
    assert TrainingRun.objects.get().status == "waiting"


# --- models -------------------------------------------------------------------------------------------------------


def test_a_trained_model_shows_its_figures_plots_and_gap(browser, institution, analyst):
    bring(browser, institution)
    dataset = Dataset.objects.get()
    for algorithm in ("additive-xgboost", "logistic"):
        train_on_dataset(dataset=dataset, actor=analyst, algorithm=algorithm, splits="holdout30")
    model = ScoringModel.objects.order_by("trained_at").first()
    page = browser.get(address(institution, "model", model.pk)).content.decode()
    for words in ("Curva ROC", "Lo previsto y lo que pasó", "Veces el promedio", "Trato según sex", "modelo libre"):
        assert words in page, words
    assert "Poner en uso" not in page  # who trained it does not promote it


def test_the_card_is_linked_read_and_taken_along(browser, institution, champion):
    page = browser.get(address(institution, "model", champion.pk)).content.decode()
    for name in ("card", "card_pdf"):
        assert f'href="{address(institution, name, champion.pk)}"' in page
    card = browser.get(address(institution, "card", champion.pk)).content.decode()
    assert champion.sha256 in card
    assert f'href="{address(institution, "card_html", champion.pk)}"' in card
    kept = browser.get(address(institution, "card_html", champion.pk))
    assert champion.sha256 in kept.content.decode()
    pdf = browser.get(address(institution, "card_pdf", champion.pk))
    assert (pdf["Content-Type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
    assert pdf["Content-Disposition"] == f'attachment; filename="{champion.name}.pdf"'


def test_the_card_of_anothers_model_does_not_exist(browser, institution, other_institution):
    with institution_scope(other_institution.pk):
        theirs = register_model("household", other_institution)
    for name in ("card", "card_html", "card_pdf"):
        assert browser.get(address(institution, name, theirs.pk)).status_code == 404


def test_a_validator_promotes_and_rolls_back_with_one_button_each(client_as, institution, champion, validator, analyst):
    candidate = register_model("household", institution, Status.CANDIDATE, trained_by_id=analyst.user_id)
    browser = client_as(validator)
    url = address(institution, "model", candidate.pk)
    assert "Poner en uso" in browser.get(url).content.decode()
    refused = browser.post(address(institution, "promote", candidate.pk), {"reason": ""})
    assert refused.status_code == 422
    assert "Escribe por qué" in refused.content.decode()
    browser.post(address(institution, "promote", candidate.pk), {"reason": "Distingue mejor"})
    assert ScoringModel.objects.get(pk=candidate.pk).status == Status.CHAMPION
    page = browser.get(url).content.decode()
    assert "Sacar de uso y volver al anterior" in page
    browser.post(address(institution, "rollback", candidate.pk), {"reason": "Rechaza de más"})
    assert ScoringModel.objects.get(pk=champion.pk).status == Status.CHAMPION


def test_who_trained_it_is_refused_by_the_server_too(client_as, institution, champion, actor_as):
    both = actor_as("analyst", "validator")
    own = register_model("household", institution, Status.CANDIDATE, trained_by_id=both.user_id)
    answer = client_as(both).post(address(institution, "promote", own.pk), {"reason": "Es mío"})
    assert answer.status_code == 403
    assert ScoringModel.objects.get(pk=own.pk).status == Status.CANDIDATE


def test_a_comparison_before_outcomes_shows_agreement_and_no_verdict(browser, institution, champion, analyst):
    candidate = register_model("household", institution, Status.CANDIDATE)
    challenge_model(model_id=candidate.pk, actor=analyst, reason="A ver")
    score_applications("household", [ScoreRequest(uuid4(), applicant("household")) for _ in range(5)])
    page = browser.get(address(institution, "comparison", candidate.pk)).content.decode()
    assert "5 solicitudes tienen el puntaje de los dos" in page
    assert "Aún no se sabe" in page
    assert "Misma respuesta" in page


def test_contributions_are_drawn_for_live_models_only(browser, institution, champion):
    page = browser.get(address(institution, "contributions", champion.pk), {"feature": "debt_service"}).content.decode()
    assert "personas generadas" in page
    assert "Puntos que da cada valor" in page
    other = register_model("household", institution, Status.CANDIDATE)
    ScoringModel.objects.filter(pk=other.pk).update(algorithm="stack")
    assert (
        "Solo el modelo transparente" in browser.get(address(institution, "contributions", other.pk)).content.decode()
    )


def test_another_institutions_models_and_data_do_not_exist_here(browser, institution, other_institution):
    with institution_scope(other_institution.pk):
        theirs = register_model("household", other_institution)
    for name, key in (("model", theirs.pk), ("dataset", theirs.dataset_id), ("comparison", theirs.pk)):
        assert browser.get(address(institution, name, key)).status_code == 404
    assert theirs.name not in browser.get(address(institution, "models")).content.decode()


def test_the_overview_costs_the_same_however_many_models(browser, institution, champion, django_assert_max_num_queries):
    for _ in range(8):
        register_model("household", institution, Status.CANDIDATE)
    with django_assert_max_num_queries(22):
        assert browser.get(address(institution, "models")).status_code == 200


# --- watching, dictionary -----------------------------------------------------------------------------------------


def test_alarms_are_told_in_sentences_and_a_look_can_be_had_now(browser, institution, champion):
    Alarm.objects.create(model=champion, segment="household", kind="missing", level="bad", subject="past_loans",
                         value=0.6, limit=0.1)  # fmt: skip
    page = browser.get(address(institution, "watching")).content.decode()
    assert "60.0% más de las solicitudes" in page
    browser.post(address(institution, "watching_look"))
    assert "solicitudes" in browser.get(address(institution, "watching")).content.decode().lower()


def test_the_dictionary_is_a_page_and_json(browser, institution):
    page = browser.get(address(institution, "features"), {"segment": "farm"}).content.decode()
    assert "más riesgo" in page
    told = json.loads(browser.get(address(institution, "features_json")).content)
    assert set(told) == {"household", "enterprise", "farm"}
    assert {"label_es", "label_en", "formula", "range", "direction", "as_of"} <= set(told["farm"][0])


# --- spreadsheets -------------------------------------------------------------------------------------------------


def sheet(rows=30):
    book = Workbook()
    book.active.append(["codigo", "monthly_income", "household_expenses", "amount", "term_months", "housing"])
    for place in range(rows):
        book.active.append([f"A{place}", 1_500 + place, 700, 2_000, 12, "owned"])
    book.active.append(["A-mal", "poco", 700, 2_000, 12, "owned"])
    content = io.BytesIO()
    book.save(content)
    return SimpleUploadedFile("personas.xlsx", content.getvalue())


def test_a_spreadsheet_is_scored_and_its_result_downloaded(browser, institution, champion):
    data = {"file": sheet(), "segment": "household", "key": "codigo"}
    assert browser.post(address(institution, "files"), data).status_code == 302
    source = ScoredFile.objects.get().source
    assert "hx-get" in browser.get(address(institution, "files")).content.decode()
    assert score_waiting_files(institution.pk) == 1
    row = ScoredFile.objects.get()
    assert (row.status, row.rows, row.scored, row.refused, row.model) == ("done", 31, 30, 1, champion)
    assert not default_storage.exists(source)  # people are in it
    answer = browser.get(address(institution, "file", row.pk))
    lines = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert [lines[0]["key"], lines[30]["error"]] == ["A0", "monthly_income: «poco» no es un número"]
    assert 300 <= int(lines[0]["score"]) <= 850
    assert answer["Content-Disposition"] == 'attachment; filename="personas-puntajes.csv"'


def test_a_spreadsheet_nobody_can_use_ends_with_words(browser, institution, champion):
    upload = SimpleUploadedFile("x.csv", b"a,b\n1,2\n")
    browser.post(address(institution, "files"), {"file": upload, "segment": "household"})
    score_waiting_files(institution.pk)
    assert "Ninguna columna es un dato conocido" in browser.get(address(institution, "files")).content.decode()
    prohibited = SimpleUploadedFile("x.csv", b"monthly_income,sex\n1,f\n")
    browser.post(address(institution, "files"), {"file": prohibited, "segment": "household"})
    score_waiting_files(institution.pk)
    assert ScoredFile.objects.filter(status="failed").count() == 2
    assert browser.post(address(institution, "files"), {"file": SimpleUploadedFile("x.pdf", b"%PDF"),
                                                        "segment": "household"}).status_code == 422  # fmt: skip


def test_old_results_are_forgotten(browser, institution, champion):
    browser.post(address(institution, "files"), {"file": sheet(2), "segment": "household"})
    score_waiting_files(institution.pk)
    row = ScoredFile.objects.get()
    assert forget_old_files(institution.pk) == 0
    ScoredFile.objects.update(ended_at="2026-01-01T00:00:00Z")
    assert forget_old_files(institution.pk) == 1
    assert not default_storage.exists(row.result)
    assert browser.get(address(institution, "file", row.pk)).status_code == 404
