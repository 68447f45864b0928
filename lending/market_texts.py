"""What a person agrees to, lender by lender, before a national request is compared with published terms."""

from collections.abc import Mapping
from typing import Final

from django.utils.translation import get_language

from accounts.consent import LANGUAGES, ConsentText
from accounts.models import Institution

VERSION: Final = "2026-11-26"
_TEXTS: Final = {
    "es": (
        "Comparar con {lender}",
        "Autorizo a la plataforma a comparar mis respuestas con las condiciones que {lender} publica para todos y a"
        " mostrarme su oferta. {lender} no recibe mis datos ni se entera de esta comparación: solo cuenta cuántas"
        " de sus ofertas se mostraron, se eligieron o vencieron y cómo las calificaron, sin saber de quién son. Solo si"
        " elijo su oferta se le entregan mis respuestas, para abrir mi solicitud allí. Puedo borrar esta comparación"
        " cuando quiera.",
    ),
    "en": (
        "Compare with {lender}",
        "I authorise the platform to compare my answers with the terms {lender} publishes for everybody and to show me"
        " its offer. {lender} receives none of my data and does not learn of this comparison: it only counts how many"
        " of its offers were shown, chosen or expired and how they were rated, without knowing whose they are. Only if"
        " I choose its offer are my answers handed over, to open my application there. I may erase this comparison"
        " whenever I want.",
    ),
}
_SCORE: Final = {
    "es": (
        "Calcular mi puntaje con un programa",
        "Autorizo que un programa de la plataforma calcule mi puntaje con lo que respondo, con el mismo modelo para"
        " todas las entidades. Veré las razones. Si no autorizo, veo las ofertas a la tasa más alta de cada producto.",
    ),
    "en": (
        "Work out my score with a program",
        "I authorise a program of the platform to work out my score from my answers, with the same model for every"
        " institution. I will see the reasons. Without this permission I see the offers at each product's highest"
        " rate.",
    ),
}


def score_text(language: str | None = None) -> ConsentText:
    """The words for the score."""
    return _text("automated", _SCORE, language)


def market_text(lender: Institution, language: str | None = None) -> ConsentText:
    """The words for one lender, in `language` (the active one; Spanish where there is no other)."""
    return _text(f"lender_{lender.pk}", _TEXTS, language, lender=lender.name)


def _text(purpose: str, texts: Mapping[str, tuple[str, str]], language: str | None, **names: str) -> ConsentText:
    spoken = (language or get_language() or "es").split("-")[0]
    spoken = spoken if spoken in LANGUAGES else "es"
    title, body = (part.format(**names) for part in texts[spoken])
    return ConsentText(purpose, title, body, spoken, necessary=False, version=VERSION)
