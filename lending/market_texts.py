"""What a person agrees to, lender by lender, before a national request is compared with published terms."""

from typing import Final

from django.utils.translation import get_language

from accounts.consent import LANGUAGES, ConsentText
from accounts.models import Institution

VERSION: Final = "2026-11"
_TEXTS: Final = {
    "es": (
        "Comparar con {lender}",
        "Autorizo a la plataforma a comparar mis respuestas con las condiciones que {lender} publica para todos y a"
        " mostrarme su oferta. {lender} no recibe mis datos ni se entera de esta comparación. Solo si elijo su"
        " oferta se le entregan mis respuestas, para abrir mi solicitud allí. Puedo borrar esta comparación cuando"
        " quiera.",
    ),
    "en": (
        "Compare with {lender}",
        "I authorise the platform to compare my answers with the terms {lender} publishes for everybody and to show me"
        " its offer. {lender} receives none of my data and does not learn of this comparison. Only if I choose its"
        " offer are my answers handed over, to open my application there. I may erase this comparison whenever I"
        " want.",
    ),
}


def market_text(lender: Institution, language: str | None = None) -> ConsentText:
    """The words for one lender, in `language` (the active one; Spanish where there is no other)."""
    spoken = (language or get_language() or "es").split("-")[0]
    spoken = spoken if spoken in LANGUAGES else "es"
    title, body = (part.format(lender=lender.name) for part in _TEXTS[spoken])
    return ConsentText(f"lender_{lender.pk}", title, body, spoken, necessary=False, version=VERSION)
