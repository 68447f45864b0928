"""Extracts in which nobody stands alone, with the risk stated."""

import csv
import json
import random
from collections import Counter
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import AuditEntry
from lending.models import Applicant
from lending.research import STEPS, anonymised, decade, zone

PERSON = st.tuples(
    st.sampled_from(["household", "farm"]),
    st.sampled_from(["08", "15", "16", "21"]),
    st.integers(18, 80),
    st.sampled_from(["2025-T4", "2026-T1", "2026-T2"]),
)


@given(st.lists(PERSON, max_size=120), st.integers(5, 12))
@settings(max_examples=60, deadline=None)
def test_every_group_has_at_least_k_and_nobody_is_lost_or_doubled(people, k):
    found = anonymised([(one, (number,)) for number, one in enumerate(people)], k)
    sizes = Counter(row[:4] for row in found.rows)
    assert all(size >= k for size in sizes.values())
    assert len(found.rows) + found.suppressed == len(people)
    assert len({row[4] for row in found.rows}) == len(found.rows)
    assert found.highest_risk <= 1 / k
    assert found.average_risk <= found.highest_risk or not found.rows


def test_each_step_says_less_than_the_one_before():
    chance = random.Random(7)
    people = [
        (chance.choice(["household", "farm"]), f"{chance.randint(1, 25):02d}", chance.randint(18, 80), "2026-T1")
        for _ in range(400)
    ]
    counts = [len({step(one) for one in people}) for step in STEPS]
    assert counts == sorted(counts, reverse=True)


def test_bands():
    assert [decade(age) for age in (18, 29, 30, 59, 60, 91)] == ["18-29", "18-29", "30-39", "50-59", "60+", "60+"]
    assert [zone(code) for code in ("15", "08", "16")] == ["costa", "sierra", "selva"]


def test_too_small_a_group_is_refused():
    with pytest.raises(ValueError, match="5 or more"):
        anonymised([], 4)


@pytest.mark.django_db
def test_the_command_leaves_out_who_asked_to_be_blocked(institution, assessed, tmp_path, capsys, settings):
    settings.MEDIA_ROOT = str(tmp_path)
    applications = [assessed("household") for _ in range(6)]
    file = tmp_path / "extract.csv"
    arguments: list[Any] = [
        "--institution",
        "qori",
        "--from",
        "2020-01-01",
        "--k",
        "5",
        "--output",
        str(file),
        "--json",
    ]
    call_command("research_extract", *arguments)
    report = json.loads(capsys.readouterr().out)
    assert (report["rows"], report["suppressed"], report["highest_risk"]) == (6, 0, round(1 / 6, 4))
    rows = list(csv.reader(file.read_text(encoding="utf-8-sig").splitlines()))
    assert len(rows) == 7
    text = file.read_text()
    assert applications[0].applicant.full_name not in text
    assert str(applications[0].pk) not in text
    Applicant.objects.filter(pk=applications[0].applicant_id).update(restricted_at="2026-11-01T00:00Z")
    Applicant.objects.filter(pk=applications[1].applicant_id).update(restricted_at="2026-11-01T00:00Z")
    call_command("research_extract", *arguments)
    assert json.loads(capsys.readouterr().out)["rows"] == 0
    assert AuditEntry.objects.filter(event="lending.research.exported").count() == 2
    with pytest.raises(CommandError, match="protects nobody"):
        call_command("research_extract", *[one if one != "5" else "2" for one in arguments])


@pytest.mark.django_db
def test_the_page_states_the_risk_before_it_gives_the_file(institution, assessed, client_as, tmp_path, settings):
    settings.MEDIA_ROOT = str(tmp_path)
    for _ in range(5):
        assessed("household")
    browser = client_as("manager")
    period = "begins=2020-01-01&ends=2030-01-01&k=5"
    page = browser.get(f"/i/qori/desk/research/?{period}").content.decode()
    assert "20.0%" in page
    assert len(b"".join(browser.get(f"/i/qori/desk/research/?{period}&format=csv").streaming_content).splitlines()) == 6
    assert browser.get("/i/qori/desk/research/?begins=2020-01-01&ends=2030-01-01&k=2").status_code == 422
