"""Statements of a wallet, a bank or a till: what is read, what is not, what they tell."""

import io
from datetime import date, timedelta
from decimal import Decimal

import pytest
from openpyxl import Workbook

from lending.cash_flow import Movement, StatementRefused, cash_flow, read_statement
from lending.tests.test_sheets import changed
from scoring.features import STATEMENT_FACTS


def movements(months, income=1_000, start=(2025, 1)):
    """Money in on the 5th and 20th of each month, half out on the 10th, a balance that never falls under 100."""
    made = []
    for place in range(months):
        year, month = start[0] + (start[1] - 1 + place) // 12, (start[1] - 1 + place) % 12 + 1
        amount = Decimal(income(place) if callable(income) else income) / 2
        made += [
            Movement(date(year, month, 1), amount, Decimal(300)),
            Movement(date(year, month, 10), -amount, Decimal(100)),
            Movement(date(year, month, 28), amount, Decimal(500)),
        ]
    return made


def test_a_banks_csv_with_its_name_above_decimal_commas_and_two_columns():
    text = (
        "Banco del Valle;;;\nEstado de cuenta;;;\nFecha;Descripción;Cargos;Abonos;Saldo\n"
        "05/01/2026;Yape;;1.250,50;1.300,00\n06/01/2026;Luz;(85,20);;1.214,80\n"
    )
    told = read_statement(text.encode("latin-1"))
    assert told.movements == [
        Movement(date(2026, 1, 5), Decimal("1250.50"), Decimal("1300.00")),
        Movement(date(2026, 1, 6), Decimal("-85.20"), Decimal("1214.80")),
    ]


def test_a_wallets_sheet():
    book = Workbook()
    book.active.append(["Fecha de operación", "Monto"])
    book.active.append([date(2026, 1, 5), 20.5])
    book.active.append([date(2026, 1, 6), -3])
    content = io.BytesIO()
    book.save(content)
    assert [one.amount for one in read_statement(content.getvalue()).movements] == [Decimal("20.50"), Decimal("-3.00")]


def test_a_bad_line_is_left_out_by_number_and_reason():
    lines = [f"0{day}/01/2026,S/ 10.00" for day in range(1, 9)]
    told = read_statement(("fecha,monto\n" + "\n".join(lines) + "\nmañana,5\n").encode())
    assert len(told.movements) == 8
    assert told.bad == ((10, "«mañana» no es una fecha"),)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"a,b\n1,2\n", "una con la fecha"),
        (b"fecha,monto\n", "no hay ninguno"),
        (b"fecha,monto\nayer,mucho\n", "línea 2"),
        (b"%PDF-1.7 \x00\x01", "CSV o XLSX"),
        (b"PK\x03\x04 not a sheet", "No pudimos abrir la hoja"),
    ],
)
def test_what_is_no_statement_says_how_to_send_one(content, why):
    with pytest.raises(StatementRefused, match=why):
        read_statement(content)


def test_a_workbook_that_unpacks_to_too_much_is_never_unpacked(monkeypatch):
    monkeypatch.setattr("lending.cash_flow.LARGEST_UNPACKED", 1 << 20)
    monkeypatch.setattr("accounts.sheets.load_workbook", lambda *args, **options: pytest.fail("it was unpacked"))
    with pytest.raises(StatementRefused, match="demasiadas líneas"):
        read_statement(changed("xl/styles.xml", b" " * (2 << 20)))


def test_months_by_hand():
    told = cash_flow(movements(3))
    assert [one["month"] for one in told.months] == ["2025-01", "2025-02", "2025-03"]
    first = told.months[0]
    assert (first["money_in"], first["money_out"], first["low"], first["days_without"]) == ("1000", "500", "100", 28)


def test_the_facts_are_the_dictionarys_and_by_hand():
    told = cash_flow(movements(4, income=lambda place: 1_000 * 1.1**place)).facts
    assert set(told) < set(STATEMENT_FACTS)
    assert told["statement_income"] == pytest.approx(1_000 * (1 + 1.1 + 1.21 + 1.331) / 4, abs=0.01)
    assert told["sales_growth"] == pytest.approx(0.1, abs=1e-4)
    assert told["balance_low"] == 100
    assert 0.8 < told["cash_flow_stability"] < 1
    assert "sales_season" not in told


def test_a_season_is_told_from_two_years_on():
    peak = cash_flow(movements(24, income=lambda place: 3_000 if place % 12 == 6 else 1_000)).facts
    assert peak["sales_season"] == pytest.approx(1)


def test_what_is_too_short_is_absent_and_never_zero():
    assert cash_flow(movements(1)).facts == {}
    assert cash_flow([]).months == ()
    no_balance = [Movement(one.on, one.amount) for one in movements(3)]
    assert "balance_low" not in cash_flow(no_balance).facts


def test_a_month_that_was_cut_does_not_count():
    whole = movements(3)
    cut = [one for one in whole if one.on > date(2025, 1, 15) and one.on < date(2025, 3, 12)]
    assert [one["month"] for one in cash_flow(cut).months] == ["2025-02"]
    assert len(cash_flow([one for one in whole if one.on <= date(2025, 3, 1) + timedelta(days=27)]).months) == 3
