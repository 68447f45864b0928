"""Features and levers that every segment shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from scoring.expressions import Expression, Fact, Signal, defined_ratio, in_soles, total

from .feature import Feature, Lever, days, months, number, percent, soles

amount = Fact("amount")
term_months = Fact("term_months")
other_installments = Fact("other_installments")
total_debt = Fact("total_debt") + in_soles(Fact("total_debt_usd"), Signal("usd_rate"))
savings_balance = Fact("savings_balance")
household_expenses = Fact("household_expenses")
other_income = Fact("other_income")

Facts = Mapping[str, float]
Goal = Callable[[Facts], float | None]


def down_by(fact: str, share: float) -> Goal:
    """At most this share less than today."""
    return lambda facts: facts[fact] * (1 - share) if facts[fact] > 0 else None


def more_by(fact: str, steps: float, at_most: float) -> Goal:
    """Some more than today, up to a ceiling."""
    return lambda facts: min(facts[fact] + steps, at_most) if facts[fact] < at_most else None


def one_less(fact: str) -> Goal:
    return lambda facts: facts[fact] - 1 if facts[fact] >= 1 else None


def turned_on(fact: str) -> Goal:
    return lambda facts: 1.0 if facts[fact] == 0 else None


def saved_expenses(*parts: str) -> Goal:
    """Today's savings and one month of expenses more."""

    def goal(facts: Facts) -> float | None:
        spent = sum(facts[part] for part in parts if facts[part] == facts[part])
        return facts["savings_balance"] + spent if spent > 0 else None

    return goal


ask_for_less = Lever("amount", down_by("amount", 0.4), 100, _("Pide {value} en lugar de {now}"), soles)
take_longer = Lever(
    "term_months", more_by("term_months", 6, 36), 1, _("Toma un plazo de {value} en lugar de {now}"), months
)
pay_off_one = Lever("creditors", one_less("creditors"), 1, _("Termina de pagar una de tus deudas"), number)
lower_installments = Lever(
    "other_installments",
    down_by("other_installments", 0.5),
    10,
    _("Baja tus otras cuotas de {now} a {value} al mes"),
    soles,
)
lower_debt = Lever("total_debt", down_by("total_debt", 0.5), 100, _("Baja lo que debes de {now} a {value}"), soles)
spend_less_at_home = Lever(
    "household_expenses",
    down_by("household_expenses", 0.2),
    10,
    _("Baja el gasto de tu hogar de {now} a {value} al mes"),
    soles,
)


def _creditors_say(value: float) -> str:
    if value < 1:
        return gettext("No debes a ninguna entidad.")
    return ngettext("Debes a %(count)s entidad.", "Debes a %(count)s entidades.", round(value)) % {
        "count": round(value)
    }


def _past_loans_say(value: float) -> str:
    if value < 1:
        return gettext("Sería tu primer crédito: todavía no tienes historia de pagos.")
    return ngettext(
        "Ya terminaste %(count)s crédito antes.", "Ya terminaste %(count)s créditos antes.", round(value)
    ) % {"count": round(value)}


def _worst_delay_says(value: float) -> str:
    if value < 1:
        return gettext("Pagaste a tiempo tus créditos anteriores.")
    return gettext("En un crédito anterior te atrasaste hasta %(days)s.") % {"days": days(value)}


CREDITORS = Feature(
    name="creditors",
    label=_("Entidades a las que debes"),
    formula=Fact("creditors"),
    unit="count",
    low=0,
    high=8,
    direction=1,
    says=_creditors_say,
    lever=pay_off_one,
)
PAST_LOANS = Feature(
    name="past_loans",
    label=_("Créditos anteriores"),
    formula=Fact("past_loans"),
    unit="count",
    low=0,
    high=12,
    direction=-1,
    says=_past_loans_say,
)
WORST_DELAY = Feature(
    name="worst_delay_days",
    label=_("Mayor atraso en créditos anteriores"),
    formula=Fact("worst_delay_days"),
    unit="days",
    low=0,
    high=180,
    direction=1,
    says=_worst_delay_says,
    silence=_("Todavía no sabemos cómo pagaste créditos anteriores."),
)


def savings_months(expenses_first: Fact, *more: Fact) -> Feature:
    """Savings counted in months of what is spent."""
    spent = total(expenses_first, *more)
    return Feature(
        name="savings_months",
        label=_("Ahorros"),
        formula=savings_balance / spent,
        unit="months",
        low=0,
        high=12,
        direction=-1,
        says=lambda value: (
            gettext("No tienes ahorros para un mes difícil.")
            if value < 0.05
            else gettext("Tus ahorros cubren %(months)s meses de gastos.") % {"months": number(value)}
        ),
        lever=Lever(
            "savings_balance",
            saved_expenses(*(fact.name for fact in (expenses_first, *more))),
            50,
            _("Junta ahorros: de {now} a {value}"),
            soles,
        ),
        silence=_("No nos dijiste cuánto tienes ahorrado."),
    )


TERM = Feature(
    name="term_months",
    label=_("Plazo del crédito"),
    formula=term_months,
    unit="months",
    low=1,
    high=60,
    direction=1,
    says=lambda value: gettext("Pides un plazo de %(months)s.") % {"months": months(value)},
)

PAYMENT_TIMELINESS = Feature(
    name="payment_timeliness",
    label=_("Puntualidad en cuotas anteriores"),
    formula=Fact("payment_timeliness"),
    unit="share",
    low=0,
    high=1,
    direction=-1,
    says=lambda value: gettext("Pagaste a tiempo %(share)s de tus cuotas anteriores.") % {"share": percent(value)},
    silence=_("Todavía no tienes cuotas anteriores con nosotros."),
)
PAYMENT_COMPLETION = Feature(
    name="payment_completion_rate",
    label=_("Pago de lo vencido"),
    formula=Fact("payment_completion_rate"),
    unit="share",
    low=0,
    high=1,
    direction=-1,
    says=lambda value: gettext("Pagaste %(share)s de lo que venció en tus créditos.") % {"share": percent(value)},
    silence=_("Todavía no tienes cuotas anteriores con nosotros."),
)
PAYMENT_FREQUENCY = Feature(
    name="payment_frequency",
    label=_("Frecuencia de tus pagos"),
    formula=Fact("payment_frequency"),
    unit="per_month",
    low=0,
    high=8,
    direction=-1,
    says=lambda value: gettext("En tus créditos hiciste cerca de %(count)s pagos al mes.") % {"count": number(value)},
    silence=_("Todavía no tienes cuotas anteriores con nosotros."),
)
CASH_FLOW_STABILITY = Feature(
    name="cash_flow_stability",
    label=_("Estabilidad de tus ingresos"),
    formula=Fact("cash_flow_stability"),
    unit="share",
    low=0,
    high=1,
    direction=-1,
    says=lambda value: (
        gettext("En tus movimientos, tus ingresos son parejos de un mes a otro.")
        if value >= 0.7
        else gettext("En tus movimientos, tus ingresos cambian mucho de un mes a otro.")
    ),
    silence=_("No nos diste movimientos de cuenta o billetera."),
)


def income_seen(declared: Expression) -> Feature:
    """How much of the declared income a statement shows."""
    return Feature(
        name="income_seen",
        label=_("Ingresos que se ven en tus movimientos"),
        formula=defined_ratio(Fact("statement_income"), declared),
        unit="share",
        low=0,
        high=1.5,
        direction=-1,
        says=lambda value: (
            gettext("En tus movimientos se ve %(share)s de lo que dices que ganas.") % {"share": percent(value)}
        ),
        silence=_("No nos diste movimientos de cuenta o billetera."),
    )


def balance_low(spent: Expression) -> Feature:
    """The lowest balance, counted in months of what is spent."""
    return Feature(
        name="balance_low",
        label=_("Saldo más bajo"),
        formula=defined_ratio(Fact("balance_low"), spent),
        unit="months",
        low=-1,
        high=3,
        direction=-1,
        says=lambda value: (
            gettext("Tu cuenta llegó a quedarse sin saldo.")
            if value <= 0
            else gettext("Tu saldo más bajo cubre %(months)s meses de gastos.") % {"months": number(value)}
        ),
        silence=_("No nos diste movimientos de cuenta o billetera."),
    )


REGION_ARREARS = Feature(
    name="region_arrears",
    label=_("Atrasos de pequeños créditos en tu región"),
    formula=Signal("region_arrears"),
    unit="share",
    low=0,
    high=0.3,
    direction=1,
    says=lambda value: (
        gettext("En tu región están atrasados %(share)s de los pequeños créditos.") % {"share": percent(value)}
    ),
)
