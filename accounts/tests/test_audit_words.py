"""Whatever is recorded can be read by a person."""

import ast
from pathlib import Path

import pytest
from django.conf import settings

from accounts.audit import words
from accounts.audit.verify import EXPLANATIONS

CODE = [
    path
    for app in ("accounts", "scoring", "lending", "portal")
    for path in sorted((Path(settings.BASE_DIR) / app).rglob("*.py"))
    if "tests" not in path.parts and path.name != "words.py"
]
RECORDERS = {"record", "_record", "record_many"}


def event_literals(tree: ast.AST) -> set[str]:
    """Dotted event names in calls of audit.record, and what a variable passed to one may hold in that function."""
    found: set[str] = set()
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        calls = [
            node
            for node in ast.walk(function)
            if isinstance(node, ast.Call)
            and (node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")) in RECORDERS
        ]
        for call in calls:
            for argument in call.args[1:3]:
                found |= {
                    node.value
                    for node in ast.walk(argument)
                    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.count(".") == 2
                }
    return found


def fact_literals(tree: ast.AST) -> set[str]:
    """Names of the facts that calls of audit.record name."""
    return {
        keyword.arg
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "record"
        for keyword in node.keywords
        if keyword.arg
    }


def recorded_events() -> set[str]:
    return {event for path in CODE for event in event_literals(ast.parse(path.read_text(encoding="utf-8")))}


def _begins_a_known_one(event: str) -> bool:
    """`lending.prepayment.` of an f-string that ends in a status."""
    return event.endswith(".") and any(known.startswith(event) for known in words.EVENTS)


def test_every_recorded_event_has_words():
    assert len(recorded_events()) > 20
    missing = {event for event in recorded_events() - set(words.EVENTS) if not _begins_a_known_one(event)}
    assert missing == set(), "add them to accounts/audit/words.py"


def test_every_recorded_fact_has_words():
    names = {name for path in CODE for name in fact_literals(ast.parse(path.read_text(encoding="utf-8")))}
    assert len(names) > 80
    assert {name for name in names if name not in words.FACTS and words.fact_words(name) == name} == set()


def test_values_that_are_choices_of_a_model_are_read_in_words():
    assert words.value_words("referred") == "En evaluación"
    assert words.value_words("bureau") == "Consultar la central de riesgos"
    assert words.value_words("04") == "04"


def test_every_event_belongs_to_an_area_that_can_be_filtered():
    platform = {
        "accounts.operator",
        "accounts.mandate",
        "accounts.membership",
        "accounts.applicant",
        "accounts.subject_key",
    }
    for event in words.EVENTS:
        area = event.rpartition(".")[0]
        assert area in platform or any(f"{area}.".startswith(f"{known}.") for known in words.AREAS), event


def test_every_reason_has_words_for_pages_and_for_the_command():
    assert set(words.REASONS) == set(EXPLANATIONS)


@pytest.mark.parametrize(
    ("code", "text"),
    [("lending.application.submitted", "Solicitud enviada"), ("lending.loan.forgotten", "lending.loan.forgotten")],
)
def test_an_event_in_words(code, text):
    assert words.event_words(code) == text


def test_a_subject_in_words():
    assert words.subject_words("lending.application") == "Solicitud"
    assert words.subject_words("nothing.known") == "nothing.known"
    assert words.subject_words("nothing") == "nothing"
