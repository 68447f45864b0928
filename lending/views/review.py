"""The summary before sending: every answer as people read it, and what still has to be mended."""

from dataclasses import dataclass, field

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.errors import InvalidInput
from accounts.formats import format_day, format_money
from lending.facts import FACTS, Kind, plain_number
from lending.facts.validation import duration
from lending.forms.steps import GATES, StepForm
from lending.models import Document
from lending.views.drafts import REQUEST, Draft


@dataclass
class Row:
    """One answer: its question, what was answered, where to change it, and what is wrong with it."""

    name: str
    label: str
    value: str
    url: str
    error: str = ""


@dataclass
class Block:
    """The answers of one step."""

    title: str
    url: str
    rows: list[Row] = field(default_factory=list)


class Summary:
    """Reads a draft step by step; `judge` looks for what is missing or wrong."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.errors: list[Row] = []
        self.refusals: list[str] = []
        self.blocks = [self._block(REQUEST, _("Tu pedido"))]
        for step in draft.steps[:-1]:
            name = str(step.title)
            self.blocks.append(self._documents(name) if step.name == "documents" else self._block(step.name, name))

    def judge(self) -> None:
        """Mark every answer that stands in the way of sending."""
        for step, form in self.draft.judged.items():
            for name, texts in form.errors.items():
                self._mark(step, name, str(texts[0]))

    def refuse(self, refusal: InvalidInput) -> None:
        """Mark what the service would not take."""
        for name, texts in refusal.fields.items():
            self._mark("", name, texts[0])
        if not refusal.fields:
            self.refusals.append(str(refusal.message))

    @property
    def heading(self) -> str:
        """What opens the list of errors."""
        count = len(self.errors) + len(self.refusals)
        return ngettext("Hay %(count)d respuesta por corregir", "Hay %(count)d respuestas por corregir", count) % {
            "count": count
        }

    @property
    def problems(self) -> list[dict[str, str]]:
        """The error summary's lines: each leads to its answer, in the same words."""
        lines = [{"text": row.error, "target": f"fila-{row.name}"} for row in self.errors]
        return lines + [{"text": text, "target": ""} for text in self.refusals]

    def _mark(self, step: str, name: str, text: str) -> None:
        row = next((one for block in self.blocks for one in block.rows if one.name == name), None)
        if row is None:
            self.refusals.append(text)
            return
        row.error = text
        if row not in self.errors:
            self.errors.append(row)

    def _block(self, step: str, title: str) -> Block:
        form = self.draft.judged[step]
        form.is_valid()
        url = f"{self.draft.url(step)}?from=review"
        block = Block(title, url)
        for bound in form:
            if bound.is_hidden or _not_asked(form, bound.name):
                continue
            target = bound.id_for_label or f"{bound.auto_id}_0"
            block.rows.append(Row(bound.name, str(bound.label), answer_shown(form, bound), f"{url}#{target}"))
        return block

    def _documents(self, title: str) -> Block:
        url = f"{self.draft.url('documents')}?from=review"
        kinds = list(
            Document.objects.filter(application_id=self.draft.application.pk)
            .order_by("uploaded_at")
            .values_list("kind", flat=True)
        )
        names = [str(Document.Kind(kind).label) for kind in dict.fromkeys(kinds)]
        shown = ", ".join(names) if names else _("Ninguno todavía. Puedes enviarla así y traerlos después.")
        return Block(title, url, [Row("documents", _("Papeles y fotos"), shown, url)])


def answer_shown(form: StepForm, bound: forms.BoundField) -> str:
    """One answer in words; what can't be read is shown as it was typed."""
    if bound.name not in form.cleaned_data:
        typed = bound.data
        return str(typed)[:80] if typed not in (None, "", False) and isinstance(typed, str) else _("Sin respuesta")
    value = form.cleaned_data[bound.name]
    if isinstance(bound.field, forms.BooleanField):
        return _("Sí") if value else _("No")
    if value is None or value == "":
        return _("Sin respuesta")
    choices = dict(getattr(bound.field, "choices", []) or [])
    if str(value) in choices or bound.data in choices:
        return str(choices.get(str(value), choices.get(bound.data)))
    fact = FACTS.get(bound.name)
    if fact is None:
        return format_day(value) if hasattr(value, "year") else str(value)
    if fact.kind is Kind.MONEY:
        return f"{format_money(value)} {fact.suffix}".strip()
    if fact.kind is Kind.DURATION:
        return duration(int(value))
    return f"{plain_number(value)} {fact.suffix}".strip()


def _not_asked(form: StepForm, name: str) -> bool:
    """Whether a question stands behind a gate that was answered with no, or not at all."""
    gate = next((one for one in GATES if name in one.facts), None)
    return gate is not None and gate.name in form.fields and form.cleaned_data.get(gate.name) != "yes"
