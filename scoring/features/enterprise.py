"""The small business: sales, costs and what stands in the shop."""

from __future__ import annotations

import math

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from scoring.expressions import Coded, Fact, Signal, defined_ratio, log, total

from .common import (
    CASH_FLOW_STABILITY,
    CREDITORS,
    PAST_LOANS,
    PAYMENT_COMPLETION,
    PAYMENT_FREQUENCY,
    PAYMENT_TIMELINESS,
    REGION_ARREARS,
    TERM,
    WORST_DELAY,
    amount,
    ask_for_less,
    down_by,
    household_expenses,
    income_seen,
    lower_debt,
    lower_installments,
    more_by,
    other_income,
    other_installments,
    savings_balance,
    savings_months,
    term_months,
    total_debt,
    turned_on,
)
from .feature import Feature, Lever, months, number, out_of_100, percent, soles

sales = Fact("monthly_sales")
purchases = Fact("monthly_purchases")
business_expenses = Fact("business_expenses")
gross_profit = sales - purchases
surplus = total(gross_profit, other_income) - total(business_expenses, household_expenses, other_installments)

yearly_profit = (gross_profit - business_expenses) * 12
assets = total(Fact("inventory_value"), Fact("equipment_value"), savings_balance)
equity = assets - total_debt

SECTOR = {"commerce": 0, "food": 1, "services": 2, "production": 3, "transport": 4, "other": 5}
PREMISES = {"owned": 0, "rented": 1, "home": 2, "street": 3}
SALES_TREND = {"up": 0, "same": 1, "down": 2}


def _sector_says(value: float) -> str:
    return {
        0: gettext("Tu negocio es de comercio."),
        1: gettext("Tu negocio es de comida."),
        2: gettext("Tu negocio es de servicios."),
        3: gettext("Tu negocio es de producción."),
        4: gettext("Tu negocio es de transporte."),
        5: gettext("Tu negocio es de otro rubro."),
    }[round(value)]


def _premises_say(value: float) -> str:
    return {
        0: gettext("Tu local es propio."),
        1: gettext("Tu local es alquilado."),
        2: gettext("Tu negocio está en tu casa."),
        3: gettext("Vendes en la calle o de puesto en puesto."),
    }[round(value)]


def _trend_says(value: float) -> str:
    return {
        0: gettext("Tus ventas vienen subiendo."),
        1: gettext("Tus ventas se mantienen."),
        2: gettext("Tus ventas vienen bajando."),
    }[round(value)]


ENTERPRISE: tuple[Feature, ...] = (
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
        name="gross_profit_margin",
        label=_("Margen de las ventas"),
        formula=gross_profit / sales,
        unit="share",
        low=-0.5,
        high=0.95,
        direction=-1,
        says=lambda value: (
            gettext("Compras mercadería por más de lo que vendes.")
            if value < 0
            else gettext("De lo que vendes te quedan %(share)s después de comprar mercadería.")
            % {"share": out_of_100(value)}
        ),
    ),
    Feature(
        name="expense_share",
        label=_("Gastos del negocio frente a las ventas"),
        formula=business_expenses / sales,
        unit="share",
        low=0,
        high=1,
        direction=1,
        says=lambda value: gettext("Los gastos del negocio usan %(share)s que vendes.") % {"share": out_of_100(value)},
        lever=Lever(
            "business_expenses",
            down_by("business_expenses", 0.2),
            10,
            _("Baja los gastos del negocio de {now} a {value} al mes"),
            soles,
        ),
    ),
    Feature(
        name="debt_to_sales",
        label=_("Deuda frente a las ventas"),
        formula=total_debt / sales,
        unit="months",
        low=0,
        high=24,
        direction=1,
        says=lambda value: (
            gettext("No tienes otras deudas.")
            if value < 0.05
            else gettext("Lo que debes equivale a %(months)s meses de tus ventas.") % {"months": number(value)}
        ),
        lever=lower_debt,
        silence=_("No nos dijiste cuánto debes en total."),
    ),
    Feature(
        name="debt_service",
        label=_("Otras cuotas frente a la ganancia"),
        formula=other_installments / gross_profit,
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
        name="amount_to_sales",
        label=_("Monto pedido frente a las ventas"),
        formula=amount / sales,
        unit="months",
        low=0,
        high=18,
        direction=1,
        says=lambda value: (
            gettext("Pides el equivalente a %(months)s meses de tus ventas.") % {"months": number(value)}
        ),
        lever=ask_for_less,
    ),
    CREDITORS,
    PAST_LOANS,
    WORST_DELAY,
    savings_months(household_expenses, business_expenses),
    Feature(
        name="business_months",
        label=_("Tiempo del negocio"),
        formula=Fact("business_months"),
        unit="months",
        low=0,
        high=240,
        direction=-1,
        says=lambda value: gettext("Tu negocio tiene %(months)s.") % {"months": months(value)},
    ),
    Feature(
        name="assets_to_amount",
        label=_("Bienes del negocio frente al monto pedido"),
        formula=total(Fact("inventory_value"), Fact("equipment_value")) / amount,
        unit="times",
        low=0,
        high=30,
        direction=-1,
        says=lambda value: (
            gettext("Tu mercadería y tus equipos valen %(times)s veces lo que pides.") % {"times": number(value)}
        ),
        lever=ask_for_less,
    ),
    Feature(
        name="digital_share",
        label=_("Ventas por billetera digital"),
        formula=Fact("digital_share"),
        unit="share",
        low=0,
        high=1,
        direction=-1,
        says=lambda value: gettext("Cobras con billetera digital %(share)s de tus ventas.") % {"share": percent(value)},
        lever=Lever(
            "digital_share",
            more_by("digital_share", 0.3, 1.0),
            0.05,
            _("Cobra con billetera digital más de tus ventas: de {now} a {value}"),
            percent,
        ),
    ),
    Feature(
        name="sales_trend",
        label=_("Tendencia de las ventas"),
        formula=Coded("sales_trend", SALES_TREND),
        unit="code",
        low=0,
        high=2,
        direction=1,
        says=_trend_says,
    ),
    Feature(
        name="keeps_records",
        label=_("Cuaderno de ventas"),
        formula=Fact("keeps_records"),
        unit="yes_no",
        low=0,
        high=1,
        direction=-1,
        says=lambda value: (
            gettext("Llevas un cuaderno o registro de tus ventas.")
            if value >= 0.5
            else gettext("No llevas un registro de tus ventas.")
        ),
        lever=Lever("keeps_records", turned_on("keeps_records"), 1, _("Lleva un cuaderno de tus ventas"), number),
    ),
    Feature(
        name="sector",
        label=_("Rubro"),
        formula=Coded("sector", SECTOR),
        unit="code",
        low=0,
        high=5,
        direction=0,
        says=_sector_says,
    ),
    Feature(
        name="premises",
        label=_("Local"),
        formula=Coded("premises", PREMISES),
        unit="code",
        low=0,
        high=3,
        direction=0,
        says=_premises_say,
    ),
    TERM,
    Feature(
        name="monthly_income",
        label=_("Ingreso del negocio al mes"),
        formula=log(total(sales, other_income)),
        unit="log_soles",
        low=5,
        high=12,
        direction=-1,
        says=lambda value: gettext("Tu negocio mueve cerca de %(soles)s al mes.") % {"soles": soles(math.expm1(value))},
    ),
    Feature(
        name="monthly_expenses",
        label=_("Compras y gastos al mes"),
        formula=log(total(purchases, business_expenses)),
        unit="log_soles",
        low=4,
        high=12,
        direction=1,
        says=lambda value: (
            gettext("Tu negocio gasta cerca de %(soles)s al mes en compras y gastos.")
            % {"soles": soles(math.expm1(value))}
        ),
    ),
    Feature(
        name="net_cash_flow",
        label=_("Lo que te queda libre al mes"),
        formula=surplus,
        unit="soles",
        low=-3_000,
        high=15_000,
        direction=-1,
        says=lambda value: (
            gettext("Al mes gastas más de lo que entra.")
            if value < 0
            else gettext("Al mes te quedan libres %(soles)s.") % {"soles": soles(value)}
        ),
    ),
    Feature(
        name="return_on_assets",
        label=_("Ganancia del año frente a los bienes"),
        formula=defined_ratio(yearly_profit, assets),
        unit="share",
        low=-1,
        high=10,
        direction=-1,
        says=lambda value: (
            gettext("Tu negocio gana al año %(share)s de lo que valen sus bienes.") % {"share": percent(value)}
        ),
    ),
    Feature(
        name="return_on_equity",
        label=_("Ganancia del año frente al patrimonio"),
        formula=defined_ratio(yearly_profit, equity),
        unit="share",
        low=-1,
        high=15,
        direction=-1,
        says=lambda value: (
            gettext("Tu negocio gana al año %(share)s de lo que es tuyo en él.") % {"share": percent(value)}
        ),
        silence=_("Con tus respuestas no podemos calcular el patrimonio de tu negocio, o debes más de lo que tienes."),
    ),
    Feature(
        name="total_debt",
        label=_("Deuda total"),
        formula=total_debt,
        unit="soles",
        low=0,
        high=60_000,
        direction=1,
        says=lambda value: (
            gettext("No tienes otras deudas.") if value < 1 else gettext("Debes %(soles)s.") % {"soles": soles(value)}
        ),
        lever=lower_debt,
        silence=_("No nos dijiste cuánto debes en total."),
    ),
    Feature(
        name="total_equity",
        label=_("Patrimonio del negocio"),
        formula=equity,
        unit="soles",
        low=-20_000,
        high=100_000,
        direction=-1,
        says=lambda value: (
            gettext("Debes más de lo que vale tu negocio.")
            if value < 0
            else gettext("Lo que es tuyo en el negocio vale %(soles)s.") % {"soles": soles(value)}
        ),
    ),
    Feature(
        name="debt_to_equity_ratio",
        label=_("Deuda frente al patrimonio"),
        formula=total_debt / equity,
        unit="times",
        low=0,
        high=5,
        direction=1,
        says=lambda value: (
            gettext("No tienes otras deudas.")
            if value < 0.005
            else gettext("Debes %(times)s veces lo que es tuyo en el negocio.") % {"times": number(value)}
        ),
        lever=lower_debt,
    ),
    PAYMENT_TIMELINESS,
    PAYMENT_FREQUENCY,
    PAYMENT_COMPLETION,
    CASH_FLOW_STABILITY,
    income_seen(total(sales, other_income)),
    Feature(
        name="daily_sales_volatility",
        label=_("Cambios de tus ventas de un día a otro"),
        formula=Fact("daily_sales_volatility"),
        unit="times",
        low=0,
        high=4,
        direction=1,
        says=lambda value: (
            gettext("Tus ventas de cada día son parejas.")
            if value < 0.6
            else gettext("Tus ventas cambian mucho de un día a otro.")
        ),
        silence=_("No nos diste movimientos de cuenta o billetera."),
    ),
    Feature(
        name="sales_growth",
        label=_("Crecimiento de tus ventas"),
        formula=Fact("sales_growth"),
        unit="share",
        low=-0.2,
        high=0.2,
        direction=-1,
        says=lambda value: (
            gettext("En tus movimientos, tus ventas bajan %(share)s al mes.") % {"share": percent(-value)}
            if value < -0.005
            else gettext("En tus movimientos, tus ventas suben %(share)s al mes.") % {"share": percent(max(value, 0))}
        ),
        silence=_("No nos diste movimientos de cuenta o billetera."),
    ),
    Feature(
        name="sales_season",
        label=_("Temporadas de tus ventas"),
        formula=Fact("sales_season"),
        unit="share",
        low=0,
        high=1,
        direction=0,
        says=lambda value: (
            gettext("Vendes parecido todo el año.")
            if value < 0.3
            else gettext("Tus ventas dependen mucho de la época del año.")
        ),
        silence=_("No nos diste movimientos de cuenta o billetera."),
    ),
    Feature(
        name="sector_arrears",
        label=_("Atrasos de pequeños créditos en tu rubro"),
        formula=Signal("sector_arrears"),
        unit="share",
        low=0,
        high=0.3,
        direction=1,
        says=lambda value: (
            gettext("En tu rubro están atrasados %(share)s de los pequeños créditos.") % {"share": percent(value)}
        ),
    ),
    REGION_ARREARS,
)
