"""Facts of a family that lives on wages, a trade or a pension."""

from typing import Final

from django.utils.translation import gettext_lazy as _

from lending.facts.fact import Fact, Kind, Per

ONLY: Final = ("household",)

HOUSEHOLD: Final = (
    Fact(
        name="employment",
        kind=Kind.CHOICE,
        label=_("¿Cómo trabajas?"),
        subject=_("Tu trabajo"),
        step="activity",
        choices={
            "employee": _("Con sueldo, para una empresa o el Estado"),
            "independent": _("Por mi cuenta"),
            "temporary": _("Por temporadas o cachuelos"),
            "pensioner": _("Recibo una pensión"),
        },
        insisted=True,
        empty_message=_("Elige cómo trabajas"),
        segments=ONLY,
    ),
    Fact(
        name="employment_months",
        kind=Kind.DURATION,
        label=_("¿Hace cuánto tiempo trabajas en lo mismo?"),
        subject=_("El tiempo de trabajo"),
        hint=_("Si recibes pensión, desde cuándo la recibes."),
        step="activity",
        low=0,
        high=840,
        segments=ONLY,
    ),
    Fact(
        name="housing",
        kind=Kind.CHOICE,
        label=_("La casa donde vives es…"),
        subject=_("La casa"),
        step="activity",
        choices={
            "owned": _("Mía"),
            "mortgage": _("Mía, todavía la estoy pagando"),
            "family": _("De mi familia"),
            "rented": _("Alquilada"),
        },
        insisted=True,
        empty_message=_("Elige de quién es la casa donde vives"),
        segments=ONLY,
    ),
    Fact(
        name="assets_value",
        kind=Kind.MONEY,
        label=_("¿Cuánto valen tus bienes?"),
        subject=_("El valor de tus bienes"),
        hint=_("Casa, terreno, moto, muebles o artefactos: lo que te darían si los vendieras hoy."),
        step="activity",
        low=0,
        high=50_000_000,
        segments=ONLY,
    ),
    Fact(
        name="monthly_income",
        kind=Kind.MONEY,
        label=_("¿Cuánto ganas en un mes normal?"),
        subject=_("Lo que ganas"),
        hint=_("Lo que llega a tus manos, después de descuentos."),
        step="money",
        asked_per=Per.MONTH,
        low=0,
        high=1_000_000,
        insisted=True,
        empty_message=_("Escribe cuánto ganas en un mes normal, por ejemplo 1500"),
        segments=ONLY,
    ),
)
