"""Declared facts checked as a whole, stored as JSON, and shown."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.errors import InvalidInput
from accounts.formats import format_money
from lending.facts.dictionary import FACTS, SEGMENTS, facts_of
from lending.facts.fact import Fact, Kind, Refused, Value, plain_number

_DECIMAL_KINDS = frozenset({Kind.MONEY, Kind.DECIMAL, Kind.SHARE})


def validate(segment: str, facts: Mapping[str, Any]) -> dict[str, Value]:
    """The answered facts of a segment, cleaned; an unanswered one (None, empty) is left out.

    Money is soles per month, whatever the forms ask. Raises InvalidInput with every message by fact:
    unknown names, facts of another segment, values outside their limits, answers that contradict each
    other, and the amount and term when they are missing.
    """
    if segment not in SEGMENTS:
        raise InvalidInput(fields={"segment": [_("Elige casa, negocio o campo")]})
    known = {fact.name: fact for fact in facts_of(segment)}
    errors: dict[str, list[str]] = {}
    cleaned: dict[str, Value] = {}
    for name in facts:
        if name not in known:
            text = _("Este dato no se pide para este crédito") if name in FACTS else _("Este dato no existe")
            errors[str(name)[:60]] = [text]
    for name, fact in known.items():
        try:
            value = fact.clean(facts.get(name), segment)
        except Refused as refusal:
            errors[name] = [refusal.message]
            continue
        if value is not None:
            cleaned[name] = value
        elif fact.required:
            errors[name] = [fact.missing_message]
    errors |= {name: texts for name, texts in contradictions(cleaned).items() if name not in errors}
    if errors:
        raise InvalidInput(fields=errors)
    return cleaned


def contradictions(facts: Mapping[str, Any]) -> dict[str, list[str]]:
    """Answers that cannot both be true, by the fact that should be looked at first."""
    found: dict[str, list[str]] = {}
    owes = [facts.get(name) or 0 for name in ("total_debt", "other_installments")]
    if facts.get("creditors") == 0 and any(amount > 0 for amount in owes):
        found["creditors"] = [_("Dices que no le debes a nadie, pero escribiste deudas o cuotas")]
    if facts.get("past_loans") == 0 and (facts.get("worst_delay_days") or 0) > 0:
        found["worst_delay_days"] = [_("Dices que no has tenido préstamos, pero escribiste un atraso")]
    return found


def to_json(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts for storage, in the dictionary's order: decimals as text, everything else as it is."""
    return {
        name: f"{facts[name]:.2f}" if isinstance(facts[name], Decimal) else facts[name]
        for name in FACTS
        if facts.get(name) is not None
    }


def from_json(data: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as `to_json` stored them."""
    return {
        name: Decimal(value) if name in FACTS and FACTS[name].kind in _DECIMAL_KINDS else value
        for name, value in data.items()
        if value is not None
    }


def shown(fact: Fact, value: Any, segment: str) -> str:
    """A kept value as people read it: `S/ 6,283.33 por mes`, `2 años y 3 meses`, `Papa`."""
    if value is None:
        return _("Sin respuesta")
    if fact.kind is Kind.MONEY:
        per = _("por mes") if fact.asked_per in ("week", "year") else str(fact.suffix)
        return f"{format_money(value)} {per}".strip()
    if fact.kind is Kind.YESNO:
        return _("Sí") if value else _("No")
    if fact.kind in (Kind.CHOICE, Kind.MONTH):
        return str(fact.options(segment).get(str(value), value))
    if fact.kind is Kind.DURATION:
        return duration(int(value))
    if fact.kind is Kind.SHARE:
        return f"{plain_number(Decimal(value) * 10)} {fact.suffix}"
    return f"{plain_number(value)} {fact.suffix}".strip()


def duration(months: int) -> str:
    """`2 años y 3 meses`, `8 meses`."""
    years, rest = divmod(months, 12)
    in_years = ngettext("%(count)s año", "%(count)s años", years) % {"count": years}
    in_months = ngettext("%(count)s mes", "%(count)s meses", rest) % {"count": rest}
    if not years:
        return in_months
    return in_years if not rest else _("%(years)s y %(months)s") % {"years": in_years, "months": in_months}
