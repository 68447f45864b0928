"""The one dictionary of declared facts: what forms ask, the API takes, features read and officers verify.

Pure. Money is soles per month as Decimal (balances and campaigns excepted); an unanswered fact is absent.
"""

from lending.facts.dictionary import FACTS, SEGMENTS, STEPS, Step, facts_of, step_of
from lending.facts.fact import MONTHS, Fact, Kind, Per, Refused, plain_number
from lending.facts.validation import from_json, shown, to_json, validate

__all__ = [
    "FACTS",
    "MONTHS",
    "SEGMENTS",
    "STEPS",
    "Fact",
    "Kind",
    "Per",
    "Refused",
    "Step",
    "facts_of",
    "from_json",
    "plain_number",
    "shown",
    "step_of",
    "to_json",
    "validate",
]
