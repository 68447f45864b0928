"""Signals: read from files, kept by version, known from a day on, frozen by scores."""

import json
import os
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import transaction

from accounts.actors import Actor
from accounts.clock import today
from accounts.errors import InvalidInput, NotAllowed
from accounts.models import AuditEntry
from accounts.tenancy.scope import institution_scope
from scoring.features import check_known, feature_names, feature_row
from scoring.models import Score, Signal
from scoring.services import ScoreRequest, score_applications
from scoring.services.signals import load_signals
from scoring.signals import Place, SignalRow, known_signals, read_signals
from scoring.signals.reading import BadRow, SignalsRefused
from scoring.tests.factories import register_model
from scoring.tests.samples import applicant

SYSTEM = Actor.system("test")
YEARBOOKS = Path(os.environ.get("AYNI_DATA", settings.BASE_DIR.parent / "shared" / "data"))
PLACE = Place("08", "potato", "")


def price(value, on=date(2025, 1, 1), known_on=None, days=31, **changes):
    until = on + timedelta(days=days - 1)
    row = {"kind": "price", "region": "08", "subject": "potato", "on": on, "until": until}
    return SignalRow(**{**row, "known_on": known_on or until, "value": Decimal(value), **changes})


def load(*rows):
    return load_signals(rows=rows, source="test.csv", actor=SYSTEM)


def monthly(values, year=2024):
    return [price(value, date(year + at // 12, at % 12 + 1, 1)) for at, value in enumerate(values)]


def yearly(value, year):
    period = {"on": date(year, 1, 1), "until": date(year, 12, 31), "known_on": date(year + 1, 6, 1)}
    return price(value, kind="yield", **period)


# --- reading ------------------------------------------------------------------------------------------------------


def written(tmp_path, text):
    path = tmp_path / "signals.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_our_own_layout(tmp_path):
    rows = list(
        read_signals(
            written(
                tmp_path,
                "kind,region,subject,on,until,value,known_on\n"
                "price,Cusco,Papa,2025-01-01,2025-01-31,1.2,2025-02-10\n"
                "rain,Áncash,,2025-01-01,2025-01-31,0.8,\n",
            )
        )
    )
    assert rows[0] == price("1.2", known_on=date(2025, 2, 10))
    assert (rows[1].region, rows[1].subject, rows[1].known_on) == ("02", "", date(2025, 1, 31))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("price,Cuzcko,Papa,2025-01-01,2025-01-31,1.2", "no es un departamento"),
        ("price,Cusco,Papa,2025-02-01,2025-01-31,1.2", "anterior"),
        ("price,Cusco,Papa,enero,2025-01-31,1.2", "AAAA-MM-DD"),
        ("price,Cusco,Papa,2025-01-01,2025-01-31,-3", "fuera de"),
        ("price,Cusco,Papa,2025-01-01,2025-01-31,nan", "está vacío"),
        ("price,Cusco,Papa,2025-01-01,2025-01-31,inf", "fuera de"),
        ("price,Cusco,Papa,2025-01-01,2025-01-31,caro", "no es un número"),
        ("mood,Cusco,Papa,2025-01-01,2025-01-31,1", "no es de"),
    ],
)
def test_a_bad_line_is_named_by_number_and_reason(tmp_path, line, why):
    (bad,) = read_signals(written(tmp_path, f"kind,region,subject,on,until,value\n{line}\n"))
    assert isinstance(bad, BadRow)
    assert bad.line == 2
    assert why in bad.why


def test_another_kind_of_file_says_what_is_expected(tmp_path):
    with pytest.raises(SignalsRefused, match="kind, on, region"):
        list(read_signals(written(tmp_path, "a,b\n1,2\n")))
    with pytest.raises(SignalsRefused, match="No se pudo leer"):
        list(read_signals(tmp_path / "gone.csv"))


@pytest.mark.skipif(not YEARBOOKS.exists(), reason="the public yearbooks are not beside the checkout")
@pytest.mark.parametrize(
    ("name", "fewest", "bad"),
    [("peru_crops_yield_price_2019_2022.csv", 12_000, 0), ("peru_crops_monthly_2004_2014.csv", 16_000, 150)],
)
def test_the_ministrys_yearbooks(name, fewest, bad):
    rows = list(read_signals(YEARBOOKS / name))
    assert sum(isinstance(row, SignalRow) for row in rows) > fewest
    assert sum(isinstance(row, BadRow) for row in rows) <= bad
    potato = [row for row in rows if isinstance(row, SignalRow) and (row.region, row.subject) == ("08", "potato")]
    assert {row.kind for row in potato} == {"price", "yield"}


# --- keeping ------------------------------------------------------------------------------------------------------


def test_the_same_again_changes_nothing_and_a_correction_is_a_new_version(platform):
    assert load(price("1.00")) == 1
    assert load(price("1.00")) == 0
    assert load(price("1.10", known_on=date(2025, 3, 1))) == 1
    kept = Signal.objects.order_by("version").values_list("version", "value")
    assert list(kept) == [(1, Decimal("1.000000")), (2, Decimal("1.100000"))]
    with institution_scope(platform.pk):
        entries = [json.loads(entry.body) for entry in AuditEntry.objects.all()]
    assert [entry["facts"]["count"] for entry in entries if entry["event"] == "scoring.signals.loaded"] == [1, 1]


def test_the_last_of_two_in_one_file_counts(database):
    assert load(price("1.00"), price("1.30")) == 1
    assert Signal.objects.get().value == Decimal("1.3")


def test_signals_can_be_neither_changed_nor_deleted(database):
    load(price("1.00"))
    for act in (lambda: Signal.objects.update(value=2), lambda: Signal.objects.all().delete()):
        with pytest.raises(Exception, match="permission denied"), transaction.atomic():
            act()


def test_only_the_platform_loads(institution, manager, operator):
    with pytest.raises(NotAllowed):
        load_signals(rows=[price("1")], source="x", actor=manager)
    with pytest.raises(NotAllowed):
        load_signals(rows=[price("1")], source="x", actor=Actor.system("x", institution_id=institution.pk))
    assert load_signals(rows=[price("1")], source="x", actor=operator) == 1
    with pytest.raises(InvalidInput):
        load_signals(rows=[], source="x", actor=operator)


# --- known on a day -----------------------------------------------------------------------------------------------


def test_a_figure_is_not_known_before_it_is_out(database):
    load(price("1.00", date(2025, 1, 1), known_on=date(2025, 3, 1)))
    assert known_signals([PLACE], date(2025, 2, 28))[PLACE] == {}
    known = known_signals([PLACE], date(2025, 3, 1))[PLACE]
    assert known["crop_price"].value == 1.0
    check_known(known, date(2025, 3, 1))


def test_a_correction_does_not_reach_back(database):
    load(price("1.00", known_on=date(2025, 2, 1)))
    load(price("9.00", known_on=date(2025, 6, 1)))
    assert known_signals([PLACE], date(2025, 5, 31))[PLACE]["crop_price"].value == 1.0
    assert known_signals([PLACE], date(2025, 6, 1))[PLACE]["crop_price"].value == 9.0


def test_usual_price_and_its_swings(database):
    load(*monthly(["1.0", "2.0"] * 6))
    known = known_signals([PLACE], date(2025, 1, 5))[PLACE]
    assert known["crop_price"].value == 2.0
    assert known["crop_price_usual"].value == pytest.approx((6 * 1 + 5 * 2) / 11, abs=1e-6)
    assert known["crop_price_volatility"].value == pytest.approx(0.5 / 1.5, abs=1e-6)


def test_old_prices_are_unknown_and_never_zero(database):
    load(*monthly(["1.0"] * 12, 2022))
    assert "crop_price" not in known_signals([PLACE], date(2025, 6, 1))[PLACE]
    assert known_signals([PLACE], date(2040, 1, 1))[PLACE] == {}


def test_the_country_stands_in_for_a_region_without_figures(database):
    load(price("3.00", region=""), price("1.00", region="15"))
    assert known_signals([PLACE], date(2025, 3, 1))[PLACE]["crop_price"].value == 3.0


def test_other_figures(database):
    month = {"on": date(2025, 1, 1), "until": date(2025, 1, 31), "known_on": date(2025, 2, 1)}
    load(
        yearly("12000", 2022),
        yearly("16000", 2023),
        price("0.5", kind="rain", subject="", **month),
        price("4", kind="frost", subject="", **month),
        price("1.7", kind="el_nino", region="", subject="", **month),
        price("0.09", kind="sector_arrears", region="", subject="commerce", **month),
    )
    place = Place("08", "potato", "commerce")
    known = known_signals([place], date(2025, 3, 1))[place]
    assert {name: signal.value for name, signal in known.items()} == {
        "crop_yield_usual": 14000.0, "rain_ratio": 0.5, "frost_nights": 4.0, "el_nino": 1.7, "sector_arrears": 0.09,
    }  # fmt: skip


def test_dollars_count_at_the_rate_of_the_day_of_the_decision(database, tmp_path):
    days = ("2025-02-26,2025-02-26,3.70", "2025-02-28,2025-02-28,3.80")
    load(*read_signals(written(tmp_path, "\n".join(["kind,region,subject,on,until,value", *(
        f"usd_rate,,,{day}" for day in days)]))))  # fmt: skip
    place, facts = Place("08", "", ""), applicant("household", total_debt_usd=Decimal("500"))
    debt = feature_names("household").index("debt_to_income")

    def on(day):
        known = known_signals([place], day)[place]
        check_known(known, day)
        return feature_row("household", facts, known)[debt]

    assert on(date(2025, 2, 27)) == pytest.approx((1500 + 500 * 3.70) / 1800)
    assert on(date(2025, 2, 28)) == pytest.approx((1500 + 500 * 3.80) / 1800)
    load(price("3.90", kind="usd_rate", region="", subject="", on=date(2025, 2, 28), days=1, known_on=date(2025, 3, 3)))
    assert on(date(2025, 3, 2)) == pytest.approx((1500 + 500 * 3.80) / 1800)  # corrected later, not before
    assert on(date(2025, 3, 3)) == pytest.approx((1500 + 500 * 3.90) / 1800)
    assert np.isnan(on(date(2025, 4, 1)))  # too old to stand for the day: missing, never an old rate or none


def test_a_score_keeps_the_rate_at_which_dollars_were_counted(institution):
    register_model("household")
    rate = price("3.72", today() - timedelta(days=1), days=1, kind="usd_rate", region="", subject="")
    load(rate)
    facts = applicant("household", total_debt_usd=Decimal("900")) | {"region": "08"}
    score_applications("household", [ScoreRequest(uuid4(), facts), ScoreRequest(uuid4(), applicant("household"))])
    in_dollars, in_soles = Score.objects.order_by("created_at", "pk")
    assert in_dollars.signals["usd_rate"]["value"] == 3.72
    assert in_dollars.inputs["debt_to_income"] == pytest.approx((1500 + 900 * 3.72) / 1800, abs=1e-4)
    assert in_soles.inputs["debt_to_income"] == pytest.approx(1500 / 1800, abs=1e-4)


def test_many_places_are_one_query(database, django_assert_num_queries):
    load(*[price("1.00", region=f"{code:02d}") for code in range(1, 26)])
    with django_assert_num_queries(1):
        known = known_signals([Place(f"{code:02d}", "potato") for code in range(1, 26)], date(2025, 3, 1))
    assert all("crop_price" in signals for signals in known.values())


# --- scores -------------------------------------------------------------------------------------------------------


def test_a_score_freezes_what_it_used_and_a_later_correction_leaves_it(institution):
    register_model("farm")
    start = today() - timedelta(days=40)
    load_signals(rows=[price("1.20", start)], source="precios.csv", actor=SYSTEM)
    row = ScoreRequest(uuid4(), applicant("farm") | {"region": "08"})
    score_applications("farm", [row])
    kept = Score.objects.get()
    assert kept.signals["crop_price"] == {
        "value": 1.2, "known_on": (start + timedelta(days=30)).isoformat(), "source": "precios.csv",
    }  # fmt: skip
    load_signals(rows=[price("0.40", start, known_on=today())], source="corregidos.csv", actor=SYSTEM)
    score_applications("farm", [row, ScoreRequest(row.application_id, row.facts, 2)])
    first, second = Score.objects.order_by("attempt")
    assert first.signals == kept.signals
    assert second.signals["crop_price"]["value"] == 0.4


# --- the command --------------------------------------------------------------------------------------------------


def test_replay_is_all_or_nothing_and_names_the_rows(tmp_path, platform, capsys):
    path = written(
        tmp_path,
        "kind,region,subject,on,until,value\n"
        "price,Cusco,Papa,2025-01-01,2025-01-31,1.2\nprice,Cusco,Papa,2025-02-01,2025-02-28,9999\n",
    )
    with pytest.raises(CommandError, match=r"line 3: value: 9999 está fuera"):
        call_command("replay_signals", str(path))
    assert not Signal.objects.exists()
    call_command("replay_signals", str(path), "--skip-bad-rows", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["kept"], told["rejected"], told["errors"][0]["line"]) == (1, 1, 3)
    call_command("replay_signals", str(path), "--skip-bad-rows", "--json")
    assert json.loads(capsys.readouterr().out)["kept"] == 0
    assert Path(told["file"]) == path
