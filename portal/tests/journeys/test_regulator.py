"""A regulator's journey in a real browser: find the outlier, drill to its cases, take the evidence, verify it alone."""

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from benchmarks.disparity import ROWS
from portal.tests.journeys.axe import Watch, problems
from portal.tests.journeys.test_people import REGULATOR, enter, visitor  # noqa: F401  (a fixture)
from portal.tests.live import LiveAyni

# ruff: noqa: F811  (the fixture is imported to be named as a parameter)
SHOTS = os.environ.get("AYNI_SHOTS")  # a folder for pictures of every page, to look at
CASES = 6_000


@pytest.fixture(scope="module")
def outlier(live_ayni: LiveAyni) -> LiveAyni:
    """The demo, where one of the two lenders has two years of decisions that treat a group worse."""
    ((lender,),) = live_ayni.query("SELECT id FROM accounts_institution WHERE slug = 'tarpuy'")
    live_ayni.query(ROWS.format(size=CASES, i=lender, worse=1.8).replace("%%", "%"))
    live_ayni.manage("summarise_fairness")
    live_ayni.manage("summarise_fairness", "--check")
    live_ayni.manage("seal_audit", "--checkpoint")
    return live_ayni


def look(page: Page, watch: Watch, name: str) -> None:
    """The page is fit for everybody; a picture of it where somebody wants to look."""
    expect(page.locator("main#contenido")).to_be_visible()
    if SHOTS:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            for width in (360, 1280):
                page.set_viewport_size({"width": width, "height": 800})
                page.screenshot(path=f"{SHOTS}/{name}-{width}-{scheme}.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 800})
    assert problems(page, widths=(320, 1280)) == []
    assert watch.complaints == []


def test_from_the_outlier_to_evidence_that_verifies_on_another_machine(
    outlier: LiveAyni, visitor: Callable[..., tuple[Page, Watch]], tmp_path: Path
) -> None:
    page, watch = visitor()
    enter(outlier, page, REGULATOR)
    expect(page).to_have_url(re.compile("/oversight/$"))
    look(page, watch, "home")

    # the outlier
    page.get_by_role("link", name="Comparar").click()
    signals = page.locator("tr", has_text="Edpyme Tarpuy").get_by_text("Peor valor")
    expect(signals.first).to_be_visible()
    look(page, watch, "compare")
    page.get_by_role("link", name="Edpyme Tarpuy").first.click()
    expect(page.get_by_text("Lengua materna, quechua: razón")).to_be_visible()
    page.get_by_label("Tendencia por").select_option("language")
    page.get_by_label("Desde el mes").fill("2025-01")
    page.get_by_role("button", name="Ver", exact=True).click()
    expect(page.get_by_role("heading", name="Razón mes a mes, por Lengua materna")).to_be_visible()
    look(page, watch, "fairness")

    # its cases
    link = page.get_by_role("link", name=re.compile(r"Ver los \d+ casos no aprobados")).first
    (number,) = re.findall(r"\d+", link.inner_text())
    link.click()
    expect(page.get_by_text(f"{number} solicitudes: no aprobadas")).to_be_visible()
    look(page, watch, "cases")

    # the evidence
    page.get_by_role("link", name="Registro").click()
    page.get_by_role("button", name="Verificar toda la cadena ahora").click()
    expect(page.get_by_text("ninguno alterado ni borrado")).to_be_visible()
    look(page, watch, "chain")
    with page.expect_download() as receipt:
        page.get_by_role("link", name="Descargar constancia").first.click()
    held = tmp_path / "constancia.json"
    receipt.value.save_as(held)
    page.get_by_role("link", name="Paquete de evidencia").click()
    look(page, watch, "evidence")
    with page.expect_download() as package:
        page.get_by_role("button", name="Descargar el paquete").click()
    package.value.save_as(tmp_path / "package.zip")
    elsewhere = tmp_path / "another-machine"
    with zipfile.ZipFile(tmp_path / "package.zip") as archive:
        archive.extractall(elsewhere)

    def verify() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", "-S", "verify.py", "--held", str(held)],
            cwd=elsewhere, env={"PATH": os.defpath, "PYTHONIOENCODING": "utf-8"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    said = verify()
    assert said.returncode == 0, said.stdout
    assert "tu constancia coincide" in said.stdout
    assert said.stdout.endswith("TODO SE CUMPLE.\n")
    entries = elsewhere / "entries.jsonl"
    entries.write_text(entries.read_text().replace('"kind":"user"', '"kind":"none"', 1))
    assert "NO SE CUMPLE" in verify().stdout


def test_the_other_pages_of_supervision(outlier: LiveAyni, visitor: Callable[..., tuple[Page, Watch]]) -> None:
    page, watch = visitor()
    enter(outlier, page, REGULATOR)
    lender = f"{outlier.url}oversight/lenders/qantu/"
    for path, name in ((f"{lender}changes/", "changes"), (f"{lender}versions/", "versions")):
        page.goto(path)
        look(page, watch, name)
    page.goto(f"{lender}?area=lending.application.decided")
    page.locator("table").last.get_by_role("link").first.click()
    look(page, watch, "object")
    page.get_by_role("link", name="Modelos").click()
    look(page, watch, "models")
    page.locator("tbody").get_by_role("link").first.click()
    look(page, watch, "model")
    page.get_by_role("link", name="Evaluación de impacto").click()
    look(page, watch, "impact")
    page.get_by_role("link", name="Mis consultas").click()
    expect(page.get_by_text("Consulta de supervisión").first).to_be_visible()
    look(page, watch, "looks")


def test_an_applicant_answers_and_takes_back(outlier: LiveAyni, visitor: Callable[..., tuple[Page, Watch]]) -> None:
    page, watch = visitor()
    enter(outlier, page, "maria.quispe", to="/i/qantu/my/")
    page.locator("main").get_by_role("link", name=re.compile("QT-|Ver")).first.click()
    page.get_by_role("link", name="Responder las preguntas").click()
    look(page, watch, "about-you")
    page.get_by_label("Mujer").check()
    page.get_by_role("button", name="Guardar").click()
    expect(page.get_by_text("Guardamos tus respuestas aparte")).to_be_visible()
    page.get_by_role("link", name="Responder las preguntas").click()
    expect(page.get_by_label("Mujer")).not_to_be_checked()
    page.get_by_role("button", name="Guardar").click()
    expect(page.get_by_text("No guardamos ninguna respuesta")).to_be_visible()
