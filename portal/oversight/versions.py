"""Two versions side by side: a product's terms, the decision policy, a segment's model."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django import forms
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.formats import format_day
from lending.models import LendingPolicy, Product, ProductVersion
from portal.oversight.chain import Window
from portal.oversight.history import field_words, shown
from scoring.models import ScoringModel, Segment

HIDDEN: Final = frozenset(  # who, when and which: said above the columns
    {"id", "institution", "product", "number", "status", "created_by", "created_at"}
    | {"published_by", "published_at", "published_on", "withdrawn_on"}
)
FIGURES: Final = ("auc", "gini", "ks", "brier")


@dataclass(frozen=True, slots=True)
class Version:
    """One version that can be compared: its key in the address, its name, and its fields in words."""

    key: str
    name: str
    since: datetime | None
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """One field in both versions."""

    label: str
    left: str
    right: str

    @property
    def differs(self) -> bool:
        return self.left != self.right


def things(window: Window) -> list[tuple[str, str]]:
    """(code, name) of everything that has versions here."""
    products = window.rows(Product).order_by("name").values_list("pk", "name")
    named = [(f"product:{key}", _("Producto %(name)s") % {"name": name}) for key, name in products]
    models_of = [(f"model:{code}", _("Modelo de %(segment)s") % {"segment": label}) for code, label in Segment.choices]
    return [("policy", _("Política de decisión")), *named, *models_of]


def versions_of(window: Window, thing: str) -> list[Version]:
    """Its versions, newest first; empty for something unknown."""
    kind, _colon, key = thing.partition(":")
    if kind == "policy":
        rows = window.rows(LendingPolicy).order_by("-number")
        return [_version(row, _("Versión %(n)s") % {"n": row.number}, row.created_at) for row in rows]
    if kind == "product":
        rows = window.rows(ProductVersion).filter(product_id__in=_uuid(key)).order_by("-number")
        return [
            _version(row, _("Versión %(n)s, %(state)s") % {"n": row.number, "state": row.get_status_display().lower()},
                     row.published_at or row.created_at)
            for row in rows
        ]  # fmt: skip
    return [_model(row) for row in models_in_use(window, key)]


def models_in_use(window: Window, segment: str) -> Iterable[ScoringModel]:
    """Models of a segment that the institution has used or may use: its own and the shared ones, newest first."""
    mine = ScoringModel.objects.using(window.using).filter(
        Q(institution_id=window.institution.pk) | Q(institution=None), segment=segment
    )
    return mine.select_related("dataset").order_by("-trained_at")


def _uuid(text: str) -> list[str]:
    return [text] if len(text) == 36 and not set(text) - set("0123456789abcdef-") else []


def _version(row: models.Model, name: str, since: datetime | None) -> Version:
    fields = {
        field_words(type(row), field.name): shown(type(row), field.name, getattr(row, field.name))
        for field in row._meta.concrete_fields
        if field.name not in HIDDEN
    }
    return Version(str(row.pk), name, since, fields)


def _model(row: ScoringModel) -> Version:
    """Through the model's own figures; parameters and features as they were when it was trained."""
    fields = {
        _("Estado"): row.get_status_display(),
        _("Algoritmo"): row.algorithm,
        _("Datos"): f"{row.dataset} ({row.dataset.rows:,})",
        _("Huella de los datos"): row.dataset.sha256[:16],
        _("Huella del modelo"): row.sha256[:16],
        **{name.upper(): f"{row.metrics[name]:.4f}" for name in FIGURES if isinstance(row.metrics.get(name), float)},
        _("Variables"): str(len(row.feature_set.get("names", row.feature_set.get("features", ())))),
        **{
            str(name): str(value)[:80]
            for name, value in sorted(row.parameters.items())
            if not isinstance(value, (dict, list))
        },
    }
    name = _("%(name)s, %(state)s") % {"name": row.name, "state": row.get_status_display().lower()}
    return Version(str(row.pk), name, row.promoted_at or row.trained_at, fields)


def side_by_side(left: Version, right: Version) -> list[Row]:
    """Every field of both, in the left one's order."""
    names = [*left.fields, *(name for name in right.fields if name not in left.fields)]
    return [Row(name, left.fields.get(name, ""), right.fields.get(name, "")) for name in names]


class VersionChoice(forms.Form):
    """What to compare, and which two of its versions."""

    what = forms.ChoiceField(label=gettext_lazy("Qué comparar"))
    a = forms.ChoiceField(label=gettext_lazy("Antes"))
    b = forms.ChoiceField(label=gettext_lazy("Después"))

    def __init__(self, known: Sequence[tuple[str, str]], found: Sequence[Version], chosen: dict[str, Any]) -> None:
        super().__init__(initial=chosen)
        names = [(version.key, _named(version)) for version in found]
        for name, choices in (("what", known), ("a", names), ("b", names)):
            self.fields[name].choices = choices  # type: ignore[attr-defined]


def compared(window: Window, chosen: Mapping[str, str]) -> dict[str, Any]:
    """What the page shows: the things, the versions of the chosen one, and two of them side by side.

    Without a choice: the policy, the newest version beside the one before it.
    """
    known = things(window)
    thing = chosen.get("what", "")
    thing = thing if thing in dict(known) else known[0][0]
    found = versions_of(window, thing)
    right = _chosen(found, chosen.get("b"), 0)
    left = _chosen(found, chosen.get("a"), 1)
    rows = side_by_side(left, right) if left and right else []
    return {
        "form": VersionChoice(known, found, {"what": thing, "a": left and left.key, "b": right and right.key}),
        "left": left,
        "right": right,
        "rows": rows,
        "different": sum(row.differs for row in rows),
    }


def _chosen(found: Sequence[Version], key: str | None, otherwise: int) -> Version | None:
    named = next((version for version in found if version.key == key), None)
    return named or (found[min(otherwise, len(found) - 1)] if found else None)


def _named(version: Version) -> str:
    return f"{version.name} · {format_day(version.since)}" if version.since else version.name
