"""A loan's whole life in a real browser, against the running product: from the chosen offer to the certificate."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from portal.tests.journeys.axe import problems
from portal.tests.live import LiveAyni

SignIn = Callable[[str], Page]
QANTU = "i/qantu/"


def test_from_the_contract_to_the_certificate(live_ayni: LiveAyni, sign_in: SignIn) -> None:
    """Justino chose an offer; Eusebio has signed: his money goes out, comes back, and he gets his certificate."""
    justino = sign_in("justino.huallpa")
    justino.goto(f"{live_ayni.url}{QANTU}my/")
    justino.get_by_role("link", name=re.compile("Ver la respuesta")).first.click()
    justino.get_by_role("button", name="Preparar mi contrato").click()
    expect(justino.get_by_role("heading", name="Hoja Resumen")).to_be_visible()
    assert problems(justino) == []
    justino.get_by_role("button", name="Enviarme el código para firmar").click()
    code = sent_code(live_ayni, justino)
    justino.get_by_label("Leí la hoja resumen").check(force=True)
    justino.get_by_label("Código de seis cifras").fill("000000" if code != "000000" else "111111")
    justino.get_by_role("button", name="Firmar el contrato").click()
    expect(justino.get_by_text("Ese código no es").first).to_be_visible()
    justino.get_by_label("Leí la hoja resumen").check(force=True)
    justino.get_by_label("Código de seis cifras").fill(code)
    justino.get_by_role("button", name="Firmar el contrato").click()
    expect(justino.get_by_text("Firmado por")).to_be_visible()

    officer = sign_in("rosa.huaman")
    officer.goto(f"{live_ayni.url}{QANTU}desk/loans/?view=to_authorise")
    expect(officer.get_by_role("link", name=re.compile("Rufina Mayta"))).to_be_visible()

    approver = sign_in("luis.ticona")
    approver.goto(f"{live_ayni.url}{QANTU}desk/loans/?view=to_authorise")
    approver.get_by_role("link", name=re.compile("Rufina Mayta")).click()
    loan = approver.url
    approver.get_by_role("link", name="Entregar el dinero").click()
    approver.get_by_role("button", name=re.compile("Confirmar la entrega")).click()
    expect(approver.get_by_text("El crédito está vigente desde hoy")).to_be_visible()
    assert problems(approver) == []

    cashier = sign_in("nilda.condori")
    cashier.goto(f"{live_ayni.url}{QANTU}desk/cash/")
    cashier.get_by_label("Número de crédito, DNI o nombre").fill("41700066")
    cashier.get_by_role("button", name="Buscar").click()
    cashier.get_by_role("link", name=re.compile("Rufina Mayta")).click()
    payment = cashier.url
    cashier.get_by_label("Monto que recibes").fill("100")
    cashier.get_by_role("button", name="Registrar y dar recibo").click()
    expect(cashier.get_by_role("heading", name=re.compile("Recibo"))).to_be_visible()
    assert problems(cashier) == []
    cashier.goto(payment)
    cashier.get_by_label("Monto que recibes").fill("500")
    cashier.get_by_label("Pago anticipado; el titular elige después").check(force=True)
    cashier.get_by_role("button", name="Registrar y dar recibo").click()

    rufina = sign_in("rufina.mayta")
    rufina.goto(f"{live_ayni.url}{QANTU}my/loans/{loan.rstrip('/').rpartition('/')[2]}/")
    rufina.get_by_role("link", name="Elegir").click()
    rufina.get_by_label("Bajar mis cuotas").check(force=True)
    rufina.get_by_role("button", name="Elegir esto").click()
    expect(rufina.get_by_text("tu cronograma nuevo está abajo")).to_be_visible()
    assert problems(rufina) == []

    cashier.goto(payment)
    whole = cashier.locator("dd.total").inner_text()
    cashier.get_by_label("Monto que recibes").fill(whole)
    cashier.get_by_label("Cancelación: paga todo").check(force=True)
    cashier.get_by_role("button", name="Registrar y dar recibo").click()
    rufina.reload()
    expect(rufina.get_by_text("Terminaste de pagar")).to_be_visible()
    rufina.get_by_role("link", name="Constancia de no adeudo").first.click()
    expect(rufina.get_by_text("no mantiene ninguna deuda")).to_be_visible()
    assert problems(rufina) == []


def sent_code(live_ayni: LiveAyni, page: Page) -> str:
    """The newest code in the demo's outbox, read in a page of its own."""
    outbox = page.context.new_page()
    outbox.goto(f"{live_ayni.url}demo/outbox/")
    code = re.search(r"(\d{6}) es tu código para firmar", outbox.locator("main").inner_text())
    outbox.close()
    assert code is not None
    return code[1]


@pytest.mark.parametrize(
    ("who", "address"),
    [
        ("nilda.condori", "desk/cash/"),
        ("rosa.huaman", "desk/loans/"),
        ("rosa.huaman", "loan"),
        ("yolanda.ccopa", "my/"),
        ("yolanda.ccopa", "my/loan"),
    ],
)
def test_the_pages_are_readable_by_everybody(live_ayni: LiveAyni, sign_in: SignIn, who: str, address: str) -> None:
    page = sign_in(who)
    if address == "loan":
        page.goto(f"{live_ayni.url}{QANTU}desk/loans/?view=late")
        page.locator("tbody th a").first.click()
    elif address == "my/loan":
        page.goto(f"{live_ayni.url}{QANTU}my/")
        page.get_by_role("link", name=re.compile("Ver mi crédito")).first.click()
    else:
        page.goto(f"{live_ayni.url}{QANTU}{address}")
    assert problems(page) == []
