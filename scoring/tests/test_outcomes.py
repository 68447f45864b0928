"""Outcomes, and rows to learn from that never see past their own day."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from unittest.mock import ANY
from uuid import uuid4

import numpy as np
import pytest

from accounts.actors import Actor
from accounts.errors import InvalidInput, NotAllowed
from accounts.models import AuditEntry
from accounts.tenancy.scope import institution_scope
from scoring import labelled
from scoring.features import feature_names
from scoring.labelled import LeakFound, labelled_frame, refuse_leaks
from scoring.models import Outcome, Score
from scoring.services.outcomes import LoanOutcome, record_outcomes
from scoring.tests.factories import register_model

START, TODAY = date(2025, 1, 15), date(2026, 11, 26)


@pytest.fixture
def system(institution):
    return Actor.system("test", institution_id=institution.pk)


@pytest.fixture
def model(institution):
    return register_model("household", institution)


def loan(**changes):
    told = {"application_id": uuid4(), "segment": "household", "started_on": START, "observed_until": TODAY}
    return LoanOutcome(**{**told, **changes})


def scored(model, key, on, attempt=1, signals=None, **inputs):
    """A score frozen at noon of a day."""
    return Score.objects.create(
        application_id=key,
        attempt=attempt,
        segment="household",
        model=model,
        model_sha256=model.sha256,
        pd=Decimal("0.05"),
        score=700,
        base_points=700,
        reasons=[],
        inputs=inputs,
        signals=signals or {},
        created_at=datetime(on.year, on.month, on.day, 17, tzinfo=UTC),
    )


# --- recording ----------------------------------------------------------------------------------------------------


def test_what_is_known_only_grows(institution, system):
    one = loan(observed_until=date(2025, 6, 1))
    assert record_outcomes(outcomes=[one], actor=system) == 1
    assert record_outcomes(outcomes=[one], actor=system) == 0
    late = loan(application_id=one.application_id, first_late_on=date(2025, 8, 1), observed_until=date(2025, 8, 2))
    assert record_outcomes(outcomes=[late], actor=system) == 1
    cured = loan(application_id=one.application_id, observed_until=date(2025, 7, 1))
    assert record_outcomes(outcomes=[cured], actor=system) == 0
    kept = Outcome.objects.get()
    assert (kept.first_late_on, kept.observed_until) == (date(2025, 8, 1), date(2025, 8, 2))
    entries = [json.loads(entry.body) for entry in AuditEntry.objects.all()]
    told = [entry["facts"] for entry in entries if entry["event"] == "scoring.outcomes.recorded"]
    assert told == [{"count": 1, "days_late": 90}] * 2


def test_ten_thousand_loans_are_a_handful_of_statements(institution, system, django_assert_max_num_queries):
    with django_assert_max_num_queries(8):
        assert record_outcomes(outcomes=[loan() for _ in range(10_000)], actor=system) == 10_000


def test_impossible_dates_keep_nothing(institution, system):
    for wrong in (
        loan(observed_until=START - timedelta(days=1)),
        loan(first_late_on=START - timedelta(days=1)),
        loan(first_late_on=TODAY + timedelta(days=1)),
    ):
        with pytest.raises(InvalidInput, match=str(wrong.application_id)):
            record_outcomes(outcomes=[loan(), wrong], actor=system)
    twice = loan()
    with pytest.raises(InvalidInput):
        record_outcomes(outcomes=[twice, twice], actor=system)
    with pytest.raises(InvalidInput):
        record_outcomes(outcomes=[loan(segment="planet")], actor=system)
    assert not Outcome.objects.exists()


def test_people_do_not_write_outcomes_by_hand(institution, analyst, manager):
    for actor in (analyst, manager):
        with pytest.raises(NotAllowed):
            record_outcomes(outcomes=[loan()], actor=actor)


def test_another_institution_sees_none(institution, other_institution, system):
    record_outcomes(outcomes=[loan()], actor=system)
    with institution_scope(other_institution.pk):
        assert not Outcome.objects.exists()
        assert labelled_frame("household", as_of=TODAY).empty


# --- labels -------------------------------------------------------------------------------------------------------


def labels(model, system, loans, **how):
    for one in loans:
        scored(model, one.application_id, one.started_on)
    record_outcomes(outcomes=loans, actor=system, days_late=how.get("days_late", 90))
    frame = labelled_frame("household", **{"as_of": TODAY, **how})
    return dict(zip(frame["application_id"], frame["default"], strict=True))


def test_ninety_days_within_twelve_months(model, system):
    fine = loan()
    within = loan(first_late_on=date(2026, 1, 15))
    after = loan(first_late_on=date(2026, 1, 16))
    unseen = loan(observed_until=date(2025, 9, 1))  # nobody looked long enough
    young = loan(started_on=date(2025, 11, 27), first_late_on=date(2026, 5, 1))  # a year has not passed
    found = labels(model, system, [fine, within, after, unseen, young])
    assert found == {str(fine.application_id): 0, str(within.application_id): 1, str(after.application_id): 0}


def test_the_horizon_and_the_days_are_chosen(model, system):
    late = loan(first_late_on=date(2025, 8, 1))
    assert labels(model, system, [late], months=6) == {str(late.application_id): 0}
    assert labelled_frame("household", as_of=TODAY, months=7)["default"].tolist() == [1]
    assert labelled_frame("household", as_of=TODAY, days_late=30).empty


def test_as_of_a_day_only_what_was_mature_then(model, system):
    one = loan(first_late_on=date(2025, 8, 1))
    labels(model, system, [one])
    assert labelled_frame("household", as_of=date(2026, 1, 14)).empty
    assert len(labelled_frame("household", as_of=date(2026, 1, 15))) == 1


# --- leaks --------------------------------------------------------------------------------------------------------


def test_a_planted_leak_is_not_seen(model, system):
    """A score made after the loan had failed knows of the delay; the row keeps what was known when it began."""
    one = loan(first_late_on=date(2025, 8, 1))
    scored(model, one.application_id, START - timedelta(days=3), attempt=1, debt_service=0.10)
    scored(model, one.application_id, START, attempt=2, debt_service=0.15)
    scored(model, one.application_id, date(2025, 9, 1), attempt=3, debt_service=1.5)  # the leak
    record_outcomes(outcomes=[one], actor=system)
    frame = labelled_frame("household", as_of=TODAY)
    assert frame["feature.debt_service"].tolist() == [0.15]
    assert {name for name in frame if name.startswith("feature.")} == {
        f"feature.{name}" for name in feature_names("household")
    }


def test_a_loan_scored_only_after_it_began_has_no_row(model, system):
    one = loan()
    scored(model, one.application_id, START + timedelta(days=1))
    record_outcomes(outcomes=[one], actor=system)
    assert labelled_frame("household", as_of=TODAY).empty


def test_a_score_that_froze_a_signal_of_the_future_is_refused(model, system):
    one = loan()
    ahead = {"usd_rate": {"value": 3.7, "known_on": "2025-02-01", "source": "x"}}
    scored(model, one.application_id, START, signals=ahead)
    record_outcomes(outcomes=[one], actor=system)
    with pytest.raises(LeakFound, match="usd_rate"):
        labelled_frame("household", as_of=TODAY)


def test_the_guard_itself_catches_a_later_score(model, system, monkeypatch):
    """Were the statement ever to pick a later score, the frame would refuse to be."""
    one = loan()
    scored(model, one.application_id, START + timedelta(days=30))
    record_outcomes(outcomes=[one], actor=system)
    blind = labelled.MATURE.replace("AND (s.created_at AT TIME ZONE 'America/Lima')::date <= o.started_on", "")
    assert blind != labelled.MATURE
    monkeypatch.setattr(labelled, "MATURE", blind)
    with pytest.raises(LeakFound, match="«score» en 1 filas"):
        labelled_frame("household", as_of=TODAY)


def test_absent_days_are_no_leak():
    days = np.array(["NaT", "2025-01-01"], dtype="datetime64[D]")
    refuse_leaks({"a": days}, np.array(["2025-01-01"] * 2, dtype="datetime64[D]"))
    with pytest.raises(LeakFound):
        refuse_leaks({"a": days}, np.array(["2025-01-01", "2024-12-31"], dtype="datetime64[D]"))


def test_the_columns_say_when_and_what_was_predicted(model, system):
    one = loan(group="mi-negocio")
    scored(model, one.application_id, START)
    record_outcomes(outcomes=[one], actor=system)
    (row,) = labelled_frame("household", as_of=TODAY).to_dict("records")
    assert (row["decided_on"].date(), row["group"], row["pd"]) == (START, "mi-negocio", 0.05)
    assert row == {**row, "application_id": str(one.application_id), "default": 0.0, "decided_on": ANY}
