"""What is held of a person, on paper and in words: the readable half of the download."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.formats import format_day, format_moment
from accounts.models import Institution
from lending import facts as declared_facts
from lending.models import Application
from lending.papers.pdf import Paper
from lending.reasons import DEPARTMENTS
from lending.selectors.held import Look, Section, is_person_key, shown_columns

MOST_ROWS = 60  # of one kind; the JSON has every one
LONG = frozenset({"JSONField", "EncryptedJSONField"})


def my_data_pdf(institution: Institution, name: str, sections: Sequence[Section], looks: Sequence[Look]) -> bytes:
    """Every section with its rows, and who looked; JSON columns are told in words where they are the person's own."""
    now = format_moment(timezone.now())
    paper = Paper(_("Tus datos en %(name)s") % {"name": institution.name}, institution.legal_name, now)
    paper.text(
        _(
            "%(name)s: esto es todo lo que guardamos de ti, de dónde salió y quién lo vio (Ley 29733). El archivo"
            " para programas que descargas junto a este trae cada dato, también las tablas que aquí se resumen."
        )
        % {"name": name or _("Hola")}
    )
    for section in sections:
        paper.heading(f"{section.title} ({len(section.rows)})")
        paper.text(f"{section.source}.", small=True)
        for row in section.rows[:MOST_ROWS]:
            paper.facts(_lines(row))
            paper.gap(5)
        if len(section.rows) > MOST_ROWS:
            paper.text(_("Y %(count)s más, en el archivo para programas.") % {"count": len(section.rows) - MOST_ROWS})
    paper.heading(_("Quién vio o cambió tus datos"))
    if looks:
        paper.facts([(format_moment(one.at), f"{one.who}, {one.role}: {one.what}") for one in looks])
    else:
        paper.text(_("Nadie más que tú."))
    return paper.bytes()


def _lines(row: Any) -> list[tuple[str, str]]:
    found = []
    for field in shown_columns(row):
        value = getattr(row, field.attname)
        if value in (None, "", [], {}) or is_person_key(field):
            continue
        if field.get_internal_type() in LONG or isinstance(value, (dict, list)):
            continue
        if field.is_relation or field.primary_key:
            continue
        shown = str((field.flatchoices and dict(field.flatchoices).get(value, value)) or value)
        found.append((_label(field), _shown(field.name, value, shown)))
    if isinstance(row, Application) and row.facts:
        found += declared_lines(row)
    return found


def declared_lines(application: Application) -> list[tuple[str, str]]:
    """What was declared, in words; what an officer verified in its place."""
    known = {**(application.facts or {}), **application.verified_facts}
    values = declared_facts.from_json(known)
    return [
        (str(fact.label), str(declared_facts.shown(fact, values[fact.name], application.segment)))
        for fact in declared_facts.facts_of(application.segment)
        if fact.name in values
    ]


def _label(field: Any) -> str:
    """The column's words where it has some of its own; its name otherwise, readable."""
    return str(field.verbose_name).replace("_", " ").capitalize()


def _shown(name: str, value: Any, text: str) -> str:
    if isinstance(value, datetime):
        return format_moment(value)
    if isinstance(value, date):
        return format_day(value)
    if isinstance(value, bool):
        return _("Sí") if value else _("No")
    if name == "region":
        return str(DEPARTMENTS.get(text, text))
    return text
