import gzip
import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from accounts.actors import Actor
from accounts.errors import NotAllowed
from scoring.datasets import DatasetRefused, profile, read_table
from scoring.datasets.schemas import check_schema, infer_schema
from scoring.models import Dataset
from scoring.services import import_dataset, load_table


def rows_of(n=300, seed=1):
    rng = np.random.default_rng(seed)
    income = rng.lognormal(7, 0.5, n).round(2)
    return pd.DataFrame(
        {
            "income": income,
            "city": rng.choice(["Cusco", "Puno", "Lima"], n),
            "asked_on": pd.date_range("2024-01-01", periods=n).strftime("%Y-%m-%d"),
            "age": rng.integers(18, 70, n),
            "default": (rng.random(n) < 0.2).astype(int),
        }
    )


@pytest.fixture
def write(tmp_path):
    def to_file(content, name="people.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return to_file


@pytest.fixture
def people(write):
    return write(rows_of().to_csv(index=False))


def refused(path, target="default", **options):
    with pytest.raises(DatasetRefused) as caught:
        read_table(path, target, **options)
    return str(caught.value)


# --- reading ----------------------------------------------------------------------------------------------------


def test_columns_become_numbers_dates_and_text(people):
    frame = read_table(people, "default").frame
    assert [frame[name].dtype.kind for name in ("income", "age", "asked_on", "default")] == ["f", "f", "M", "f"]
    assert set(frame["city"]) == {"Cusco", "Puno", "Lima"}


def test_csv_gzip_xlsx_and_parquet_say_the_same(people, tmp_path):
    frame = rows_of()
    expected = read_table(people, "default").frame
    (tmp_path / "p.csv.gz").write_bytes(gzip.compress(people.read_bytes()))
    frame.to_excel(tmp_path / "p.xlsx", index=False)
    frame.to_parquet(tmp_path / "p.parquet")
    for name in ("p.csv.gz", "p.xlsx", "p.parquet"):
        found = read_table(tmp_path / name, "default").frame
        np.testing.assert_allclose(found["income"], expected["income"])
        np.testing.assert_array_equal(found["default"], expected["default"])
        assert list(found["city"]) == list(expected["city"])


@pytest.mark.parametrize(("encoding", "delimiter"), [("utf-8-sig", ","), ("latin-1", ";"), ("utf-8", "\t")])
def test_byte_order_marks_latin_1_and_other_separators(write, encoding, delimiter):
    text = rows_of().replace("Lima", "Áncash").to_csv(index=False, sep=delimiter)
    frame = read_table(write(text, encoding=encoding), "default").frame
    assert list(frame.columns) == list(rows_of().columns)
    assert "Áncash" in set(frame["city"])


def test_decimal_commas_are_understood(write):
    text = "amount;default\n" + "".join(f"{i}.000,5;{i % 2}\n" for i in range(1, 60))
    assert read_table(write(text), "default").frame["amount"].iloc[1] == 2000.5


def test_mixed_decimal_marks_are_refused_by_name_and_row(write):
    text = "amount;default\n" + "1,5;0\n" * 30 + "2.5;1\n" * 30
    why = refused(write(text))
    assert "«amount» mezcla comas y puntos" in why
    assert "fila 2" in why


def test_a_cell_that_does_not_fit_costs_its_row_and_is_reported(write):
    frame = rows_of().astype({"income": object})
    frame.loc[4, "income"] = "mucho"
    frame.loc[7, "default"] = None
    table = read_table(write(frame.to_csv(index=False)), "default")
    assert len(table.frame) == 298
    assert [row for row, _ in table.rejected] == [6, 9]
    assert "income: «mucho» no es un número" in table.rejected[0][1]


def test_a_line_with_too_many_cells_is_left_out_by_number(write):
    lines = rows_of().to_csv(index=False).splitlines()
    lines[10] += ",more,cells"
    table = read_table(write("\n".join(lines)), "default")
    assert table.rejected == [(11, "7 celdas en vez de 5")]
    assert len(table.frame) == 299


def test_codes_with_leading_zeros_stay_words(write):
    text = "zip,default\n" + "".join(f"0{i:03d},{i % 2}\n" for i in range(60))
    assert read_table(write(text), "default").frame["zip"].iloc[0] == "0000"


@pytest.mark.parametrize("words", [("no", "yes"), ("Good", "Bad"), ("false", "true"), ("No", "Sí"), ("0.0", "1.0")])
def test_outcomes_in_words(write, words):
    text = "x,result\n" + "".join(f"{i},{words[i % 3 == 0]}\n" for i in range(90))
    assert read_table(write(text), "result").outcomes.sum() == 30


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "primera línea"),
        ("a,default\n", "no tiene filas"),
        ("a,a,default\n1,2,0\n", "mismo nombre: a"),
        ("a,default\n" + "1,0\n" * 50, "vale 0 en todas las filas"),
        ("a,default\n" + "1,\n" * 50, "no dice quién incumplió"),
        ("a,default\n" + "".join(f"1,{i}\n" for i in range(50)), "debe tener 0 y 1"),
        ("a,default\n" + "1,0,9\n" * 50, "no tienen las 2 columnas"),
        ("a,b\n1,0\n", "No hay una columna «default». Hay: a, b"),
        ("a\x00b,default\n1,0\n", "no es texto"),
    ],
)
def test_files_that_are_no_data_set_are_refused_with_the_reason(write, text, why):
    assert why in refused(write(text))


def test_a_missing_file_a_broken_one_and_one_too_large(write, tmp_path, monkeypatch):
    assert "No existe" in refused(tmp_path / "nowhere.csv")
    assert "No se pudo abrir" in refused(write(b"not really", "x.parquet"))
    assert "No se pudo abrir" in refused(write(b"not really", "x.xlsx"))
    monkeypatch.setattr("scoring.datasets.reading.LARGEST_BYTES", 100)
    assert "divídelo" in refused(write(rows_of().to_csv(index=False)))


def test_two_gigabytes_on_one_are_refused_at_once(tmp_path):
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.write(b"income,default\n")
        file.truncate(2 * 2**30)
    script = f"""
import resource
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
import django; django.setup()
from pathlib import Path
from scoring.datasets.reading import DatasetRefused, read_table
try:
    read_table(Path({str(path)!r}), "default")
except DatasetRefused as refusal:
    # Of this program alone: `getrusage` begins with the size of the process that started it.
    print(refusal, next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "portal.settings", "OPENBLAS_NUM_THREADS": "1"},
    )
    said, peak_kb = done.stdout.rsplit(" ", 1)
    assert "2048 MB" in said
    assert int(peak_kb) < 400_000


def test_an_as_of_column_must_hold_dates(people):
    assert "no tiene fechas" in refused(people, as_of="city")


# --- profile ----------------------------------------------------------------------------------------------------


def profiled(write, frame, **options):
    return profile(read_table(write(frame.to_csv(index=False)), "default", **options))


def test_a_profile_tells_ranges_levels_and_roles(write):
    described = profiled(write, rows_of())
    columns = described["columns"]
    assert columns["income"]["kind"] == "number"
    assert columns["income"]["low"] <= columns["income"]["median"] <= columns["income"]["high"]
    assert set(columns["city"]["top"]) == {"Cusco", "Puno", "Lima"}
    assert columns["age"]["role"] == "sensitive"
    assert described["rows"] == 300
    assert json.dumps(described, allow_nan=False)


def test_leaks_identifiers_constants_and_empty_columns_are_named_and_kept_out(write):
    frame = rows_of()
    frame["balance_written_off"] = frame["default"] * 100 + np.random.default_rng(2).random(len(frame))
    frame["dni"] = [f"{40_000_000 + i}" for i in range(len(frame))]
    frame["country"] = "PE"
    frame["nothing"] = ""
    described = profiled(write, frame)
    why = {name: column.get("why") for name, column in described["columns"].items() if column["role"] == "excluded"}
    assert why == {"balance_written_off": "leak", "dni": "identifier", "country": "constant", "nothing": "empty"}
    assert sum("balance_written_off" in warning for warning in described["warnings"]) == 1


def test_dates_after_the_decision_are_named(write):
    frame = rows_of()
    frame["paid_on"] = (pd.to_datetime(frame["asked_on"]) + pd.Timedelta(days=30)).dt.strftime("%Y-%m-%d")
    described = profiled(write, frame, as_of="asked_on")
    assert described["columns"]["paid_on"]["why"] == "future"
    assert described["columns"]["asked_on"]["role"] == "as_of"
    assert any("posteriores" in warning for warning in described["warnings"])


@pytest.mark.parametrize(
    ("name", "sensitive"),
    [
        ("SEX", True),
        ("personal_status_sex", True),
        ("AGE", True),
        ("MaritalStatus", True),
        ("foreign_worker", True),
        ("mortgage", False),
        ("percentage", False),
        ("Essex_branch", False),
        ("manager", False),
    ],
)
def test_sensitive_names(name, sensitive):
    from scoring.datasets.profiling import is_sensitive

    assert is_sensitive(name) is sensitive


def test_a_hundred_thousand_categories_are_no_feature(write):
    frame = rows_of(5_000)
    frame["comment"] = [f"nota {i}" for i in range(len(frame))]
    assert profiled(write, frame)["columns"]["comment"]["why"] == "identifier"


# --- schemas ----------------------------------------------------------------------------------------------------


def test_a_table_keeps_to_its_own_schema(people):
    table = read_table(people, "default")
    assert check_schema(table, infer_schema(table)) is table


def test_rows_outside_the_schema_are_rejected_by_number(people):
    table = read_table(people, "default")
    schema = infer_schema(table)
    schema["columns"]["income"]["high"] = float(np.sort(table.frame["income"])[-3])
    checked = check_schema(table, schema)
    assert len(checked.frame) == 298
    assert len(checked.rejected) == 2
    assert "income" in checked.rejected[0][1]


def test_a_missing_column_and_a_wrong_kind_are_refused(people):
    table = read_table(people, "default")
    with pytest.raises(DatasetRefused, match="savings"):
        check_schema(table, {"columns": {"savings": {"kind": "number"}}})
    with pytest.raises(DatasetRefused, match="«city» debe ser number"):
        check_schema(table, {"columns": {"city": {"kind": "number"}}})


# --- keeping ----------------------------------------------------------------------------------------------------


SYSTEM = Actor.system("test")


def keep(path, name="history", actor=SYSTEM, **options):
    return import_dataset(path=path, name=name, segment="household", target="default", actor=actor, **options)


def test_the_same_file_twice_is_one_data_set_and_another_is_a_version(platform, people, write):
    first, again = keep(people), keep(people)
    assert first == again
    other = keep(write(rows_of(seed=2).to_csv(index=False), "other.csv"))
    assert (other.name, other.version) == ("history", 2)
    assert Dataset.objects.count() == 2


def test_what_was_kept_is_what_was_read(platform, people):
    kept = load_table(keep(people))
    pd.testing.assert_frame_equal(kept.frame, read_table(people, "default").frame)


def test_importing_needs_the_right(institution, other_institution, people, officer, analyst):
    for actor, where in ((officer, institution), (analyst, other_institution), (analyst, None)):
        with pytest.raises(NotAllowed):
            keep(people, actor=actor, institution=where)
    assert keep(people, actor=analyst, institution=institution).created_by_id == analyst.user_id


def test_a_refused_file_leaves_nothing_behind(platform, write):
    with pytest.raises(DatasetRefused):
        keep(write("a,default\n1,0\n"))
    assert not Dataset.objects.exists()
    assert not default_storage.exists("datasets")


def test_import_from_the_command_line(platform, people, capsys):
    options = ("--name", "history", "--segment", "household", "--target", "default", "--json")
    call_command("import_dataset", str(people), *options)
    report = json.loads(capsys.readouterr().out)
    assert {"dataset", "version", "sha256", "rows", "rejected", "columns", "target_rate", "warnings"} <= set(report)
    assert (report["dataset"], report["version"], report["rows"], report["rejected"]) == ("history", 1, 300, 0)
    with pytest.raises(CommandError, match="No hay una columna «mora»"):
        call_command("import_dataset", str(people), *options[:4], "--target", "mora")
