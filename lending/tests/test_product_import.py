"""Products and opportunities from a file: all or nothing, by cell, again and again."""

import io
import json
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from openpyxl import Workbook

from accounts.errors import InvalidInput, NotAllowed
from accounts.models import AuditEntry, User
from accounts.tests.fixtures import OutsideClient
from lending.imports.sheets import SheetRefused, read_sheet
from lending.models import CatalogueOffer, Opportunity, Product, ProductVersion
from lending.services.product_import import HEADINGS, import_products

HEAD = "tipo;código;nombre;para;resumen;monto mínimo;monto máximo;plazo mínimo;plazo máximo;TEA mínima %;" \
    "TEA máxima %;" \
    "forma de pago;departamentos;organizador;enlace;desde;hasta"  # fmt: skip
GOOD = "\n".join([
    HEAD,
    "producto;mi-negocio;Mi Negocio;Negocio;Mercadería;500;20,000.00;3;24;30;85%;Cuota fija;Cusco, 21;;;;",
    "producto;casa;Mi Casa;casa;Arreglos;500;8000;3;12;28,5;60;cuota fija;;;;;",
    "oportunidad;agroperu;Fondo AgroPerú;campo;Tasa fija;;30000;;;;;;;Midagri;https://www.gob.pe;01/01/2026;2026-12-31",
])  # fmt: skip


def test_a_good_file_makes_drafts_and_opportunities_once(institution, manager, cap):
    report = import_products(actor=manager, name="p.csv", content=GOOD.encode("cp1252"))
    assert report.created == ["mi-negocio", "casa", "agroperu"]
    version = ProductVersion.objects.get(product__code="mi-negocio")
    assert (version.status, version.amount_max, version.tea_max) == ("draft", 20000, Decimal("0.85"))
    assert version.regions == ["08", "21"]
    fund = Opportunity.objects.get(code="agroperu")
    assert (fund.lender_id, fund.organiser, str(fund.valid_to)) == (institution.pk, "Midagri", "2026-12-31")
    again = import_products(actor=manager, name="p.csv", content=GOOD.encode())
    assert (again.created, again.changed, len(again.unchanged)) == ([], [], 3)
    assert ProductVersion.objects.count() == 2
    changed = import_products(actor=manager, name="p.csv", content=GOOD.replace("85%", "80").encode())
    assert changed.changed == ["mi-negocio"]
    assert AuditEntry.objects.filter(event="lending.products.imported").count() == 2


def test_published_ones_reach_the_catalogue(institution, manager, cap):
    report = import_products(actor=manager, name="p.csv", content=GOOD.encode(), publish=True)
    assert report.published == ["mi-negocio", "casa"]
    assert set(CatalogueOffer.objects.values_list("product_code", flat=True)) == {"mi-negocio", "casa"}


def test_one_wrong_cell_imports_nothing_and_every_one_is_named(institution, manager, cap):
    bad = GOOD.replace("Cuota fija;Cusco, 21", "a plazos;Cuzcoo").replace("28,5", "muy baja").replace(";12;", ";doce;")
    with pytest.raises(SheetRefused) as refusal:
        import_products(actor=manager, name="p.csv", content=bad.encode())
    found = {(one.row, one.column) for one in refusal.value.problems}
    assert found == {(2, "forma de pago"), (2, "departamentos"), (3, "tea mínima %"), (3, "plazo máximo")}
    assert not Product.objects.exists()
    assert not Opportunity.objects.exists()


def test_what_services_refuse_is_named_by_its_cell_too(institution, manager, cap):
    bad = GOOD.replace("500;8000", "9000;8000").replace("85%", "150").replace(";casa;Mi Casa", ";mi-negocio;Mi Casa")
    with pytest.raises(SheetRefused) as refusal:
        import_products(actor=manager, name="p.csv", content=bad.encode(), publish=True)
    assert {(one.row, one.column) for one in refusal.value.problems} == {(2, "tea máxima %"), (3, "código")}
    assert "Fila 2" in str(refusal.value.problems[0])


def test_a_workbook_is_read_like_a_text_file():
    book = Workbook()
    for line in GOOD.split("\n"):
        book.active.append([float(cell) if cell.isdigit() else cell for cell in line.split(";")])
    file = io.BytesIO()
    book.save(file)
    rows = read_sheet("p.xlsx", file.getvalue())
    assert [number for number, _row in rows] == [2, 3, 4]
    assert rows[0][1]["monto mínimo"] == "500"


@pytest.mark.parametrize("name", ["p.csv", "p.xlsx"])
@pytest.mark.parametrize("content", [b"", b"solo", b"a;a\n1;2", b"a;b\n", b"\x00;\x00"])
def test_what_is_no_table_is_refused_in_words(name, content):
    with pytest.raises(InvalidInput) as refusal:
        read_sheet(name, content)
    assert refusal.value.fields["file"]


def test_only_a_manager_imports(institution, officer):
    with pytest.raises(NotAllowed):
        import_products(actor=officer, name="p.csv", content=GOOD.encode())


def test_the_command_and_the_page_do_the_same(institution, manager, cap, tmp_path, capsys):
    file = tmp_path / "p.csv"
    file.write_text(GOOD, encoding="utf-8")
    person = User.objects.get(pk=manager.user_id)
    options = {"institution": "qori", "as_email": person.email, "json": True}
    call_command("import_products", str(file), **options)
    assert len(json.loads(capsys.readouterr().out)["created"]) == 3
    file.write_text(GOOD.replace("28,5", "x"), encoding="utf-8")
    with pytest.raises(CommandError, match="Fila 3, tea mínima %"):
        call_command("import_products", str(file), **options)
    browser = OutsideClient()
    browser.sign_in(person)
    address = reverse("lending:desk_products_import", args=["qori"])
    refused = browser.post(address, {"file": file.open("rb")})
    assert refused.status_code == 422
    assert "tea mínima %" in refused.content.decode()
    sheet = b"".join(browser.get(reverse("lending:desk_products_template", args=["qori"])).streaming_content).decode()
    assert all(heading in sheet for heading in HEADINGS)
    copied = io.BytesIO(sheet.encode())
    copied.name = "plantilla.csv"
    done = browser.post(address, {"file": copied})
    assert done.status_code == 200  # the template's own rows are good ones


def test_a_code_with_spaces_is_known_again(institution, manager, cap):
    spaced = GOOD.replace("mi-negocio", "Mi Negocio").replace("agroperu", "Agro Perú")
    import_products(actor=manager, name="p.csv", content=spaced.encode())
    again = import_products(actor=manager, name="p.csv", content=spaced.encode())
    assert (again.created, again.changed, again.unchanged) == ([], [], ["mi-negocio", "casa", "agro-peru"])
    twice = GOOD.replace(";casa;Mi Casa", ";MI NEGOCIO;Mi Casa")
    with pytest.raises(SheetRefused) as refusal:
        import_products(actor=manager, name="p.csv", content=twice.encode())
    assert [(one.row, one.column) for one in refusal.value.problems] == [(3, "código")]


@pytest.mark.parametrize(("before", "after", "column"), [
    ("01/01/2026", "99999999999999999999-01-01", "desde"), ("2026-12-31", "2026-12-31-05", "hasta"),
    ("2026-12-31", "31/02/2026", "hasta"), (";12;", ";3600;", "plazo máximo"),
])  # fmt: skip
def test_cells_past_any_measure_are_named(institution, manager, cap, before, after, column):
    with pytest.raises(SheetRefused) as refusal:
        import_products(actor=manager, name="p.csv", content=GOOD.replace(before, after).encode())
    assert [one.column for one in refusal.value.problems] == [column]
