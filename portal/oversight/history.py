"""Field by field: who changed what, when, from what to what, and why.

Read from the audit entries, which carry from and to (docs/decisions/2026-11-26-field-history.md), and from the
frozen decisions, which carry their reasons in words.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django import forms
from django.core.paginator import Paginator
from django.db import models
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.audit.words import fact_words, value_words
from accounts.formats import format_money, format_percent
from accounts.models import AuditEntry
from accounts.models.people import Role
from lending.fields import MoneyField
from lending.models import Application, Decision, LendingPolicy, Parameter, ProductVersion
from lending.reasons import Reason
from portal.oversight import chain
from portal.oversight.chain import Window
from scoring.models import ScoringModel
from scoring.services.promotion import motive_hash

PER_PAGE: Final = 50
# What can be changed, and the events that tell of it.
KINDS: Final[dict[str, tuple[Any, tuple[str, ...]]]] = {
    "product": (gettext_lazy("Productos"), ("lending.product.",)),
    "policy": (gettext_lazy("Política de decisión"), ("lending.policy.",)),
    "role": (gettext_lazy("Personal y roles"), ("accounts.staff.", "accounts.api_client.")),
    "model": (gettext_lazy("Modelos"), ("scoring.model.",)),
    "application": (
        gettext_lazy("Solicitudes"),
        ("lending.application.facts_verified", "lending.application.withdrawn", "lending.application.review_requested"),
    ),
    "decision": (gettext_lazy("Decisiones"), ("lending.decision.", "lending.application.decided")),
    "institution": (gettext_lazy("Datos de la entidad"), ("accounts.institution.",)),
}
# What an application becomes by an act that says only what it was.
BECOMES: Final = {"lending.application.withdrawn": "withdrawn", "lending.application.review_requested": "referred"}
# Models whose fields the `changed` of an event names.
FIELDS_OF: Final = {"lending.product": ProductVersion, "lending.policy": LendingPolicy}


class ChangeFilters(forms.Form):
    """What kind of thing, and which days."""

    kind = forms.ChoiceField(
        label=gettext_lazy("Qué"),
        required=False,
        choices=[("", gettext_lazy("Todo")), *((code, words) for code, (words, _events) in KINDS.items())],
    )
    begins = forms.DateField(
        label=gettext_lazy("Desde"), required=False, widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )
    ends = forms.DateField(
        label=gettext_lazy("Hasta"), required=False, widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )


@dataclass(frozen=True, slots=True)
class Change:
    """One field that became another value; `before` or `after` is empty where there was none."""

    field: str
    before: str
    after: str


def entries(window: Window, filters: Mapping[str, Any]) -> QuerySet[AuditEntry]:
    """Entries that tell of changes, newest first, of one kind or of all."""
    wanted = [KINDS[filters["kind"]]] if filters.get("kind") else list(KINDS.values())
    days = {name: filters.get(name) for name in ("begins", "ends")}
    condition = models.Q()
    for _words, beginnings in wanted:
        for text in beginnings:
            # A range and not LIKE; "/" is what follows "." in ASCII.
            condition |= (
                models.Q(event__gte=text, event__lt=f"{text[:-1]}/") if text.endswith(".") else models.Q(event=text)
            )
    return chain.entries_matching(window, days).filter(condition)


def lines(found: Iterable[AuditEntry], window: Window) -> list[dict[str, Any]]:
    """The entries in words with their changes and reasons; the queries do not grow with the entries."""
    rows = list(found)
    facts = [json.loads(row.body)["facts"] for row in rows]
    reasons, motives = _reasons(rows, window), _motives(rows, window)
    told = chain.entry_lines(rows, window)
    return [
        {
            **line,
            "changes": list(changes_in(entry.event, fact)),
            "why": reasons.get(entry.subject_id) or motives.get((entry.subject_id, fact.get("reason_sha256")), ""),
        }
        for entry, line, fact in zip(rows, told, facts, strict=True)
    ]


def _reasons(rows: Iterable[AuditEntry], window: Window) -> dict[str, str]:
    """Why, in the words of whoever decided; by the decision's key."""
    keys = [row.subject_id for row in rows if row.subject_type == "lending.decision"]
    return {str(key): text for key, text in window.rows(Decision).filter(pk__in=keys).values_list("pk", "rationale")}


def _motives(rows: Iterable[AuditEntry], window: Window) -> dict[tuple[str, str], str]:
    """Why a model was put in force or taken back, by the model's key and the hash that the chain keeps of the words."""
    keys = [row.subject_id for row in rows if row.subject_type == "scoring.scoringmodel"]
    models_ = ScoringModel.objects.using(window.using).filter(pk__in=keys).values_list("pk", "motives")
    return {(str(key), motive_hash(one["reason"])): one["reason"] for key, motives in models_ for one in motives}


def changes_in(event: str, facts: Mapping[str, Any]) -> Iterator[Change]:
    """Each field that an entry says was changed."""
    model = next((model for name, model in FIELDS_OF.items() if event.startswith(name)), None)
    changed = facts.get("changed")
    if isinstance(changed, dict):
        for name, values in changed.items():
            yield Change(
                field_words(model, name), shown(model, name, values.get("from")), shown(model, name, values.get("to"))
            )
    if "before" in facts or "after" in facts:
        yield from _before_after(facts.get("before"), facts.get("after", BECOMES.get(event)))
    if event == "scoring.model.promoted":
        yield Change(_("modelo en uso"), str(facts.get("replaces") or "")[-8:], str(facts.get("name", "")))
    if event in ("lending.decision.proposed", "lending.application.decided"):
        yield Change(_("decisión"), "", _decided(facts))
    for name in facts.get("facts") or () if isinstance(facts.get("facts"), list) else ():
        yield Change(chain.fact_label(name), _("declarado"), _("verificado"))
    for name in facts.get("fields") or () if isinstance(facts.get("fields"), list) else ():
        yield Change(str(fact_words(name)), "", _("cambiado"))


def _before_after(before: Any, after: Any) -> Iterator[Change]:
    if isinstance(before, dict) or isinstance(after, dict):
        before, after = before or {}, after or {}
        for name in sorted({*before, *after}):
            if before.get(name) != after.get(name):
                yield Change(
                    str(fact_words(name)), shown(None, name, before.get(name)), shown(None, name, after.get(name))
                )
    else:
        name = _("roles") if isinstance(before, list) or isinstance(after, list) else _("estado")
        yield Change(name, _state(before), _state(after))


def _state(code: Any) -> str:
    """A state, or the roles somebody has."""
    words = dict(Application.Status.choices).get(code) if isinstance(code, str) else None
    return str(words or shown(None, "", code))


def _decided(facts: Mapping[str, Any]) -> str:
    parts = [str(value_words(str(facts.get("outcome"))))]
    if facts.get("amount"):
        parts.append(shown(None, "amount", facts["amount"]))
    if facts.get("term_months"):
        parts.append(_("%(count)s meses") % {"count": facts["term_months"]})
    parts += [Reason(code).text for code in facts.get("reason_codes") or ()]
    return ", ".join(parts)


def field_words(model: type[models.Model] | None, name: str) -> str:
    """A field's name for people."""
    field = _field(model, name)
    return str(fact_words(name)) if field is None else capfirst(str(field.verbose_name))


def shown(model: type[models.Model] | None, name: str, value: Any) -> str:
    """A value as people read it: money, percentages, yes and no, codes in words."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return _("sí") if value else _("no")
    if isinstance(value, (list, tuple)):
        return ", ".join(_role_or(str(one)) for one in value) or _("ninguno")
    field = _field(model, name)
    try:
        if isinstance(field, MoneyField) or (field is None and name == "amount"):
            return format_money(Decimal(str(value)))
        if isinstance(field, models.DecimalField):
            return format_percent(Decimal(str(value)), 2)
    except InvalidOperation:
        return str(value)
    if field is not None and getattr(field, "choices", None):
        return str(dict(field.flatchoices).get(value, value))
    if isinstance(value, (date, datetime)):
        return f"{value:%d/%m/%Y}"
    return _role_or(str(value)) if not isinstance(value, Promise) else str(value)


def _role_or(text: str) -> str:
    return str(Role(text).label) if text in Role.values else str(value_words(text))


def _field(model: type[models.Model] | None, name: str) -> Any:
    if model is None or name not in {field.name for field in model._meta.get_fields()}:
        return None
    return model._meta.get_field(name)


def legal_values(using: str) -> list[dict[str, Any]]:
    """Legal rates and limits with their norms, newest first: they are the same for every institution."""
    rows = Parameter.objects.using(using).order_by("code", "currency", "-valid_from")
    return [
        {
            "name": row.get_code_display(),
            "row": row,
            "shown": format_percent(row.value) if row.value < 3 else f"{row.value.normalize():f}",
        }
        for row in rows
    ]


def page_of(window: Window, asked: QueryDict) -> dict[str, Any]:
    """What the page of changes shows for the filters in its address."""
    form = ChangeFilters(asked)
    form.is_valid()
    found = Paginator(entries(window, form.cleaned_data), PER_PAGE).get_page(asked.get("page"))
    query = asked.copy()
    query.pop("page", None)
    return {
        "form": form,
        "page": found,
        "query": query.urlencode(),
        "lines": lines(found, window),
        "legal": legal_values(window.using),
        "status": 422 if form.errors else 200,
    }
