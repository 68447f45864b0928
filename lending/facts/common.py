"""Facts that every segment is asked."""

from decimal import Decimal
from typing import Final

from django.utils.translation import gettext_lazy as _

from lending.facts.fact import Fact, Kind, Per
from lending.reasons import DEPARTMENTS

PURPOSES: Final = {
    "household": {
        "home": _("Mejorar o construir mi casa"),
        "education": _("Estudios"),
        "health": _("Salud"),
        "appliances": _("Muebles o artefactos"),
        "vehicle": _("Moto o auto"),
        "debts": _("Juntar mis deudas en una sola"),
        "other": _("Otra cosa"),
    },
    "enterprise": {
        "stock": _("Comprar mercadería o insumos"),
        "equipment": _("Comprar máquinas o equipos"),
        "premises": _("Arreglar o ampliar mi local"),
        "vehicle": _("Moto, auto o mototaxi de trabajo"),
        "debts": _("Juntar mis deudas en una sola"),
        "other": _("Otra cosa"),
    },
    "farm": {
        "campaign": _("Semilla, abono y gastos de la campaña"),
        "animals": _("Comprar animales"),
        "irrigation": _("Riego"),
        "machinery": _("Herramientas o maquinaria"),
        "land": _("Alquilar o mejorar la tierra"),
        "other": _("Otra cosa"),
    },
}

REQUEST: Final = (
    Fact(
        name="amount",
        kind=Kind.MONEY,
        label=_("¿Cuánto necesitas?"),
        subject=_("El monto"),
        step="request",
        low=100,
        high=1_000_000,
        required=True,
        insisted=True,
        empty_message=_("Escribe cuánto necesitas, por ejemplo 3000"),
    ),
    Fact(
        name="term_months",
        kind=Kind.INTEGER,
        label=_("¿En cuántos meses quieres pagar?"),
        subject=_("El plazo"),
        step="request",
        unit=_("meses"),
        low=1,
        high=120,
        required=True,
        insisted=True,
        empty_message=_("Escribe en cuántos meses quieres pagar, por ejemplo 12"),
    ),
    Fact(
        name="purpose",
        kind=Kind.CHOICE,
        label=_("¿Para qué lo usarás?"),
        subject=_("El destino"),
        step="request",
        choices_of=PURPOSES,
        insisted=True,
        empty_message=_("Elige para qué usarás el crédito"),
    ),
)

REGION: Final = Fact(
    name="region",
    kind=Kind.CHOICE,
    label=_("¿En qué departamento vives?"),
    subject=_("El departamento"),
    step="identity",
    choices=DEPARTMENTS,
    insisted=True,
    empty_message=_("Elige el departamento donde vives"),
)

DEPENDANTS: Final = Fact(
    name="dependants",
    kind=Kind.INTEGER,
    label=_("¿Cuántas personas dependen de ti?"),
    subject=_("El número de personas"),
    hint=_("Hijos, padres u otros que viven de lo que ganas. No te cuentes a ti."),
    step="money",
    unit=_("personas"),
    low=0,
    high=20,
)
SAVINGS: Final = Fact(
    name="savings_balance",
    kind=Kind.MONEY,
    label=_("¿Cuánto tienes ahorrado?"),
    subject=_("El ahorro"),
    hint=_("En una cuenta, en tu billetera digital, en una junta o en casa. Escribe 0 si no tienes."),
    step="money",
    low=0,
    high=10_000_000,
)
HOUSEHOLD_EXPENSES: Final = Fact(
    name="household_expenses",
    kind=Kind.MONEY,
    label=_("¿Cuánto gasta tu hogar al mes?"),
    subject=_("El gasto del hogar"),
    hint=_("Comida, luz, agua, colegio, salud y transporte."),
    step="money",
    asked_per=Per.MONTH,
    low=0,
    high=200_000,
    insisted=True,
    empty_message=_("Escribe cuánto gasta tu hogar al mes, por ejemplo 900"),
)
OTHER_INCOME: Final = Fact(
    name="other_income",
    kind=Kind.MONEY,
    label=_("¿Cuánto dinero más entra a tu hogar cada mes?"),
    subject=_("El otro ingreso"),
    hint=_("Lo que gana tu pareja, alquileres, pensiones o envíos de tu familia. Escribe 0 si no hay."),
    step="money",
    asked_per=Per.MONTH,
    low=0,
    high=1_000_000,
)

DEBTS: Final = (
    Fact(
        name="creditors",
        kind=Kind.INTEGER,
        label=_("¿A cuántos les debes?"),
        subject=_("El número de deudas"),
        hint=_("Cuenta cada banco, caja, cooperativa, casa comercial, junta o persona."),
        step="money",
        low=0,
        high=30,
    ),
    Fact(
        name="other_installments",
        kind=Kind.MONEY,
        label=_("¿Cuánto pagas al mes por todas tus deudas?"),
        subject=_("Lo que pagas al mes"),
        hint=_("Suma todas las cuotas, también las de tarjetas y juntas."),
        step="money",
        asked_per=Per.MONTH,
        low=0,
        high=200_000,
    ),
    Fact(
        name="total_debt",
        kind=Kind.MONEY,
        label=_("¿Cuánto te falta pagar en total?"),
        subject=_("Lo que debes"),
        hint=_("Una cifra aproximada basta."),
        step="money",
        low=0,
        high=10_000_000,
    ),
)
HISTORY: Final = (
    Fact(
        name="past_loans",
        kind=Kind.INTEGER,
        label=_("¿Cuántos préstamos ya terminaste de pagar?"),
        subject=_("El número de préstamos"),
        hint=_("De bancos, cajas, cooperativas o financieras. Escribe 0 si este sería el primero."),
        step="money",
        low=0,
        high=100,
    ),
    Fact(
        name="worst_delay_days",
        kind=Kind.INTEGER,
        label=_("En esos préstamos, ¿cuál fue tu mayor atraso?"),
        subject=_("El atraso"),
        hint=_("Escribe 0 si siempre pagaste a tiempo."),
        step="money",
        unit=_("días"),
        low=0,
        high=3650,
    ),
)

ANY_PRICE: Final = Decimal("0.01")
