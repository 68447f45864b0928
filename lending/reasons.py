"""Words for every reason code: why a product fits or not, why a case is approved, referred or declined.

A reason travels as a code with plain parameters, is stored as such, and is worded here when it is shown, in
the reader's language. `advice` says what would change a no into a yes.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.formats import format_money, format_percent
from accounts.places import DEPARTMENTS
from lending.money import format_soles

GOOD: Final = "good"
BAD: Final = "bad"
INFO: Final = "info"
BLOCK: Final = "block"  # why a product or a case is a no
VERIFY: Final = "verify"  # unanswered, so a person checks it


@dataclass(frozen=True, slots=True)
class Reason:
    """A code with its parameters (text or whole numbers) and its tone: good, bad, info, block or verify."""

    code: str
    tone: str = INFO
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The sentence people read."""
        return reason_text(self.code, self.params)

    @property
    def advice(self) -> str:
        """What would change it; empty where nothing the person does would."""
        return reason_advice(self.code, self.params)

    def as_json(self) -> dict[str, Any]:
        """For storage: `{"code", "tone", "params"}`, money and rates as text."""
        params = {name: str(value) if isinstance(value, Decimal) else value for name, value in self.params.items()}
        return {"code": self.code, "tone": self.tone, "params": params}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Reason":
        return cls(data["code"], data.get("tone", INFO), data.get("params", {}))


def reason_text(code: str, params: Mapping[str, Any] | None = None) -> str:
    """The sentence of a code; an unknown code is shown as itself rather than hidden."""
    template = TEXTS.get(code)
    return str(template) % _shown(params or {}) if template else code


def reason_title(code: str) -> str:
    """The sentence of a code where its figures are not at hand: an ellipsis stands for each."""
    template = TEXTS.get(code)
    return re.sub(r"%\(\w+\)s", "…", str(template)).replace("%%", "%") if template else code


def reason_advice(code: str, params: Mapping[str, Any] | None = None) -> str:
    """What would change the reason of a code; empty where there is nothing to say."""
    template = ADVICE.get(code)
    return str(template) % _shown(params or {}) if template else ""


_SAID_IN_SOLES: Final = frozenset({"nothing_left", "nothing_left_in_bad_months"})  # what `not_affordable` advises


def why_not(reasons: Iterable[Reason]) -> str:
    """Why a product does not match and what would change it; without a block, what has to be answered first."""
    told = list(reasons)
    told = [one for one in told if one.tone == BLOCK] or [one for one in told if one.tone == VERIFY and one.advice]
    in_soles = any(one.code == "not_affordable" for one in told)
    return " ".join(
        one.text if in_soles and one.code in _SAID_IN_SOLES else f"{one.text} {one.advice}".strip() for one in told
    )


def label(code: str) -> str | Promise:
    """The name of a line of the affordability table, or of a declared fact."""
    return LABELS.get(code, code)


def decline_choices() -> list[tuple[str, str | Promise]]:
    """Codes and words an officer may decline with; the applicant reads the same words."""
    return [(code, TEXTS[code]) for code in DECLINE_CODES]


def _shown(params: Mapping[str, Any]) -> dict[str, str]:
    return {name: SHOWN.get(name, str)(value) for name, value in params.items()}


def _names(table: Mapping[str, str | Promise]) -> Callable[[Any], str]:
    def names(codes: Any) -> str:
        listed: Iterable[Any] = [codes] if isinstance(codes, str | int) else codes
        return ", ".join(str(table.get(str(code), code)) for code in listed)

    return names


SECTORS: Final = {
    "commerce": gettext_lazy("comercio"),
    "services": gettext_lazy("servicios"),
    "production": gettext_lazy("producción"),
    "transport": gettext_lazy("transporte"),
    "food": gettext_lazy("comida"),
    "other": gettext_lazy("otro rubro"),
}
CROPS: Final = {
    "potato": gettext_lazy("papa"),
    "rice": gettext_lazy("arroz"),
    "coffee": gettext_lazy("café"),
    "cocoa": gettext_lazy("cacao"),
    "corn": gettext_lazy("maíz"),
    "quinoa": gettext_lazy("quinua"),
    "avocado": gettext_lazy("palta"),
    "grape": gettext_lazy("uva"),
    "other": gettext_lazy("otro cultivo"),
}
SEGMENTS: Final = {
    "household": gettext_lazy("casa"),
    "enterprise": gettext_lazy("negocio"),
    "farm": gettext_lazy("campo"),
}
MONTHS: Final = {
    "1": gettext_lazy("enero"), "2": gettext_lazy("febrero"), "3": gettext_lazy("marzo"),
    "4": gettext_lazy("abril"), "5": gettext_lazy("mayo"), "6": gettext_lazy("junio"),
    "7": gettext_lazy("julio"), "8": gettext_lazy("agosto"), "9": gettext_lazy("septiembre"),
    "10": gettext_lazy("octubre"), "11": gettext_lazy("noviembre"), "12": gettext_lazy("diciembre"),
}  # fmt: skip

LABELS: Final[dict[str, str | Promise]] = {
    "sales": gettext_lazy("Ventas"),
    "goods": gettext_lazy("Costo de mercadería"),
    "business_expenses": gettext_lazy("Gastos del negocio"),
    "income": gettext_lazy("Ingreso"),
    "harvest": gettext_lazy("Cosecha, repartida en doce meses"),
    "campaign_cost": gettext_lazy("Costo de la campaña"),
    "other_income": gettext_lazy("Otros ingresos"),
    "household_expenses": gettext_lazy("Gasto del hogar"),
    "other_installments": gettext_lazy("Otras cuotas"),
    "surplus": gettext_lazy("Excedente"),
    "monthly_income": gettext_lazy("Ingreso al mes"),
    "monthly_sales": gettext_lazy("Ventas al mes"),
    "monthly_purchases": gettext_lazy("Compras para vender"),
    "hectares": gettext_lazy("Hectáreas"),
    "yield_kg_ha": gettext_lazy("Rendimiento por hectárea"),
    "price_per_kg": gettext_lazy("Precio por kilo"),
}

SHOWN: Final[dict[str, Callable[[Any], str]]] = {
    **dict.fromkeys(
        ("amount", "asked", "minimum_amount", "maximum_amount", "fee", "received", "installment", "room", "reachable"),
        lambda value: format_soles(Decimal(value)),
    ),
    **dict.fromkeys(("cost", "saving", "own"), lambda value: format_money(Decimal(value))),
    **dict.fromkeys(("tea", "cap", "tcea", "pd", "own_share"), lambda value: format_percent(Decimal(value))),
    "regions": _names(DEPARTMENTS),
    "sectors": _names(SECTORS),
    "crops": _names(CROPS),
    "segment": _names(SEGMENTS),
    "month": _names(MONTHS),
    "facts": _names(LABELS),
}

TEXTS: Final[dict[str, str | Promise]] = {
    # Why a product is offered as it is
    "installment_share": gettext_lazy("La cuota usa %(share)s de cada 100 soles que te quedan libres."),
    "campaign_share": gettext_lazy("Lo que pagas en la campaña usa %(share)s de cada 100 soles que te quedan libres."),
    "no_fee": gettext_lazy("Sin comisión: recibes el monto completo."),
    "fee": gettext_lazy("Cobra %(fee)s para afiliarte: recibes %(received)s."),
    "own_part": gettext_lazy(
        "Es para comprar: tú pagas al menos %(own)s, el %(own_share)s del precio, y el préstamo pone el resto."
    ),
    "less_than_asked": gettext_lazy("Presta %(amount)s, menos de lo que pediste."),
    "product_maximum": gettext_lazy("Presta hasta %(maximum_amount)s, menos de lo que pediste."),
    "longer_than_asked": gettext_lazy("A %(months)s meses, más de lo que pediste, para que la cuota te alcance."),
    "term_differs": gettext_lazy("A %(months)s meses: es el plazo más cercano que ofrece."),
    "after_harvest": gettext_lazy("Pagas el capital en %(month)s, cuando cosechas."),
    "until_harvest": gettext_lazy("A %(months)s meses, hasta tu cosecha."),
    "single_payment": gettext_lazy("Pagas una sola vez, al final."),
    "money_in_days": gettext_lazy("Dinero en %(days)s días."),
    "money_in_one_day": gettext_lazy("Dinero en 1 día."),
    "money_same_day": gettext_lazy("Dinero el mismo día."),
    "cheapest": gettext_lazy("Es la que te cuesta menos en total."),
    "dearer_than_cheapest": gettext_lazy("Va antes aunque cuesta %(cost)s más que la más barata."),
    "lowest_cost": gettext_lazy("Es la de menor costo anual."),
    "lowest_rate": gettext_lazy("Tasa de interés más baja (TEA %(tea)s)."),
    "lowest_installment": gettext_lazy("Es la de cuota más baja."),
    "fastest": gettext_lazy("Es la más rápida."),
    "highest_cost": gettext_lazy("Es la de mayor costo anual."),
    # Why a product does not match
    "other_segment": gettext_lazy("Es un crédito para %(segment)s."),
    "region_not_served": gettext_lazy("Por ahora no atiende donde vives. Atiende en %(regions)s."),
    "sector_not_served": gettext_lazy("Presta solo a negocios de %(sectors)s."),
    "crop_not_served": gettext_lazy("Presta solo para %(crops)s."),
    "amount_too_low": gettext_lazy("Presta desde %(minimum_amount)s; tu pedido es de %(asked)s."),
    "score_low": gettext_lazy("Pide un puntaje de %(minimum)s; el tuyo es %(score)s."),
    "age_below": gettext_lazy("Pide tener %(minimum)s años cumplidos."),
    "age_above": gettext_lazy("Pide terminar de pagar con %(maximum)s años como máximo."),
    "activity_short": gettext_lazy("Pide %(minimum)s meses de actividad; llevas %(months)s."),
    "creditors_many": gettext_lazy("Acepta deudas con %(maximum)s entidades; tienes con %(count)s."),
    "cap_missing": gettext_lazy("Falta cargar la tasa máxima legal: nadie puede ofrecerlo todavía."),
    "tea_above_cap": gettext_lazy("La tasa máxima del producto (%(tea)s) pasa la legal (%(cap)s)."),
    "rate_above_cap": gettext_lazy("Su tasa mínima (%(tea)s) pasa la máxima legal (%(cap)s)."),
    "nothing_left": gettext_lazy("Con tus gastos y cuotas de ahora no queda libre para otra cuota."),
    "nothing_left_in_bad_months": gettext_lazy("Si tus ingresos bajan, no te quedaría libre para otra cuota."),
    "over_indebted": gettext_lazy(
        "Tus cuotas de ahora usan %(share)s de cada 100 soles que ganas, y el límite es %(limit)s."
    ),
    "not_affordable": gettext_lazy("La cuota más baja sería de %(installment)s y te alcanza hasta %(room)s al mes."),
    "not_affordable_now": gettext_lazy("Ninguna cuota cabe en lo que te alcanza al mes, %(room)s."),
    "income_unknown": gettext_lazy("Falta saber tus ingresos para calcular una cuota que puedas pagar."),
    "harvest_out_of_term": gettext_lazy("Tu cosecha de %(month)s queda fuera de sus plazos."),
    # What a person still has to check
    "verify_region": gettext_lazy("Falta saber en qué departamento vives."),
    "verify_sector": gettext_lazy("Falta saber a qué se dedica tu negocio."),
    "verify_crop": gettext_lazy("Falta saber qué cultivas."),
    "verify_age": gettext_lazy("Falta tu fecha de nacimiento."),
    "verify_activity": gettext_lazy("Falta saber desde cuándo trabajas en lo mismo."),
    "verify_creditors": gettext_lazy("Falta saber con cuántas entidades tienes deudas."),
    "verify_harvest": gettext_lazy("Falta saber en qué mes cosechas."),
    "verify_score": gettext_lazy("Falta calcular tu puntaje."),
    # What the policy recommends
    "score_good": gettext_lazy("Tu puntaje de %(score)s alcanza el que pedimos (%(minimum)s)."),
    "affordable": gettext_lazy("La cuota cabe en lo que te queda libre cada mes."),
    "score_missing": gettext_lazy("No se pudo calcular el puntaje: lo verá una persona."),
    "income_missing": gettext_lazy("Faltan datos de tus ingresos (%(facts)s): los verá una persona contigo."),
    "expenses_assumed": gettext_lazy("Usamos cifras supuestas donde no respondiste: %(facts)s."),
    "score_too_low": gettext_lazy("Tu puntaje de %(score)s está por debajo del mínimo de %(minimum)s."),
    "risk_too_high": gettext_lazy("El riesgo de atraso calculado pasa el límite de la entidad."),
    "score_between": gettext_lazy("Tu puntaje de %(score)s pide que una persona evalúe tu caso."),
    "above_automatic_limit": gettext_lazy("Por montos mayores de %(maximum_amount)s te visita un asesor."),
    "unverified_facts": gettext_lazy("Un asesor debe confirmar algunos datos contigo."),
    "no_product_fits": gettext_lazy("Ningún crédito calza con tu pedido tal como está: lo verá una persona."),
    "too_many_creditors": gettext_lazy("Tienes deudas con %(count)s entidades: lo verá una persona."),
    "automated_refused": gettext_lazy("Pediste que no te evalúe un programa: lo hará una persona."),
    "could_not_assess": gettext_lazy("El programa no pudo calcular tu resultado: lo verá una persona."),
    # What an officer may decline with
    "income_not_confirmed": gettext_lazy("No pudimos confirmar tus ingresos."),
    "payments_late": gettext_lazy("Tienes atrasos en otros créditos."),
    "documents_incomplete": gettext_lazy("Faltan documentos o no se pueden leer."),
    "purpose_not_financed": gettext_lazy("No prestamos para ese destino."),
}

ADVICE: Final[dict[str, str | Promise]] = {
    "amount_too_low": gettext_lazy("Podrías pedirlo desde %(minimum_amount)s."),
    "score_low": gettext_lazy("Te faltan %(gap)s puntos: mira qué puede subir tu puntaje."),
    "score_too_low": gettext_lazy("Te faltan %(gap)s puntos: mira qué puede subir tu puntaje."),
    "age_below": gettext_lazy("Podrás pedirlo al cumplirlos."),
    "age_above": gettext_lazy("Un cotitular más joven puede servir: pregúntale a un asesor."),
    "activity_short": gettext_lazy("Podrás pedirlo en %(gap)s meses."),
    "creditors_many": gettext_lazy("Al terminar de pagar a %(gap)s, podrías pedirlo."),
    "too_many_creditors": gettext_lazy("Al terminar una deuda, tu pedido será más fácil de aprobar."),
    "nothing_left": gettext_lazy("Terminar una deuda o subir tus ingresos lo cambiaría."),
    "nothing_left_in_bad_months": gettext_lazy("Terminar una deuda o subir tus ingresos lo cambiaría."),
    "over_indebted": gettext_lazy("Al terminar de pagar una deuda, podrías pedirlo."),
    "not_affordable": gettext_lazy(
        "Te alcanzaría con %(missing)s soles más de ingreso al mes, o menos en otras cuotas."
    ),
    "not_affordable_now": gettext_lazy("Terminar una deuda o subir tus ingresos lo cambiaría."),
    "income_unknown": gettext_lazy("Responde cuánto ganas o vendes y lo calculamos."),
    "income_missing": gettext_lazy("Responde cuánto ganas o vendes y lo calculamos."),
    "expenses_assumed": gettext_lazy("Respóndelas y el cálculo será el tuyo."),
    "less_than_asked": gettext_lazy("Es lo más que te alcanza sin apuros con lo que te queda libre."),
    "harvest_out_of_term": gettext_lazy("Pídelo de %(shortest)s a %(longest)s meses antes de cosechar."),
    "region_not_served": gettext_lazy("Mira las entidades que atienden en tu departamento."),
    "other_segment": gettext_lazy("Si es lo tuyo, pídelo en una solicitud para %(segment)s."),
    "sector_not_served": gettext_lazy("Mira los créditos que atienden tu rubro."),
    "crop_not_served": gettext_lazy("Mira los créditos que financian tu cultivo."),
    "rate_above_cap": gettext_lazy("La entidad debe bajar su tasa."),
    "tea_above_cap": gettext_lazy("Baja la tasa máxima a %(cap)s o menos y publica de nuevo."),
    "cap_missing": gettext_lazy("Carga el tope legal del periodo, con su norma, y publica de nuevo."),
    "income_not_confirmed": gettext_lazy("Guarda boletas, cuaderno de ventas o comprobantes de tus cobros."),
    "payments_late": gettext_lazy("Ponte al día y vuelve a pedirlo después de tres meses."),
    "documents_incomplete": gettext_lazy("Súbelos de nuevo con buena luz."),
    "highest_cost": gettext_lazy("Compara con las otras antes de elegir."),
}

DECLINE_CODES: Final = (
    "nothing_left",
    "income_not_confirmed",
    "payments_late",
    "documents_incomplete",
    "purpose_not_financed",
    "risk_too_high",
)


def describe_months(count: int) -> str:
    """`1 mes`, `12 meses`."""
    return _("1 mes") if count == 1 else _("%(count)s meses") % {"count": count}
