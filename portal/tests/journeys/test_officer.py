"""The officer's and the approver's morning in a real browser, against the running product."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from portal.local.processes import wait_until
from portal.tests.journeys.axe import problems
from portal.tests.live import LiveAyni

SignIn = Callable[[str], Page]


def test_from_the_queue_to_the_second_signature(live_ayni: LiveAyni, sign_in: SignIn) -> None:
    officer = sign_in("rosa.huaman")
    officer.goto(f"{live_ayni.url}i/qantu/desk/queue/?view=assess")
    case = officer.get_by_role("link", name="María Quispe Mamani")
    case.click()
    expect(officer.get_by_role("heading", level=1)).to_have_text("María Quispe Mamani")
    address = officer.url
    # The bars add up, as read from the page.
    points = officer.locator(".wf tbody tr td.r").all_inner_texts()
    figures = [int(text.replace("−", "-").replace("+", "")) for text in points]
    assert sum(figures[:-1]) == figures[-1]
    officer.get_by_label("Aprobar como se pidió").check(force=True)
    officer.get_by_role("textbox", name="Sustento").fill("Negocio estable, seis años en el local. Visita conforme.")
    officer.get_by_role("button", name="Enviar a segunda firma").click()
    expect(officer.get_by_text("Falta la segunda firma", exact=True)).to_be_visible()

    approver = sign_in("luis.ticona")
    approver.goto(address.replace("view=assess", "view=decide"))
    expect(approver.get_by_text("Visita conforme").first).to_be_visible()
    approver.get_by_label("De acuerdo con la propuesta").check(force=True)
    approver.get_by_role("textbox", name="Sustento").fill("De acuerdo: cuota dentro de la política.")
    approver.get_by_role("button", name="Firmar la decisión").click()
    expect(approver.locator(".idbar").get_by_text("Aprobada")).to_be_visible()

    applicant = sign_in("maria.quispe")
    applicant.goto(f"{live_ayni.url}i/qantu/my/{re.search(r'applications/([0-9a-f-]+)', address)[1]}/")
    expect(applicant.locator(".offer").first).to_be_visible()

    unsealed = "SELECT count(*) FROM accounts_auditpending"
    assert wait_until(lambda: live_ayni.query(unsealed)[0][0] == 0, 30)
    assert json.loads(live_ayni.manage("verify_audit", "--json").stdout)["ok"] is True


def test_the_officer_checks_a_paper_and_a_figure(live_ayni: LiveAyni, sign_in: SignIn) -> None:
    officer = sign_in("jorge.ccori")
    officer.goto(f"{live_ayni.url}i/qantu/desk/queue/?view=assess")
    officer.locator("tbody th a").nth(1).click()
    address = officer.url
    paper = officer.locator(".tasklist a").first
    paper.click()
    officer.get_by_label("Sí, verificado").check(force=True)
    officer.get_by_role("button", name="Guardar").click()
    expect(officer.get_by_text("Documento revisado.")).to_be_visible()
    officer.goto(address)
    officer.get_by_role("link", name="Verificar datos").click()
    officer.locator("[name=household_expenses]").fill("98O")
    officer.get_by_role("button", name="Guardar y volver a calcular").click()
    expect(officer).to_have_title(re.compile("^Error: "))
    officer.locator("[name=household_expenses]").fill("980")
    officer.get_by_role("button", name="Guardar y volver a calcular").click()
    expect(officer.get_by_text("Datos verificados.")).to_be_visible()


@pytest.mark.parametrize(
    ("who", "address"),
    [
        ("rosa.huaman", "desk/queue/"),
        ("rosa.huaman", "case"),
        ("elena.paucar", "desk/products/"),
        ("elena.paucar", "desk/products/new/"),
        ("elena.paucar", "desk/policy/"),
        ("elena.paucar", "desk/staff/"),
        ("patricia.luna", "desk/audit/"),
    ],
)
def test_the_desk_is_readable_by_everybody(live_ayni: LiveAyni, sign_in: SignIn, who: str, address: str) -> None:
    page = sign_in(who)
    if address == "case":
        page.goto(f"{live_ayni.url}i/qantu/desk/queue/")
        page.locator("tbody th a").first.click()
    else:
        page.goto(f"{live_ayni.url}i/qantu/{address}")
    assert problems(page) == []
