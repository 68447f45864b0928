"""A borrower's rights in a real browser: declined, told why, reviewed by a person and approved; data taken away;
a sheet in the complaints book answered."""

import json
import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from accounts.actors import Actor
from accounts.models import Institution, Membership
from accounts.tenancy.scope import institution_scope
from lending.services.policies import save_policy
from lending.tests.walk import ACTIVITY, CONSENTS, MONEY, identity
from portal.local.processes import wait_until
from portal.tests.journeys.axe import Watch, problems
from portal.tests.journeys.filling import send
from portal.tests.journeys.test_applicant import ANSWER_MS, start
from portal.tests.live import LiveAyni

SignIn = Callable[[str], Page]


def read(page: Page, *places: str) -> None:
    """Nothing on these pages keeps anybody out."""
    for place in places:
        page.goto(place)
        assert problems(page, widths=(360, 1280)) == []


def ask_for_the_highest_score(live: LiveAyni) -> None:
    """A policy under which the program declines whoever applies."""
    with live.orm():
        institution = Institution.objects.get(slug="qantu")
        with institution_scope(institution.pk):
            manager = Membership.objects.select_related("user").get(user__email="elena.paucar@ayni.example")
            save_policy(actor=Actor.for_membership(manager), approve_from=850, decline_below=849)


def declined(live: LiveAyni, page: Page) -> str:
    """An application that the program declines for its score; returns its address."""
    start(live, page, "household")
    send(page, identity())
    send(page, {**ACTIVITY["household"], "employment_months_years": "1", "housing": "rented", "assets_value": "0"})
    send(page, {**MONEY["household"], "savings_balance": "0", "worst_delay_days": "20"})
    with page.expect_navigation():
        page.get_by_role("button", name=re.compile("Guardar y continuar|Seguir sin")).first.click()
    send(page, CONSENTS)
    send(page)
    expect(page.locator("h1")).to_contain_text("por ahora no podemos", timeout=ANSWER_MS)
    return page.url


def test_declined_reviewed_by_a_person_and_approved(
    live_ayni: LiveAyni,
    sign_in: SignIn,
    new_phone: Callable[..., Page],
) -> None:
    ask_for_the_highest_score(live_ayni)
    person = new_phone()
    watch = Watch(person)
    address = declined(live_ayni, person)
    expect(person.get_by_role("heading", name="Por qué", exact=True)).to_be_visible()
    assert problems(person) == []
    person.get_by_role("link", name="Ver todas las razones").click()
    expect(person.locator(".wf tbody tr").first).to_be_visible()
    person.go_back()
    with person.expect_navigation():
        person.get_by_role("button", name="Pedir revisión de una persona").click()
    expect(person.locator("main")).to_contain_text("puede cambiar la respuesta del programa")
    reviewer = re.search(r"\. (\S+ \S+) te responde", person.locator("main").inner_text())
    assert reviewer, "the reviewer is named"

    key = re.search(r"/my/([0-9a-f-]+)/", address)[1]  # type: ignore[index]
    case = f"{live_ayni.url}i/qantu/desk/applications/{key}/"
    officer = sign_in("rosa.huaman")
    officer.goto(case)
    expect(officer.locator("main")).to_contain_text("Puede cambiar la respuesta del programa, con su sustento")
    officer.get_by_label("Aprobar como se pidió").check(force=True)
    officer.get_by_role("textbox", name="Sustento").fill("Revisé sus boletas: paga al día hace tres años.")
    officer.get_by_role("button", name="Enviar a segunda firma").click()
    expect(officer.get_by_text("Falta la segunda firma", exact=True)).to_be_visible()
    approver = sign_in("luis.ticona")
    approver.goto(case)
    approver.get_by_label("De acuerdo con la propuesta").check(force=True)
    approver.get_by_role("textbox", name="Sustento").fill("De acuerdo con la revisión del asesor.")
    approver.get_by_role("button", name="Firmar la decisión").click()
    expect(approver.locator(".idbar").get_by_text("Aprobada")).to_be_visible()

    person.goto(address)
    expect(person.locator(".offer").first).to_be_visible()
    expect(person.locator("main")).to_contain_text("Cambió la respuesta del programa.")
    assert problems(person) == []

    # Their data: seen, with who looked, and taken away.
    person.goto(f"{live_ayni.url}i/qantu/my/data/")
    expect(person.get_by_role("heading", name="Quién vio o cambió tus datos")).to_be_visible()
    expect(person.locator("main")).to_contain_text("Solicitud vista")
    assert problems(person) == []
    with person.expect_download() as download:
        person.get_by_role("link", name=re.compile("JSON")).click()
    document = json.loads(Path(download.value.path()).read_text())
    assert {"lending.Application", "scoring.Score", "accounts.Consent"} <= {one["table"] for one in document["held"]}
    with person.expect_download() as download:
        person.get_by_role("link", name=re.compile("PDF")).click()
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF-")
    marketing = person.locator("form", has=person.locator("[name=purpose][value=marketing]"))
    with person.expect_navigation():
        marketing.get_by_role("button").click()
    expect(person.locator("main")).to_contain_text("Permiso dado.")

    # A sheet in the complaints book, answered.
    person.goto(f"{live_ayni.url}i/qantu/")
    person.get_by_role("link", name="Libro de reclamaciones").first.click()
    assert problems(person) == []
    sheet = {
        "full_name": "María Quispe Huamán", "document_number": "45678901", "email": "maria@correo.pe",
        "good": "service", "topic": "application", "kind": "queja",
        "detail": "La primera respuesta tardó y no me llamaron.", "request": "Que avisen cuando falta algo.",
    }  # fmt: skip
    send(person, sheet)
    expect(person.locator("h1")).to_have_text(re.compile(r"^Hoja \d{9}-\d{4}$"))
    code = person.locator("h1").inner_text().removeprefix("Hoja ")
    assert problems(person) == []
    mails = live_ayni.outbox / "mail"
    assert wait_until(lambda: any(code in path.read_text() for path in mails.glob("*.json")), 60, every=0.5)
    manager = sign_in("elena.paucar")
    manager.goto(f"{live_ayni.url}i/qantu/desk/complaints/")
    manager.get_by_role("link", name=code).click()
    manager.get_by_label("A favor de la persona").check(force=True)
    manager.get_by_role("textbox", name="Respuesta").fill(
        "Tiene razón: desde hoy avisamos por mensaje cuando falta algo."
    )
    manager.get_by_role("button", name="Enviar la respuesta").click()
    expect(manager.get_by_text("Respuesta registrada")).to_be_visible()
    person.reload()
    expect(person.locator("main")).to_contain_text("desde hoy avisamos por mensaje")
    assert watch.complaints == []


def test_those_who_answer_read_their_pages(live_ayni: LiveAyni, sign_in: SignIn) -> None:
    manager = sign_in("elena.paucar")
    desk = f"{live_ayni.url}i/qantu/desk/"
    pages = ("complaints/", "complaints/report/", "data-requests/", "incidents/", "incidents/new/")
    read(manager, *(f"{desk}{page}" for page in pages))
