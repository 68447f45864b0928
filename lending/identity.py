"""Identity documents, taxpayer numbers, mobiles and names as people type them, checked and made uniform. Pure."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from stdnum.exceptions import InvalidChecksum
from stdnum.exceptions import ValidationError as BadNumber
from stdnum.pe import cui, ruc

from accounts.phones import NOT_A_MOBILE, normalise_mobile

ADULT_YEARS: Final = 18
OLDEST_YEARS: Final = 110
LEGACY_RUC_PREFIX: Final = "16"  # still held by some persons; python-stdnum does not know it
_CE = re.compile(r"[0-9A-Z]{9,12}")
_LONGEST_TYPED = 200


class BadIdentity(ValueError):
    """What was typed can't be right; `message` tells the person how to put it right."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who asks, uniform and checked."""

    full_name: str
    document_type: str  # "dni" or "ce"
    document_number: str  # a DNI without its check digit
    birth_on: date
    phone: str = ""  # +51…
    email: str = ""
    region: str = ""
    district: str = ""
    ruc: str = ""
    trade_name: str = ""


def clean_identity(typed: Mapping[str, Any], on: date) -> tuple[Identity | None, dict[str, list[str]]]:
    """The identity, or None and the messages by field. `on` is the business day, for the age."""
    document_type = str(typed.get("document_type") or "dni").lower()
    readers: dict[str, Callable[[Any], Any]] = {
        "full_name": clean_name,
        "document_type": clean_document_type,
        "document_number": lambda value: clean_document(document_type, value),
        "birth_on": lambda value: clean_birth(value, on),
        "phone": clean_phone,
        "email": clean_email,
        "region": lambda value: clean_line(value, 2),
        "district": lambda value: clean_line(value, 80),
        "ruc": clean_ruc,
        "trade_name": lambda value: clean_line(value, 120),
    }
    cleaned: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for name, read in readers.items():
        try:
            cleaned[name] = read(typed.get(name))
        except BadIdentity as problem:
            errors[name] = [problem.message]
    if not errors and not cleaned["phone"] and not cleaned["email"]:
        errors["phone"] = [_("Escribe tu celular o tu correo, para avisarte de la respuesta")]
    number = cleaned.get("ruc", "")
    if not errors and document_type == "dni" and number[:2] == "10" and number[2:10] != cleaned["document_number"]:
        errors["ruc"] = [_("Ese RUC es de otra persona: lleva un DNI que no es el tuyo")]
    return (None, errors) if errors else (Identity(**cleaned), {})


def clean_line(value: Any, longest: int) -> str:
    """One line of text without control characters or doubled spaces. Raises BadIdentity when too long."""
    text = unicodedata.normalize("NFC", str(value or ""))
    text = " ".join("".join(char for char in text if unicodedata.category(char)[0] != "C" or char == "\t").split())
    if len(text) > longest:
        raise BadIdentity(_("Es demasiado largo: caben %(count)s letras") % {"count": longest})
    return text


def clean_name(value: Any) -> str:
    """A person's name: letters of any language, spaces, hyphens and apostrophes."""
    name = clean_line(value, 120)
    if not name:
        raise BadIdentity(_("Escribe tus nombres y apellidos, como están en tu documento"))
    if not all(char.isalpha() or unicodedata.category(char) == "Mn" or char in " -'’.·" for char in name):
        raise BadIdentity(_("El nombre lleva solo letras, como está en tu documento"))
    if sum(char.isalpha() for char in name) < 3 or " " not in name:
        raise BadIdentity(_("Escribe al menos un nombre y un apellido"))
    return name


def clean_document_type(value: Any) -> str:
    kind = str(value or "dni").lower()
    if kind not in ("dni", "ce"):
        raise BadIdentity(_("Elige DNI o carné de extranjería"))
    return kind


def clean_document(kind: str, value: Any) -> str:
    """A DNI as its eight digits (its check digit is verified when typed too), or a CE."""
    typed = re.sub(r"[\s.\-–]", "", clean_line(value, _LONGEST_TYPED)).upper()
    if kind == "ce":
        if not _CE.fullmatch(typed):
            raise BadIdentity(_("El carné de extranjería tiene de 9 a 12 letras y números"))
        return typed
    if not typed:
        raise BadIdentity(_("Escribe el número de tu DNI"))
    try:
        return str(cui.validate(typed))[:8]
    except InvalidChecksum as error:
        raise BadIdentity(_("El dígito final del DNI no corresponde. Revísalo o escribe solo los 8 números")) from error
    except BadNumber as error:
        raise BadIdentity(_("El DNI tiene 8 números; revisa que esté completo y sin letras")) from error


def clean_ruc(value: Any) -> str:
    """A taxpayer number with a right check digit; empty where there is none."""
    typed = re.sub(r"[\s.\-–]", "", clean_line(value, _LONGEST_TYPED))
    if not typed:
        return ""
    if not (typed.isascii() and typed.isdigit() and len(typed) == 11):
        raise BadIdentity(_("El RUC tiene 11 números"))
    try:
        if typed.startswith(LEGACY_RUC_PREFIX):
            if not typed.endswith(ruc.calc_check_digit(typed)):
                raise InvalidChecksum
            return typed
        return str(ruc.validate(typed))
    except InvalidChecksum as error:
        raise BadIdentity(_("Ese RUC no existe: revisa sus números")) from error
    except BadNumber as error:
        raise BadIdentity(_("El RUC empieza con 10, 15, 16, 17 o 20")) from error


def clean_birth(value: Any, on: date) -> date:
    """A date of birth in the past, of somebody of age. Takes a date or `2001-05-23`."""
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value.strip())
        except ValueError as error:
            raise BadIdentity(_("Escribe tu fecha de nacimiento completa, por ejemplo 23 5 1988")) from error
    if not isinstance(value, date):
        raise BadIdentity(_("Escribe tu fecha de nacimiento"))
    if value > on:
        raise BadIdentity(_("La fecha de nacimiento no puede estar en el futuro"))
    years = age_on(value, on)
    if years < ADULT_YEARS:
        raise BadIdentity(_("Debes tener 18 años cumplidos para pedir un crédito"))
    if years > OLDEST_YEARS:
        raise BadIdentity(_("Revisa el año de nacimiento"))
    return value


def age_on(birth_on: date, on: date) -> int:
    """Whole years of age on a day."""
    return on.year - birth_on.year - ((on.month, on.day) < (birth_on.month, birth_on.day))


def clean_phone(value: Any) -> str:
    """A Peruvian mobile as +51 and nine digits; empty where there is none."""
    typed = clean_line(value, _LONGEST_TYPED)
    phone = normalise_mobile(typed) if typed else ""
    if phone is None:
        raise BadIdentity(str(NOT_A_MOBILE))
    return phone


def clean_email(value: Any) -> str:
    """An address in lower case; empty where there is none."""
    typed = clean_line(value, 254).lower()
    if typed:
        try:
            validate_email(typed)
        except ValidationError as error:
            raise BadIdentity(_("Escribe un correo como nombre@ejemplo.pe")) from error
    return typed
