"""A loan's whole life in a real browser, against the running product: from the chosen offer to the certificate."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from accounts.clock import today
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


def test_a_new_officer_follows_a_loan_from_the_signature_to_the_certificate(
    live_ayni: LiveAyni, sign_in: SignIn
) -> None:
    """Eusebio has signed. Asked for, handed over, paid, taken back, paid early as he asked, rescheduled, paid off."""
    desk = f"{live_ayni.url}{QANTU}desk/"
    officer = sign_in("rosa.huaman")
    officer.goto(f"{desk}queue/")
    officer.get_by_role("link", name=re.compile("Firmadas, por desembolsar")).click()
    officer.get_by_role("link", name=re.compile("Eusebio Larico")).click()
    officer.get_by_role("button", name="Pedir el desembolso").click()
    officer.get_by_label("Efectivo").check(force=True)
    officer.get_by_role("button", name="Pedir el desembolso").click()
    expect(officer.get_by_text("Pediste el desembolso: lo entrega otra persona")).to_be_visible()
    loan = officer.url
    key = loan.rstrip("/").rpartition("/")[2]

    approver = sign_in("luis.ticona")
    approver.goto(f"{desk}loans/?view=to_authorise")
    approver.get_by_role("link", name=re.compile("Eusebio Larico")).click()
    approver.get_by_role("link", name="Entregar el dinero").click()
    approver.get_by_role("button", name=re.compile("Confirmar la entrega")).click()
    expect(approver.get_by_text("El crédito está vigente desde hoy")).to_be_visible()

    cashier = sign_in("nilda.condori")
    cashier.goto(f"{desk}loans/{key}/payment/")
    cashier.get_by_label("Monto que recibes").fill("100")
    cashier.get_by_role("button", name="Registrar y dar recibo").click()
    expect(cashier.get_by_role("heading", name=re.compile("Recibo"))).to_be_visible()

    approver.goto(loan)
    approver.locator("section", has=approver.get_by_role("heading", name="Pagos")).get_by_role(
        "link", name=re.compile("QT-R")
    ).first.click()
    approver.get_by_role("link", name="Extornar").click()
    approver.get_by_label("Motivo del extorno").fill("Era de otra persona")
    approver.get_by_role("button", name="Extornar").click()
    expect(approver.get_by_text("Extornado. Lo que siguió")).to_be_visible()
    assert problems(approver) == []

    eusebio = sign_in("eusebio.larico")
    eusebio.goto(f"{live_ayni.url}{QANTU}my/loans/{key}/")
    eusebio.get_by_role("link", name="Pagar antes").click()
    eusebio.get_by_label("Cuánto quieres pagar").fill("500")
    eusebio.get_by_role("button", name="Ver qué cambia").click()
    assert problems(eusebio) == []
    eusebio.get_by_role("button", name=re.compile("Pedir esto Bajar las cuotas")).click()
    expect(eusebio.get_by_text("Pedido guardado")).to_be_visible()
    assert problems(eusebio) == []

    officer.goto(f"{desk}prepayments/?view=asked")
    expect(officer.get_by_role("link", name=re.compile("Eusebio Larico"))).to_be_visible()
    assert problems(officer) == []
    cashier.goto(f"{desk}loans/{key}/payment/")
    expect(cashier.get_by_text("pidió pagar S/ 500.00 antes")).to_be_visible()
    assert problems(cashier) == []
    cashier.get_by_role("button", name="Registrar y dar recibo").click()
    expect(cashier.get_by_text("Pago anticipado", exact=True).first).to_be_visible()
    eusebio.goto(f"{live_ayni.url}{QANTU}my/loans/{key}/")
    expect(eusebio.get_by_text("Pediste pagar")).to_have_count(0)

    officer.goto(loan)
    officer.get_by_text("Cambiar el crédito").click()
    officer.get_by_role("link", name="Reprogramación").click()
    officer.get_by_label("Cuántas cuotas").fill("14")
    officer.get_by_label(re.compile("Primera cuota")).fill(f"{today() + timedelta(days=40):%d/%m/%Y}")
    officer.get_by_label("Motivo").fill("Perdió un mes de ventas por el cierre de la carretera")
    officer.get_by_role("button", name=re.compile("Proponer")).click()
    expect(officer.get_by_text("Ahora lo decide otra persona")).to_be_visible()
    approver.goto(loan)
    approver.get_by_role("link", name="Ver la propuesta").click()
    approver.get_by_role("button", name="Autorizar", exact=True).click()
    expect(approver.get_by_text("Autorizado y aplicado")).to_be_visible()

    cashier.goto(f"{desk}loans/{key}/payment/")
    whole = cashier.locator("dd.total").inner_text()
    cashier.get_by_label("Monto que recibes").fill(whole)
    cashier.get_by_label("Cancelación: paga todo").check(force=True)
    cashier.get_by_role("button", name="Registrar y dar recibo").click()
    eusebio.reload()
    expect(eusebio.get_by_text("Terminaste de pagar")).to_be_visible()
    officer.goto(loan)
    officer.get_by_role("link", name="Constancia de no adeudo").first.click()
    expect(officer.get_by_text("no mantiene ninguna deuda")).to_be_visible()


def test_a_refinancing_is_signed_by_its_borrower(live_ayni: LiveAyni, sign_in: SignIn) -> None:
    """Nélida is late: a new loan pays the old one, once her guarantor and she have read and signed its contract."""
    officer, approver = sign_in("rosa.huaman"), sign_in("luis.ticona")
    officer.goto(f"{live_ayni.url}{QANTU}desk/loans/?view=active")
    officer.get_by_role("link", name=re.compile("Nélida Choque")).click()
    loan = officer.url
    officer.get_by_text("Cambiar el crédito").click()
    officer.get_by_role("link", name="Refinanciación").click()
    officer.get_by_label("Cuántas cuotas").fill("12")
    officer.get_by_label(re.compile("TEA")).fill("30")
    officer.get_by_label("Motivo").fill("Bajaron sus ventas y pide cuotas más bajas")
    officer.get_by_role("button", name=re.compile("Proponer")).click()
    approver.goto(loan)
    approver.get_by_role("link", name="Ver la propuesta").click()
    approver.get_by_role("button", name="Autorizar", exact=True).click()
    expect(approver.get_by_text("Rige cuando el titular firme")).to_be_visible()
    assert problems(approver) == []

    nelida = sign_in("nelida.choque")
    nelida.goto(f"{live_ayni.url}{QANTU}my/loans/{loan.rstrip('/').rpartition('/')[2]}/")
    assert problems(nelida) == []
    nelida.get_by_role("button", name="Leer el contrato").click()
    expect(nelida.get_by_text("Ninguno: paga el crédito anterior")).to_be_visible()
    expect(nelida.get_by_text("Primero firma quien responde por este crédito")).to_be_visible()
    officer.goto(nelida.url.replace("/my/contracts/", "/desk/contracts/"))
    officer.get_by_role("button", name=re.compile("Enviarle su código")).click()
    code = sent_code(live_ayni, officer)
    officer.get_by_label("Leí la hoja resumen").check(force=True)
    officer.get_by_label("Código de seis cifras").fill(code)
    assert problems(officer) == []
    officer.get_by_role("button", name=re.compile("^Firma ")).click()
    expect(officer.get_by_text(re.compile("Firmó el "))).to_be_visible()
    nelida.reload()
    nelida.get_by_role("button", name="Enviarme el código para firmar").click()
    code = sent_code(live_ayni, nelida)
    nelida.get_by_label("Leí la hoja resumen").check(force=True)
    nelida.get_by_label("Código de seis cifras").fill(code)
    nelida.get_by_role("button", name="Firmar el contrato").click()
    expect(nelida.get_by_text("el crédito nuevo ya pagó el anterior")).to_be_visible()
    assert problems(nelida) == []
    officer.goto(loan)
    officer.get_by_role("link", name="Crédito que lo refinanció").click()
    expect(officer.get_by_text("Refinanciado", exact=True)).to_be_visible()
    assert problems(officer) == []


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
