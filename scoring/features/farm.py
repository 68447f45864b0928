"""The farm: a campaign, its harvest and what stands between the two."""

from __future__ import annotations

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from scoring.expressions import Coded, Fact, Signal, apart, defined_ratio, known, total

from .common import (
    CREDITORS,
    PAST_LOANS,
    PAYMENT_TIMELINESS,
    WORST_DELAY,
    amount,
    ask_for_less,
    household_expenses,
    other_income,
    savings_months,
    take_longer,
    term_months,
    total_debt,
    turned_on,
)
from .feature import Feature, Lever, number, out_of_100, percent, years

CROP = {
    "potato": 0, "rice": 1, "corn": 2, "quinoa": 3, "coffee": 4, "cocoa": 5, "avocado": 6, "grape": 7, "other": 8,
}  # fmt: skip
# Usual yields in kg per hectare, middle of the national range.
USUAL_YIELD = {
    "potato": 16_500, "rice": 8_000, "corn": 5_000, "quinoa": 1_500, "coffee": 800, "cocoa": 900,
    "avocado": 13_000, "grape": 24_000,
}  # fmt: skip
IRRIGATION = {"irrigated": 0, "mixed": 1, "rainfed": 2}
WITHOUT_WATER = {"irrigated": 0.0, "mixed": 0.5, "rainfed": 1.0}
LAND_TENURE = {"owned": 0, "possession": 1, "communal": 2, "rented": 3}

harvest = Fact("hectares") * Fact("yield_kg_ha") * Fact("price_per_kg")
campaign_cost = Fact("campaign_cost")


def _crop_says(value: float) -> str:
    return {
        0: gettext("Siembras papa."),
        1: gettext("Siembras arroz."),
        2: gettext("Siembras maíz."),
        3: gettext("Siembras quinua."),
        4: gettext("Cultivas café."),
        5: gettext("Cultivas cacao."),
        6: gettext("Cultivas palta."),
        7: gettext("Cultivas uva."),
        8: gettext("Siembras otro cultivo."),
    }[round(value)]


def _irrigation_says(value: float) -> str:
    return {
        0: gettext("Tu chacra tiene riego."),
        1: gettext("Una parte de tu chacra tiene riego."),
        2: gettext("Tu chacra depende de la lluvia."),
    }[round(value)]


def _tenure_says(value: float) -> str:
    return {
        0: gettext("La tierra es tuya."),
        1: gettext("Tienes la posesión de la tierra."),
        2: gettext("La tierra es de la comunidad."),
        3: gettext("La tierra es alquilada."),
    }[round(value)]


def _frost_says(value: float) -> str:
    if value < 0.5:
        return gettext("No hubo noches de helada en tu zona en los últimos tres meses.")
    return ngettext(
        "Hubo %(count)s noche de helada en tu zona en los últimos tres meses.",
        "Hubo %(count)s noches de helada en tu zona en los últimos tres meses.",
        round(value),
    ) % {"count": round(value)}


def _el_nino_says(value: float) -> str:
    if value > 0.4:
        return gettext("Hay condiciones de El Niño en la costa.")
    if value < -1.0:
        return gettext("Hay condiciones de La Niña en la costa.")
    return gettext("No hay El Niño ni La Niña en la costa.")


def _rain_says(value: float) -> str:
    if value < 0.25:
        return gettext("En tu zona llovió cerca de lo normal.")
    return gettext("En tu zona la lluvia se apartó %(share)s de lo normal.") % {"share": percent(value)}


def _harvest_gap_says(value: float) -> str:
    if value < 0:
        return gettext("El crédito vence antes de tu cosecha.")
    return gettext("El crédito vence después de tu cosecha.")


def _lost_harvests_say(value: float) -> str:
    if value < 1:
        return gettext("No perdiste ninguna cosecha en las últimas 5 campañas.")
    return gettext("Perdiste %(count)s de las últimas 5 cosechas.") % {"count": round(value)}


FARM: tuple[Feature, ...] = (
    Feature(
        name="debt_to_harvest",
        label=_("Deuda y monto pedido frente a la cosecha"),
        formula=total(amount, total_debt) / harvest,
        unit="share",
        low=0,
        high=3,
        direction=1,
        says=lambda value: (
            gettext("Lo que deberías es más de lo que vale tu cosecha.")
            if value > 1
            else gettext("Con este crédito deberías %(share)s de tu cosecha.") % {"share": out_of_100(value)}
        ),
        lever=ask_for_less,
        silence=_("Con tus respuestas no podemos calcular cuánto vale tu cosecha."),
    ),
    Feature(
        name="campaign_margin",
        label=_("Ganancia de la campaña"),
        formula=(harvest - campaign_cost) / harvest,
        unit="share",
        low=-1,
        high=0.95,
        direction=-1,
        says=lambda value: (
            gettext("La campaña cuesta más de lo que deja la cosecha.")
            if value < 0
            else gettext("De tu cosecha te quedan %(share)s después de los costos.") % {"share": out_of_100(value)}
        ),
        silence=_("Con tus respuestas no podemos calcular la ganancia de tu campaña."),
    ),
    Feature(
        name="loan_to_cost",
        label=_("Monto pedido frente al costo de la campaña"),
        formula=amount / campaign_cost,
        unit="share",
        low=0,
        high=3,
        direction=1,
        says=lambda value: gettext("El crédito cubre %(share)s del costo de tu campaña.") % {"share": percent(value)},
        lever=ask_for_less,
    ),
    Feature(
        name="yield_to_usual",
        label=_("Rendimiento frente a lo usual"),
        formula=Fact("yield_kg_ha") / known(Signal("crop_yield_usual"), Coded("crop", USUAL_YIELD, "usual_yield")),
        unit="share",
        low=0.1,
        high=2.5,
        direction=-1,
        says=lambda value: (
            gettext("Tu rendimiento es %(share)s del usual para tu cultivo.") % {"share": percent(value)}
        ),
    ),
    Feature(
        name="crop",
        label=_("Cultivo"),
        formula=Coded("crop", CROP),
        unit="code",
        low=0,
        high=8,
        direction=0,
        says=_crop_says,
    ),
    Feature(
        name="irrigation",
        label=_("Riego"),
        formula=Coded("irrigation", IRRIGATION),
        unit="code",
        low=0,
        high=2,
        direction=1,
        says=_irrigation_says,
    ),
    Feature(
        name="altitude_m",
        label=_("Altura de la chacra"),
        formula=Fact("altitude_m"),
        unit="metres",
        low=0,
        high=5000,
        direction=0,
        says=lambda value: gettext("Tu chacra está a %(metres)s metros de altura.") % {"metres": number(round(value))},
    ),
    Feature(
        name="farming_years",
        label=_("Años en el campo"),
        formula=Fact("farming_years"),
        unit="years",
        low=0,
        high=40,
        direction=-1,
        says=lambda value: gettext("Trabajas la tierra hace %(years)s.") % {"years": years(value)},
    ),
    Feature(
        name="land_tenure",
        label=_("Tenencia de la tierra"),
        formula=Coded("land_tenure", LAND_TENURE),
        unit="code",
        low=0,
        high=3,
        direction=0,
        says=_tenure_says,
    ),
    Feature(
        name="cooperative",
        label=_("Cooperativa"),
        formula=Fact("cooperative"),
        unit="yes_no",
        low=0,
        high=1,
        direction=-1,
        says=lambda value: (
            gettext("Vendes con una cooperativa.") if value >= 0.5 else gettext("No vendes con una cooperativa.")
        ),
        lever=Lever("cooperative", turned_on("cooperative"), 1, _("Vende con una cooperativa"), number),
    ),
    Feature(
        name="livestock_to_amount",
        label=_("Animales frente al monto pedido"),
        formula=Fact("livestock_value") / amount,
        unit="times",
        low=0,
        high=10,
        direction=-1,
        says=lambda value: (
            gettext("No tienes animales que respalden el crédito.")
            if value < 0.05
            else gettext("Tus animales valen %(times)s veces lo que pides.") % {"times": number(value)}
        ),
        lever=ask_for_less,
    ),
    Feature(
        name="lost_harvests",
        label=_("Cosechas perdidas"),
        formula=Fact("lost_harvests"),
        unit="count",
        low=0,
        high=5,
        direction=1,
        says=_lost_harvests_say,
    ),
    Feature(
        name="harvest_gap",
        label=_("Vencimiento frente a la cosecha"),
        formula=term_months - Fact("campaign_months"),
        unit="months",
        low=-6,
        high=6,
        direction=-1,
        says=_harvest_gap_says,
        lever=take_longer,
    ),
    Feature(
        name="other_income_share",
        label=_("Otros ingresos frente al gasto del hogar"),
        formula=other_income / household_expenses,
        unit="share",
        low=0,
        high=3,
        direction=-1,
        says=lambda value: (
            gettext("Fuera de la chacra no tienes otro ingreso.")
            if value < 0.005
            else gettext("Tus otros ingresos cubren %(share)s del gasto de tu hogar.") % {"share": percent(value)}
        ),
        silence=_("No nos dijiste si tienes otros ingresos."),
    ),
    CREDITORS,
    PAST_LOANS,
    WORST_DELAY,
    savings_months(household_expenses),
    PAYMENT_TIMELINESS,
    Feature(
        name="hectares",
        label=_("Hectáreas que trabajas"),
        formula=Fact("hectares"),
        unit="hectares",
        low=0,
        high=30,
        direction=0,
        says=lambda value: gettext("Trabajas %(count)s hectáreas.") % {"count": number(value)},
    ),
    Feature(
        name="dependants",
        label=_("Personas a tu cargo"),
        formula=Fact("dependants"),
        unit="count",
        low=0,
        high=10,
        direction=1,
        says=lambda value: (
            gettext("Nadie depende de ti.")
            if value < 1
            else ngettext("%(count)s persona depende de ti.", "%(count)s personas dependen de ti.", round(value))
            % {"count": round(value)}
        ),
    ),
    Feature(
        name="price_level",
        label=_("Precio de tu cultivo frente a lo usual"),
        formula=defined_ratio(Signal("crop_price"), Signal("crop_price_usual")),
        unit="share",
        low=0.3,
        high=2.5,
        direction=-1,
        says=lambda value: (
            gettext("El precio de tu cultivo es %(share)s del usual en tu región.") % {"share": percent(value)}
        ),
    ),
    Feature(
        name="price_volatility",
        label=_("Cambios del precio de tu cultivo"),
        formula=Signal("crop_price_volatility"),
        unit="share",
        low=0,
        high=1,
        direction=1,
        says=lambda value: (
            gettext("El precio de tu cultivo sube y baja cerca de %(share)s.") % {"share": percent(value)}
        ),
    ),
    Feature(
        name="rain_anomaly",
        label=_("Lluvia frente a lo normal"),
        formula=apart(Signal("rain_ratio"), 1),
        unit="share",
        low=0,
        high=1.5,
        direction=1,
        says=_rain_says,
    ),
    Feature(
        name="rain_on_rainfed",
        label=_("Lluvia anormal en chacra sin riego"),
        formula=apart(Signal("rain_ratio"), 1) * Coded("irrigation", WITHOUT_WATER, "share_rainfed"),
        unit="share",
        low=0,
        high=1.5,
        direction=1,
        says=lambda value: (
            gettext("La lluvia de estos meses no pone en riesgo tu chacra.")
            if value < 0.25
            else gettext("Tu chacra depende de la lluvia, y la lluvia de estos meses no es la normal.")
        ),
    ),
    Feature(
        name="frost_nights",
        label=_("Heladas en tu zona"),
        formula=Signal("frost_nights"),
        unit="count",
        low=0,
        high=40,
        direction=1,
        says=_frost_says,
    ),
    Feature(
        name="el_nino",
        label=_("El Niño en la costa"),
        formula=Signal("el_nino"),
        unit="degrees",
        low=-2,
        high=3,
        direction=0,
        says=_el_nino_says,
    ),
)
