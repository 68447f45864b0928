import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from lending.schedules.contract import answer, answer_line, read_request, write_request

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs/schedules.schema.json").read_text(encoding="utf-8"))
EXAMPLES = [json.loads(line) for line in (ROOT / "docs/schedules.examples.jsonl").read_text("utf-8").splitlines()]
ANSWER = Draft202012Validator({**SCHEMA["$defs"]["answer"], "$defs": SCHEMA["$defs"]})
REQUEST = Draft202012Validator({**SCHEMA["$defs"]["request"], "$defs": SCHEMA["$defs"]})
DAY = "2026-12-11"
SIMPLE = {"principal": "3000.00", "annual_rate_pct": "36.90", "installments": 2, "disbursement_date": "2026-11-21"}


@pytest.fixture(autouse=True)
def spanish():
    with translation.override("es"):
        yield


def ask(**changes):
    return json.loads(answer_line(json.dumps({**SIMPLE, **changes})))


@pytest.mark.parametrize("example", EXAMPLES, ids=[example["about"] for example in EXAMPLES])
def test_the_examples_of_the_documentation_are_true(example):
    assert json.loads(answer_line(json.dumps(example["request"]))) == example["answer"]
    ANSWER.validate(example["answer"])
    assert REQUEST.is_valid(example["request"]) == ("error" not in example["answer"])


@pytest.mark.parametrize(
    "example", [one for one in EXAMPLES if "error" not in one["answer"]], ids=lambda one: one["about"]
)
def test_terms_are_written_as_they_are_read(example):
    terms, _events, rules = read_request(example["request"])
    written = json.loads(json.dumps(write_request(terms, rules)))
    assert REQUEST.is_valid(written)
    assert read_request(written) == (terms, [], rules)


def test_numbers_are_read_exactly_and_ids_come_back():
    exact = json.loads(answer_line('{"id": 7, "principal": 3000.10, "annual_rate_pct": 36.9, "installments": 2,'
                                   ' "disbursement_date": "2026-11-21"}'))  # fmt: skip
    assert exact["id"] == 7
    assert exact["totals"]["principal"] == "3000.10"
    assert ask(id="a", principal="x")["id"] == "a"


@pytest.mark.parametrize(("field", "changes"), [
    ("principal", {"principal": "98O"}),
    ("principal", {"principal": "3,000.00"}),
    ("principal", {"principal": "-1"}),
    ("principal", {"principal": "0"}),
    ("principal", {"principal": "1" + "0" * 18}),
    ("principal", {"principal": None}),
    ("principal", {"principal": True}),
    ("principal", {"principal": []}),
    ("principal", {"principal": "NaN"}),
    ("principal", {"principal": "😀"}),
    ("annual_rate_pct", {"annual_rate_pct": "Infinity"}),
    ("annual_rate_pct", {"annual_rate_pct": "-5"}),
    ("annual_rate_pct", {"annual_rate_pct": "1e3"}),
    ("installments", {"installments": 2.5}),
    ("installments", {"installments": 0}),
    ("installments", {"installments": "many"}),
    ("disbursement_date", {"disbursement_date": "21/11/2026"}),
    ("disbursement_date", {"disbursement_date": "2026-02-30"}),
    ("disbursement_date", {"disbursement_date": 20261121}),
    ("first_due_date", {"first_due_date": "2026-11-20"}),
    ("rate_type", {"rate_type": "magic"}),
    ("days_in_year", {"days_in_year": 361}),
    ("holidays", {"holidays": "CL"}),
    ("holidays", {"holidays": ["yesterday"]}),
    ("rest_days", {"rest_days": ["someday"]}),
    ("rounding_mode", {"rounding_mode": "DOWN"}),
    ("currency", {"currency": "soles"}),
    ("colour", {"colour": 1}),
    ("insurance", {"insurance": "yes"}),
    ("insurance.monthly_rate", {"insurance": {}}),
    ("insurance.in_installment", {"insurance": {"monthly_rate": "0.1", "in_installment": "no"}}),
    ("insurance.rate", {"insurance": {"monthly_rate": "0.1", "rate": 1}}),
    ("fees", {"fees": "10"}),
    ("fees.when", {"fees": [{"amount": "10"}]}),
    ("fees", {"fees": [{"when": "per_installment"}]}),
    ("plan.date", {"plan": [{"pct": "100"}]}),
    ("allocation_order", {"allocation_order": ["interest"]}),
    ("prepayment_strategy", {"prepayment_strategy": "hope"}),
    ("events.type", {"events": [{"date": "2026-12-01"}]}),
    ("events", {"events": [{"type": "payoff", "date": "2026-11-01"}]}),
    ("events", {"events": [5]}),
    ("decimals", {"decimals": -1_000_000}),
    ("principal", {"principal": "٣٠٠٠"}),
    ("annual_rate_pct", {"annual_rate_pct": "10000", "repay_every": 366}),
    ("annual_rate_pct", {"annual_rate_pct": "10000", "installments": 1, "first_due_date": "2300-01-01"}),
    ("plan", {"plan": [{"date": "2027-01-01", "amount": "1000.001"}, {"date": "2027-02-01", "pct": "50"}]}),
    ("events.annual_rate_pct", {"events": [{"type": "charge", "date": DAY, "amount": "1", "annual_rate_pct": "9"}]}),
    ("events.strategy", {"events": [{"type": "payoff", "date": DAY, "strategy": "advance_installments"}]}),
    ("events.part", {"events": [{"type": "repayment", "date": DAY, "amount": "1", "part": "interest"}]}),
    ("events.installments", {"events": [{"type": "reschedule", "date": DAY, "installments": 0}]}),
    ("events.installments", {"events": [{"type": "reschedule", "date": DAY, "installments": 5000}]}),
    ("events.first_due_date", {"events": [{"type": "reschedule", "date": DAY, "first_due_date": "2026-12-01"}]}),
    ("events.annual_rate_pct", {"events": [{"type": "rate_change", "date": DAY, "annual_rate_pct": "10001"}]}),
    ("moratory_rate_pct", {"moratory_rate_pct": "10000", "events": [
        {"type": "repayment", "date": "2300-01-01", "amount": "1"},
    ]}),
])  # fmt: skip
def test_a_bad_field_is_named_and_explained(field, changes):
    result = ask(**changes)
    assert result["error"]["field"] == field
    assert result["error"]["message"]
    ANSWER.validate(result)


def test_the_schema_refuses_what_no_kind_of_event_counts():
    for fields in ({"type": "charge", "amount": "1", "part": "fees"}, {"type": "waiver", "amount": "1"}):
        request = {**SIMPLE, "events": [{"date": DAY, **fields}]}
        assert not REQUEST.is_valid(request)
        assert "error" in answer(request)
    assert REQUEST.is_valid({**SIMPLE, "installments": "2", "days_in_year": "365"})
    assert ask(installments="2", days_in_year="365") == ask(days_in_year=365)


def test_a_field_said_twice_is_refused_by_its_name():
    line = json.dumps(SIMPLE)[:-1] + ', "fees": [{"when": "per_installment", "pct": 1, "pct": 2}]}'
    assert json.loads(answer_line(line))["error"]["field"] == "pct"
    assert json.loads(answer_line(json.dumps(SIMPLE)[:-1] + ', "principal": 1}'))["error"]["field"] == "principal"


def test_whatever_comes_back_is_json_that_can_be_written():
    """Half a character, which UTF-8 cannot hold, and numbers as they came."""
    line = answer_line(json.dumps({**SIMPLE, "id": "\ud800", "colour\udfff": 1}))
    assert json.loads(line.encode()) == {
        "id": "\ud800", "error": {"field": "colour\udfff", "message": "No conocemos este dato"},
    }  # fmt: skip
    assert ask(id=1.5)["id"] == 1.5
    assert json.loads(answer_line('{"id": 1e400}'))["id"] == "1E+400"


@pytest.mark.parametrize("line", [
    "", "nonsense", "[]", "null", "3", '"text"', "{", "[" * 100_000, '{"principal": 1' + "0" * 10_000 + "}",
    "\ufffd\ufffd",
])  # fmt: skip
def test_a_bad_line_is_answered_too(line):
    assert json.loads(answer_line(line))["error"]["message"]


def test_not_a_number_is_told_by_its_field():
    line = '{"principal": NaN, "annual_rate_pct": 1, "installments": 1, "disbursement_date": "2026-01-01"}'
    assert json.loads(answer_line(line))["error"]["field"] == "principal"
    huge = '{"principal": 1, "annual_rate_pct": 1e1000000, "installments": 1, "disbursement_date": "2026-01-01"}'
    assert json.loads(answer_line(huge))["error"]["field"] == "annual_rate_pct"


def test_messages_are_in_the_readers_language():
    assert ask(principal="98O")["error"]["message"] == 'Debe ser un número, por ejemplo "3000.50"'


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(sorted(SCHEMA["$defs"]["request"]["properties"]))


@given(st.dictionaries(names, json_values, max_size=3))
def test_any_request_gets_a_schedule_or_an_error(changes):
    ANSWER.validate(answer({**SIMPLE, **changes}))


def test_the_command_answers_line_by_line_without_database_or_servers(tmp_path):
    lines = [json.dumps(SIMPLE), "nonsense", json.dumps({**SIMPLE, "niño 😀": "\ud800"}), json.dumps(SIMPLE)]
    nowhere = {"AYNI_LOCAL": str(tmp_path / "local"), "DATABASE_URL": "", "REDIS_URL": ""}
    done = subprocess.run(
        [sys.executable, "manage.py", "simulate_schedule"], input="\n".join(lines) + "\n", cwd=ROOT,
        env={**os.environ, **nowhere, "PYTHONIOENCODING": "ascii"}, encoding="utf-8",
        capture_output=True, timeout=120, check=True,
    )  # fmt: skip
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [set(answer) for answer in answers[1:3]] == [{"error"}, {"error"}]
    assert answers[0] == answers[3] == answer(SIMPLE)
    assert not [path for path in tmp_path.rglob("*") if {"postgres", "redis"} & set(path.parts)]
