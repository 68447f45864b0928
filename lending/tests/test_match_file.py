"""Very many people from a file, matched at once."""

import csv
import json

import pytest
from django.core.management import CommandError, call_command

from accounts.errors import NotAllowed
from benchmarks import matching_stored
from lending.imports.sheets import SheetRefused
from lending.services.match_file import match_file
from lending.tests import factories

HEAD = "reference,segment,age,region,amount,term_months,monthly_income,household_expenses,other_installments"
ROWS = (
    "ana,household,40,08,3000,12,3200,1100,0",
    "luz,household,35,08,3000,12,900,1000,0",
    "leo,enterprise,30,08,3000,12,,,",
)
FILE = "\n".join((HEAD, *ROWS[:2])).encode()


def test_everybody_gets_offers_or_a_reason(institution, ready, manager):
    found = match_file(actor=manager, name="p.csv", content=FILE)
    lines = list(found.lines)
    assert (found.people, found.with_offers) == (2, 1)
    assert [line[:2] for line in lines] == [["ana", 1], ["luz", ""]]
    assert "La cuota usa" in lines[0][-1]
    assert "no queda libre" in lines[1][-1]


def test_who_gets_nothing_is_told_why_and_what_would_change_it(institution, ready, manager):
    rows = (
        "unknown,household,40,08,3000,12,,,",
        "debts,household,40,08,3000,12,3000,800,1230",
        "little,household,40,08,100,12,3200,1100,0",
        "dear,household,40,08,3000,12,900,850,0",
    )
    content = "\n".join((HEAD, *rows)).encode()
    told = {line[0]: line[-1] for line in match_file(actor=manager, name="p.csv", content=content).lines}
    assert told["unknown"] == (
        "Falta saber tus ingresos para calcular una cuota que puedas pagar. Responde cuánto ganas o vendes y lo "
        "calculamos."
    )
    assert told["debts"].startswith("Tus cuotas de ahora usan 41 de cada 100 soles que ganas, y el límite es 40.")
    assert "Podrías pedirlo desde" in told["little"]
    assert all(words.count(".") > 1 for words in told.values())


def test_without_a_score_everybody_is_matched_at_the_dearest(institution, ready, manager):
    [line, _none] = match_file(actor=manager, name="p.csv", content=FILE, score=False).lines
    assert line[5] == factories.ProductVersionFactory.tea_max


def test_wrong_cells_are_all_named_and_nothing_is_matched(institution, ready, manager):
    bad = "\n".join(
        (HEAD, ROWS[0].replace("3200", "mucho"), ROWS[1].replace("household", "casa"), ROWS[0].replace("40", "x"))
    )
    with pytest.raises(SheetRefused) as refusal:
        match_file(actor=manager, name="p.csv", content=bad.encode())
    assert {(one.row, one.column) for one in refusal.value.problems} == {
        (2, "monthly_income"),
        (3, "segment"),
        (4, "age"),
    }
    with pytest.raises(SheetRefused) as refusal:
        match_file(actor=manager, name="p.csv", content=FILE.replace(b"region", b"regiom"))
    assert {one.column for one in refusal.value.problems} == {"regiom"}


def test_only_those_who_may_match(institution, ready, cashier):
    with pytest.raises(NotAllowed):
        match_file(actor=cashier, name="p.csv", content=FILE)


def test_the_command_writes_a_table(institution, ready, tmp_path, capsys):
    file, out = tmp_path / "p.csv", tmp_path / "offers.csv"
    file.write_bytes(FILE)
    call_command("match_file", str(file), institution="qori", as_email=None, out=out, json=True)
    assert json.loads(capsys.readouterr().out)["with_offers"] == 1
    with out.open(encoding="utf-8") as table:
        assert [row["reference"] for row in csv.DictReader(table)] == ["ana", "luz"]
    with pytest.raises(CommandError, match="No such file"):
        call_command("match_file", str(tmp_path / "none.csv"), institution="qori", as_email=None)


def test_the_benchmark_stores_every_offer(database):
    result = matching_stored.run(people=200, products=30, rounds=1)
    assert result["rows_stored"] > 0
    assert result["ratio"] > 0
