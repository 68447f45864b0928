"""Who works at the example lenders. Nobody here exists; `.example` addresses reach nobody."""

from dataclasses import dataclass
from typing import Any, Final

PASSWORD: Final = "ayni-demo-2026"  # noqa: S105 (printed by the demo; never used elsewhere)
MAIL: Final = "ayni.example"


@dataclass(frozen=True, slots=True)
class Person:
    """One account of the demo."""

    email: str
    name: str
    roles: tuple[str, ...] = ()
    job: str = ""
    branch: str = ""
    phone: str = ""


INSTITUTIONS: Final[tuple[dict[str, Any], ...]] = (
    {
        "slug": "qantu",
        "name": "Caja Qantu",
        "legal_name": "Caja Rural de Ahorro y Crédito Qantu S.A.",
        "kind": "caja",
        "tagline": "Microfinanzas del Cusco",
        "brand_color": "#0d6153",
        "mark": "sprout",
        "number_prefix": "QT",
        "phone": "0800 00 000",
        "whatsapp": "900 000 000",
        "hours": "Lunes a sábado, 8 a. m. a 7 p. m. Atendemos en castellano y quechua.",
        "address": "Av. de Ejemplo 123, Sicuani",
        "is_fictional": True,
    },
    {
        "slug": "tarpuy",
        "name": "Edpyme Tarpuy",
        "legal_name": "Empresa de Créditos Tarpuy S.A.",
        "kind": "edpyme",
        "tagline": "Créditos para sembrar y vender",
        "brand_color": "#7a3350",
        "mark": "weave",
        "number_prefix": "TP",
        "phone": "0800 00 001",
        "whatsapp": "900 000 001",
        "hours": "Lunes a viernes, 8:30 a. m. a 6 p. m.",
        "address": "Jr. de Ejemplo 456, Juliaca",
        "is_fictional": True,
    },
)

STAFF: Final[dict[str, tuple[Person, ...]]] = {
    "qantu": (
        Person(f"rosa.huaman@{MAIL}", "Rosa Huamán", ("officer",), "Analista de créditos", "Agencia Sicuani"),
        Person(f"jorge.ccori@{MAIL}", "Jorge Ccori", ("officer",), "Analista de créditos", "Agencia Sicuani"),
        Person(f"luis.ticona@{MAIL}", "Luis Ticona", ("approver",), "Jefe de agencia", "Agencia Sicuani"),
        Person(f"nilda.condori@{MAIL}", "Nilda Condori", ("cashier",), "Cajera", "Agencia Sicuani"),
        Person(f"edgar.mamani@{MAIL}", "Edgar Mamani", ("collector",), "Gestor de cobranza", "Agencia Sicuani"),
        Person(f"elena.paucar@{MAIL}", "Elena Paucar", ("manager",), "Gerenta de negocios", "Oficina principal"),
        Person(f"diego.salas@{MAIL}", "Diego Salas", ("analyst",), "Analista de modelos", "Oficina principal"),
        Person(f"carmen.rojas@{MAIL}", "Carmen Rojas", ("validator",), "Validadora de modelos", "Oficina principal"),
        Person(f"patricia.luna@{MAIL}", "Patricia Luna", ("auditor",), "Auditora interna", "Oficina principal"),
    ),
    "tarpuy": (
        Person(f"hilda.apaza@{MAIL}", "Hilda Apaza", ("officer",), "Analista de créditos", "Agencia Juliaca"),
        Person(f"raul.choque@{MAIL}", "Raúl Choque", ("approver", "manager"), "Administrador", "Agencia Juliaca"),
        Person(f"alex.cutipa@{MAIL}", "Alex Cutipa", ("cashier",), "Cajero", "Agencia Juliaca"),
        Person(f"sonia.vilca@{MAIL}", "Sonia Vilca", ("auditor",), "Auditora interna", "Oficina principal"),
    ),
}
OPERATOR: Final = Person(f"ana.torres@{MAIL}", "Ana Torres", (), "Operadora de la plataforma")
REGULATOR: Final = Person(f"andres.villanueva@{MAIL}", "Andrés Villanueva", (), "Supervisor")
