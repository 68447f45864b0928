import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from openpyxl import load_workbook

from accounts.exports import csv_lines, csv_response, safe_cell, write_xlsx, xlsx_response
from accounts.models import Institution, Membership
from accounts.tenancy.scope import NoInstitutionScope

ATTACKS = [
    '=HYPERLINK("http://evil.example","x")',
    "+51987654321",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    "  =1+1",
    "\n=1+1",
    "＝1+1",
    "|calc",
    "\x00=1+1",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_cell_of_a_csv_begins_like_a_formula(attack: str):
    text = "".join(csv_lines(["nombre"], [[attack]]))
    cell = list(csv.reader(io.StringIO(text.lstrip("\ufeff"), newline="")))[1][0]
    assert cell.startswith("'")


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_cell_of_a_workbook_is_a_formula(attack: str):
    file = io.BytesIO()
    write_xlsx(file, [("Hoja", [attack], [[attack]])])
    sheet = load_workbook(io.BytesIO(file.getvalue())).active
    assert [cell.data_type for row in sheet.iter_rows() for cell in row] == ["s", "s"]
    assert sheet["A2"].value.startswith("'")


def test_numbers_dates_and_plain_words_stay_what_they_are():
    for value in (Decimal("-12.50"), -3, 0.5, True, date(2026, 11, 26), "María Quispe", "S/ 3,000.00"):
        assert safe_cell(value) == value
    assert safe_cell(None) == ""


def test_instants_leave_in_lima_s_time():
    noon = datetime(2026, 11, 26, 17, 0, tzinfo=UTC)
    assert "2026-11-26 12:00:00-05:00" in "".join(csv_lines(["a"], [[noon]]))
    file = io.BytesIO()
    write_xlsx(file, [("a", ["a"], [[noon]])])
    assert load_workbook(io.BytesIO(file.getvalue())).active["A2"].value == datetime(2026, 11, 26, 12, 0)


def test_lines_leave_in_chunks():
    chunks = list(csv_lines(["a"], ([number] for number in range(1_200))))
    assert len(chunks) == 3
    assert "".join(chunks).count("\r\n") == 1_201


def test_a_csv_streams_in_the_scope_it_was_asked_in(institution: Institution, actor_as: Any):
    actor_as("manager")
    answer = csv_response("personal: mes/1", ["id"], lambda: Membership.objects.values_list("pk"))
    assert answer["Content-Disposition"] == 'attachment; filename="personal-mes-1.csv"'
    assert answer["Cache-Control"] == "no-store, private"
    assert len(b"".join(answer.streaming_content).splitlines()) == 2


def test_a_csv_without_a_scope_is_refused():
    with pytest.raises(NoInstitutionScope):
        csv_response("a", ["id"], list)


def test_a_workbook_is_a_download():
    answer = xlsx_response("a", [("a/b", ["id"], [[1]])])
    assert load_workbook(io.BytesIO(b"".join(answer.streaming_content))).sheetnames == ["a b"]
