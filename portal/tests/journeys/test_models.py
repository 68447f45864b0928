"""From a raw public file to a promoted champion that scores live applications: in the browser alone, and from the
command line alone. The file is the Spanish set of `test_real_people`, under the names of our own questions."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from playwright.sync_api import Browser, expect

from accounts.models import Institution, User
from accounts.tenancy.scope import institution_scope
from accounts.tests.factories import MembershipFactory, UserFactory
from lending.services.assessments import assess_waiting
from lending.tests import factories
from portal.tests.journeys.axe import problems
from portal.tests.journeys.test_real_people import DATA, file_in_browser, fits_the_pages, people, soles
from portal.tests.journeys.test_real_people import facts_of as declared
from portal.tests.live import LiveAyni
from scoring.models import Score

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not DATA.exists(), reason=f"the public set {DATA.name} is not beside the checkout"),
]
LIVE_ENV = {"LOG_LEVEL": "WARNING"}
TRAINING_SECONDS = 400
COLUMNS = (
    *("monthly_income", "household_expenses", "assets_value", "total_debt", "creditors", "housing", "employment"),
    *("employment_months", "amount", "term_months", "marital", "default"),
)


@pytest.fixture(scope="module")
def raw_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The public rows under the names of our questions; marital status is there for fairness alone."""
    path = tmp_path_factory.mktemp("raw") / "belanche.csv"
    with DATA.open(newline="", encoding="utf-8") as source, path.open("w", newline="", encoding="utf-8") as target:
        lines = csv.DictWriter(target, COLUMNS, restval="")
        lines.writeheader()
        for row in csv.DictReader(source):
            known = {**declared(row), "amount": soles(row["Amount"]), "term_months": row["Time"]}
            lines.writerow({**known, "marital": row["Marital"], "default": row["default"]})
    return path


# --- from the command line alone ----------------------------------------------------------------------------------


@pytest.mark.transactional
def test_from_the_command_line(
    fresh_database: str,
    institution: Institution,
    raw_file: Path,
    tmp_path: Path,
    settings: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "media")
    with institution_scope(institution.pk):
        people_here = {role: person(institution, role) for role in ("analyst", "validator")}
    here = ("--institution", institution.slug)

    def run(*command: str) -> dict:
        call_command(*command, "--json")
        return json.loads(capsys.readouterr().out)

    by_analyst, by_validator = (("--as", people_here[role].email) for role in ("analyst", "validator"))
    told = run(
        "import_dataset", str(raw_file), "--name", "belanche", "--segment", "household", "--target", "default",
        *here, *by_analyst,
    )  # fmt: skip
    assert (told["rows"], told["rejected"]) == (4454, 0)
    trained = run("train_model", "--dataset", "belanche", "--splits", "holdout30", *here, *by_analyst)
    assert trained["auc"] > 0.75
    with pytest.raises(CommandError):  # four eyes: not by whoever trained it
        run("promote_model", trained["name"], "--reason", "Es mío", *here, *by_analyst)
    promoted = run("promote_model", trained["name"], "--reason", "Distingue bien", *here, *by_validator)
    assert promoted["status"] == "champion"
    scored = run(
        "score_file", str(raw_file), "--segment", "household", "--output", str(tmp_path / "scores.csv"), *here,
        *by_analyst,
    )  # fmt: skip
    assert (scored["sha256"], scored["scored"]) == (trained["sha256"], 4454)
    with institution_scope(institution.pk):
        factories.set_usury_cap()
        factories.ProductVersionFactory(institution=institution, segment="household")
        application = factories.submitted(institution, "household")
    assert assess_waiting(institution_id=institution.pk) == 1
    with institution_scope(institution.pk):
        score = Score.objects.get(application_id=application.pk)
        assert str(score.model_id) == trained["model"]
        assert score.base_points + sum(one["points"] for one in score.reasons) == score.score


def person(institution: Institution, role: str) -> User:
    """Somebody with that role here."""
    return MembershipFactory(institution=institution, user=UserFactory(), roles=[role]).user


# --- in the browser alone -----------------------------------------------------------------------------------------


def test_in_the_browser(live_ayni: LiveAyni, sign_in, browser: Browser, raw_file: Path) -> None:
    models = f"{live_ayni.url}i/qantu/desk/models/"
    analyst = sign_in("diego.salas")
    assert analyst.url == models  # where an analyst's day begins
    analyst.goto(f"{models}datasets/")
    analyst.locator("summary", has_text="Traer un archivo").click()
    analyst.set_input_files("[name=file]", str(raw_file))
    analyst.fill("[name=name]", "belanche")
    analyst.fill("[name=target]", "default")
    analyst.get_by_role("button", name="Traer y revisar").click()
    expect(analyst.get_by_role("heading", level=1)).to_have_text("belanche v1")
    expect(analyst.get_by_text("solo equidad")).to_be_visible()  # marital status
    assert problems(analyst) == []
    analyst.get_by_role("link", name="Explorar columna por columna").click()
    assert problems(analyst) == []
    analyst.go_back()
    analyst.locator("[name=splits]").select_option("holdout30")
    analyst.get_by_role("button", name="Entrenar un modelo").click()
    expect(analyst.get_by_text("Terminado", exact=True)).to_be_visible(timeout=TRAINING_SECONDS * 1000)
    expect(analyst.get_by_text("Distingue mejor que el que está en uso, y no por azar.")).to_be_visible()
    assert problems(analyst) == []
    analyst.get_by_role("link", name="Ver el modelo").click()
    expect(analyst.get_by_text("Poner en uso")).to_have_count(0)  # four eyes
    assert problems(analyst) == []
    address = analyst.url
    for page in ("contributions/", "comparison/"):
        analyst.goto(f"{address}{page}")
        assert problems(analyst) == []
    for page in ("watching/", "features/", "files/"):
        analyst.goto(f"{models}{page}")
        assert problems(analyst) == []

    validator = sign_in("carmen.rojas")
    validator.goto(address)
    validator.locator("summary", has_text="Poner en uso").click()
    card = validator.locator("details", has_text="Poner en uso")
    card.locator("[name=reason]").fill("Distingue mejor que el compartido")
    card.get_by_role("button", name="Poner en uso").click()
    expect(validator.get_by_text("Campeón", exact=True).first).to_be_visible()

    number, row = next(one for one in enumerate(people()) if fits_the_pages(one[1]))
    key, _seconds = file_in_browser(live_ayni, browser, number, row)
    (decided,) = live_ayni.query(f"SELECT model_id, score FROM scoring_score WHERE application_id = '{key}'")
    assert str(decided[0]) in address
    assert 300 <= decided[1] <= 850
