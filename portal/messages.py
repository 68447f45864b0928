"""The words of the product and their translations. Spanish is written in the code; other languages are catalogues.

Reads Python and templates with Babel, so that no gettext tools need to be installed.
"""

import re
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages import Catalog, Message
from babel.messages.extract import extract_python
from babel.messages.pofile import read_po, write_po
from django.utils.translation import template as django_template

from portal.local.paths import CHECKOUT

FOLDERS = ("accounts", "scoring", "lending", "portal", "templates")
KEYWORDS: dict[str, Any] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
NAMED = re.compile(r"%\((\w+)\)[sd]|\{(\w+)\}")


def sources() -> Iterator[Path]:
    """Every file whose words people read, tests left out."""
    for folder in FOLDERS:
        for path in sorted((CHECKOUT / folder).rglob("*")):
            relative = path.relative_to(CHECKOUT)
            if path.suffix in (".py", ".html", ".txt") and not {"tests", "migrations"} & set(relative.parts):
                yield path


def found() -> Catalog:
    """A catalogue of every message in the code, with where each stands."""
    catalogue = Catalog(charset="utf-8", fuzzy=False)
    for path in sources():
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".py":
            text = django_template.templatize(text, origin=str(path))
        place = path.relative_to(CHECKOUT).as_posix()
        # Babel annotates these with the order of another function's results.
        calls: Iterable[Any] = extract_python(BytesIO(text.encode()), KEYWORDS, [], {})
        for line, function, message, _comments in calls:
            identity, context = arranged(function, message)
            if identity:
                catalogue.add(identity, locations=[(place, line)], context=context)
    return catalogue


def arranged(function: str, message: str | tuple[str | None, ...]) -> tuple[str | tuple[str, str] | None, str | None]:
    """The message's identity and context from a call's arguments; None for a call that names no literal."""
    parts = message if isinstance(message, tuple) else (message,)
    context = None
    if function.startswith(("pgettext", "npgettext")):
        context, parts = parts[0], parts[1:]
    if function.startswith(("ngettext", "npgettext")):
        one, many = parts[0], parts[1] if len(parts) > 1 else None
        return ((one, many) if one and many else None), context
    return (parts[0] or None), context


def path_of(language: str) -> Path:
    return CHECKOUT / "locale" / language / "LC_MESSAGES" / "django.po"


def kept(language: str) -> Catalog:
    """The catalogue of a language as it stands; empty when there is none."""
    path = path_of(language)
    if not path.exists():
        return Catalog(locale=language, charset="utf-8", fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def update(language: str) -> Catalog:
    """Bring the catalogue up to date: new messages come in untranslated, those no longer used go."""
    catalogue = kept(language)
    catalogue.update(found(), no_fuzzy_matching=True, update_header_comment=False)
    catalogue.obsolete.clear()
    path = path_of(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalogue, omit_header=False, sort_output=True, width=110, include_lineno=False)
    return catalogue


def problems(language: str) -> list[str]:
    """What is wrong with a language, a line each: missing, or without the same placeholders."""
    catalogue, lines = kept(language), []
    for message in found():
        if not message.id:
            continue
        translated = catalogue.get(message.id, message.context)
        shown = message.id if isinstance(message.id, str) else message.id[0]
        where = message.locations[0][0] if message.locations else ""
        if translated is None or not complete(translated):
            lines.append(f"{where}: not translated: {shown!r}")
        elif names(message) != names(translated, of_translation=True):
            lines.append(f"{where}: other placeholders: {shown!r}")
    return lines


def complete(message: Message) -> bool:
    """Whether every form of the message has words."""
    strings = message.string if isinstance(message.string, tuple | list) else (message.string,)
    return all(strings)


def names(message: Message, *, of_translation: bool = False) -> set[str]:
    """The placeholders of a message over all its forms."""
    texts = message.string if of_translation else message.id
    forms = texts if isinstance(texts, tuple | list) else (texts,)
    return {first or second for text in forms if text for first, second in NAMED.findall(text)}
