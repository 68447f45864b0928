import csv
import json

import numpy as np
import pandas as pd
import pytest
from django.core.management import CommandError, call_command

from scoring.batch import FileRefused, _heaviest, score_file
from scoring.features import ProhibitedFact
from scoring.synthetic import borrowers, declared, fact_names
from scoring.tests.factories import register_model
from scoring.tests.samples import live_model


def lines_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def applicants(tmp_path):
    """A file of 230 applicants, and the same people's declared facts."""
    frame = borrowers("farm", 230, seed=30)
    frame.insert(0, "dossier", [f"E-{i}" for i in range(len(frame))])
    path = tmp_path / "people.csv"
    frame[["dossier", *fact_names("farm")]].to_csv(path, index=False)
    return path, declared(frame, "farm")


def test_a_file_is_scored_like_each_applicant_alone(applicants, tmp_path):
    path, people = applicants
    model = live_model("farm")
    totals = list(score_file(model, path, tmp_path / "out.csv", key="dossier", rows_at_once=100))[-1]
    lines = lines_of(tmp_path / "out.csv")
    assert (totals.rows, totals.scored, totals.refused) == (230, 230, 0)
    assert [line["key"] for line in lines[:2]] == ["E-0", "E-1"]
    assert [line["row"] for line in lines] == [str(number) for number in range(2, 232)]
    for line, facts in zip(lines, people, strict=True):
        scored = model.score(facts)
        assert int(line["score"]) == scored.score
        assert float(line["pd"]) == pytest.approx(scored.pd, abs=1e-8)
        heaviest = min(scored.points)
        assert heaviest >= 0 or line["against"].split("; ")[0].endswith(f":{heaviest}")


def test_parquet_sheets_and_semicolons_give_the_same_lines(applicants, tmp_path):
    path, _ = applicants
    cells = pd.read_csv(path, dtype=str)
    pd.read_csv(path, dtype={"region": str}).to_parquet(tmp_path / "people.parquet")
    cells.to_excel(tmp_path / "people.XLSX", index=False, engine="openpyxl")
    cells.to_csv(tmp_path / "spanish.csv", index=False, sep=";", encoding="utf-8-sig")
    model = live_model("farm")
    list(score_file(model, path, tmp_path / "out.csv", key="dossier"))
    for name in ("people.parquet", "people.XLSX", "spanish.csv"):
        totals = list(score_file(model, tmp_path / name, tmp_path / f"{name}.csv", key="dossier", rows_at_once=64))[-1]
        assert totals.scored == 230
        assert lines_of(tmp_path / f"{name}.csv") == lines_of(tmp_path / "out.csv")


def test_reasons_are_the_heaviest_and_ties_have_an_order():
    points = np.array([[5, -1], [5, 0], [-2, -1], [9, 0], [1, -3], [0, -1]], dtype=np.int32)
    in_favour, against = _heaviest("abcdef", points)
    assert in_favour == ["d:9; b:5; a:5", ""]
    assert against == ["c:-2", "e:-3; a:-1; c:-1"]


def test_a_row_that_cannot_be_read_says_why_and_the_others_are_scored(tmp_path):
    (tmp_path / "people.csv").write_text("amount,term_months,cooperative\n3000,12,si\nmucho,12,no\n,12,\n")
    totals = list(score_file(live_model("farm"), tmp_path / "people.csv", tmp_path / "out.csv"))[-1]
    lines = lines_of(tmp_path / "out.csv")
    assert (totals.scored, totals.refused) == (2, 1)
    assert (lines[1]["row"], lines[1]["score"]) == ("3", "")
    assert "amount: «mucho» no es un número" in lines[1]["error"]
    assert lines[2]["score"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "No se pudo leer"),
        ("amount,term_months\n", "no tiene filas"),
        ("a,b\n1,2\n", "Ninguna columna es un dato conocido"),
        ("amount,región\n1,2\n".encode("latin-1"), "No se pudo leer"),
    ],
)
def test_files_that_cannot_be_scored_are_refused_before_anything_is_written(tmp_path, text, why):
    (tmp_path / "people.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(FileRefused, match=why):
        list(score_file(live_model("farm"), tmp_path / "people.csv", tmp_path / "out.csv"))
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("name", ["people.parquet", "people.xlsx"])
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path, name):
    (tmp_path / name).write_text("amount\n1\n")
    with pytest.raises(FileRefused, match="No se pudo"):
        list(score_file(live_model("farm"), tmp_path / name, tmp_path / "out.csv"))


def test_a_prohibited_column_is_refused(tmp_path):
    (tmp_path / "people.csv").write_text("amount,term_months,Sex\n3000,12,F\n")
    with pytest.raises(ProhibitedFact, match="sex"):
        list(score_file(live_model("farm"), tmp_path / "people.csv", tmp_path / "out.csv"))


def test_score_file_from_the_command_line(database, applicants, tmp_path, capsys):
    path, _ = applicants
    options = ("--segment", "farm", "--output", str(tmp_path / "out.csv"), "--json")
    with pytest.raises(CommandError, match="modelo de puntaje aprobado"):
        call_command("score_file", str(path), *options)
    model = register_model("farm")
    call_command("score_file", str(path), *options)
    report = json.loads(capsys.readouterr().out)
    assert (report["rows"], report["scored"], report["sha256"]) == (230, 230, model.sha256)
    (tmp_path / "bad.csv").write_text("x\n1\n")
    with pytest.raises(CommandError, match="Ninguna columna"):
        call_command("score_file", str(tmp_path / "bad.csv"), *options)
    assert not list(tmp_path.glob("*.part"))
    assert len(lines_of(tmp_path / "out.csv")) == 230  # what was there stays
