"""The household: a person or family with an income, not a business."""

from __future__ import annotations

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from scoring.expressions import Coded, Fact, total

from .common import (
    CASH_FLOW_STABILITY,
    CREDITORS,
    PAST_LOANS,
    PAYMENT_TIMELINESS,
    TERM,
    WORST_DELAY,
    amount,
    ask_for_less,
    balance_low,
    household_expenses,
    income_seen,
    lower_debt,
    lower_installments,
    other_income,
    other_installments,
    savings_months,
    spend_less_at_home,
    term_months,
    total_debt,
)
from .feature import Feature, months, number, out_of_100, soles

income = total(Fact("monthly_income"), other_income)
surplus = income - total(household_expenses, other_installments)

EMPLOYMENT = {"pensioner": 0, "employee": 1, "independent": 2, "temporary": 3}
HOUSING = {"owned": 0, "mortgage": 1, "family": 2, "rented": 3}


def _employment_says(value: float) -> str:
    return {
        0: gettext("Recibes una pensión."),
        1: gettext("Trabajas como dependiente."),
        2: gettext("Trabajas por tu cuenta."),
        3: gettext("Tu trabajo es temporal."),
    }[round(value)]


def _housing_says(value: float) -> str:
    return {
        0: gettext("Tu vivienda es propia."),
        1: gettext("Tu vivienda es propia y la estás pagando."),
        2: gettext("Vives en casa de tu familia."),
        3: gettext("Vives en una vivienda alquilada."),
    }[round(value)]


HOUSEHOLD: tuple[Feature, ...] = (
    Feature(
        name="installment_to_surplus",
        label=_("Cuota frente a lo que te queda libre"),
        formula=(amount / term_months) / surplus,
        unit="share",
        low=0,
        high=3,
        direction=1,
        says=lambda value: (
            gettext("La cuota no entra en lo que te queda libre al mes.")
            if value > 1
            else gettext("Devolver el crédito usa %(share)s que te quedan libres.") % {"share": out_of_100(value)}
        ),
        lever=ask_for_less,
        silence=_("Con tus respuestas no podemos calcular cuánto te queda libre al mes."),
    ),
    Feature(
        name="debt_service",
        label=_("Otras cuotas frente al ingreso"),
        formula=other_installments / income,
        unit="share",
        low=0,
        high=1.5,
        direction=1,
        says=lambda value: (
            gettext("No pagas otras cuotas al mes.")
            if value < 0.005
            else gettext("Tus otras cuotas se llevan %(share)s que ganas.") % {"share": out_of_100(value)}
        ),
        lever=lower_installments,
        silence=_("No nos dijiste cuánto pagas al mes por otras deudas."),
    ),
    Feature(
        name="debt_to_income",
        label=_("Deuda frente al ingreso"),
        formula=total_debt / income,
        unit="months",
        low=0,
        high=36,
        direction=1,
        says=lambda value: (
            gettext("No tienes otras deudas.")
            if value < 0.05
            else gettext("Lo que debes equivale a %(months)s meses de tus ingresos.") % {"months": number(value)}
        ),
        lever=lower_debt,
        silence=_("No nos dijiste cuánto debes en total."),
    ),
    Feature(
        name="expense_share",
        label=_("Gasto del hogar frente al ingreso"),
        formula=household_expenses / income,
        unit="share",
        low=0,
        high=2,
        direction=1,
        says=lambda value: gettext("El gasto de tu hogar usa %(share)s que ganas.") % {"share": out_of_100(value)},
        lever=spend_less_at_home,
    ),
    Feature(
        name="income_per_person",
        label=_("Ingreso por persona del hogar"),
        formula=income / (Fact("dependants") + 1),
        unit="soles",
        low=50,
        high=6000,
        direction=-1,
        says=lambda value: gettext("Tu hogar vive con %(soles)s al mes por persona.") % {"soles": soles(value)},
    ),
    Feature(
        name="amount_to_income",
        label=_("Monto pedido frente al ingreso"),
        formula=amount / income,
        unit="months",
        low=0,
        high=24,
        direction=1,
        says=lambda value: (
            gettext("Pides el equivalente a %(months)s meses de tus ingresos.") % {"months": number(value)}
        ),
        lever=ask_for_less,
    ),
    CREDITORS,
    PAST_LOANS,
    WORST_DELAY,
    savings_months(household_expenses),
    Feature(
        name="employment",
        label=_("Tipo de trabajo"),
        formula=Coded("employment", EMPLOYMENT),
        unit="code",
        low=0,
        high=3,
        direction=0,
        says=_employment_says,
    ),
    Feature(
        name="employment_months",
        label=_("Tiempo en el trabajo"),
        formula=Fact("employment_months"),
        unit="months",
        low=0,
        high=240,
        direction=-1,
        says=lambda value: gettext("Llevas %(months)s en tu trabajo.") % {"months": months(value)},
    ),
    Feature(
        name="housing",
        label=_("Vivienda"),
        formula=Coded("housing", HOUSING),
        unit="code",
        low=0,
        high=3,
        direction=0,
        says=_housing_says,
    ),
    Feature(
        name="assets_to_amount",
        label=_("Bienes frente al monto pedido"),
        formula=Fact("assets_value") / amount,
        unit="times",
        low=0,
        high=40,
        direction=-1,
        says=lambda value: (
            gettext("No tienes bienes que respalden el crédito.")
            if value < 0.05
            else gettext("Tus bienes valen %(times)s veces lo que pides.") % {"times": number(value)}
        ),
        lever=ask_for_less,
    ),
    TERM,
    PAYMENT_TIMELINESS,
    CASH_FLOW_STABILITY,
    income_seen(income),
    balance_low(household_expenses),
)
