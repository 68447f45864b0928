"""What the example lenders lend, in the ranges of the Peruvian market."""

from decimal import Decimal
from typing import Any, Final

D = Decimal

POLICIES: Final[dict[str, dict[str, Any]]] = {
    "qantu": {
        "automatic_limit": D(2500),
        "approve_from": 640,
        "decline_below": 540,
        "pd_max": D("0.25"),
        "insurer": "Aseguradora Andes (de ejemplo)",
        "insurance_policy": "DG-2026-0417",
    },
    "tarpuy": {
        "automatic_limit": D(2000),
        "approve_from": 650,
        "decline_below": 560,
        "pd_max": D("0.20"),
        "insurer": "Vida Sur Seguros (de ejemplo)",
        "insurance_policy": "GRP-88102",
    },
}

# slug: (name, segment, terms)
PRODUCTS: Final[dict[str, tuple[tuple[str, str, dict[str, Any]], ...]]] = {
    "qantu": (
        (
            "Mi Negocio, cuota fija",
            "enterprise",
            {
                "summary": "Mercadería e insumos para tu bodega, puesto o taller.",
                "amount_min": D(500),
                "amount_max": D(20000),
                "term_min": 3,
                "term_max": 18,
                "tea_min": D("0.3690"),
                "tea_max": D("0.7500"),
                "insurance_monthly_rate": D("0.0008"),
                "activity_months_min": 6,
                "score_min": 500,
                "disbursement_days": 2,
            },
        ),
        (
            "Equipa tu Negocio",
            "enterprise",
            {
                "summary": "Máquinas, equipos y arreglos del local, en cuotas más largas.",
                "amount_min": D(3000),
                "amount_max": D(60000),
                "term_min": 12,
                "term_max": 36,
                "tea_min": D("0.2900"),
                "tea_max": D("0.5500"),
                "insurance_monthly_rate": D("0.0008"),
                "activity_months_min": 12,
                "score_min": 600,
                "creditors_max": 3,
                "disbursement_days": 5,
            },
        ),
        (
            "Campaña Agrícola",
            "farm",
            {
                "summary": "Para sembrar: pagas intereses cada mes y el capital cuando cosechas.",
                "amount_min": D(1000),
                "amount_max": D(30000),
                "term_min": 4,
                "term_max": 12,
                "tea_min": D("0.2600"),
                "tea_max": D("0.5500"),
                "amortization": "harvest",
                "insurance_monthly_rate": D("0.0007"),
                "crops": ["potato", "corn", "quinoa", "coffee", "cocoa", "rice"],
                "activity_months_min": 24,
                "score_min": 500,
                "disbursement_days": 3,
            },
        ),
        (
            "Crédito Familiar",
            "household",
            {
                "summary": "Estudios, salud, artefactos o lo que tu familia necesite.",
                "amount_min": D(500),
                "amount_max": D(15000),
                "term_min": 6,
                "term_max": 36,
                "tea_min": D("0.3400"),
                "tea_max": D("0.8500"),
                "insurance_monthly_rate": D("0.0009"),
                "activity_months_min": 6,
                "score_min": 520,
                "disbursement_days": 1,
            },
        ),
        (
            "Mejora tu Casa",
            "household",
            {
                "summary": "Techo, baño, cocina o un piso más.",
                "amount_min": D(3000),
                "amount_max": D(40000),
                "term_min": 12,
                "term_max": 60,
                "tea_min": D("0.2400"),
                "tea_max": D("0.4500"),
                "insurance_monthly_rate": D("0.0009"),
                "activity_months_min": 12,
                "score_min": 600,
                "age_max": 70,
                "disbursement_days": 5,
            },
        ),
    ),
    "tarpuy": (
        (
            "Campaña Rápida",
            "enterprise",
            {
                "summary": "Dinero en un día para tu campaña de ventas.",
                "amount_min": D(300),
                "amount_max": D(5000),
                "term_min": 2,
                "term_max": 10,
                "tea_min": D("0.4500"),
                "tea_max": D("0.9000"),
                "insurance_monthly_rate": D("0.0009"),
                "disbursement_days": 1,
            },
        ),
        (
            "Activo Andino",
            "enterprise",
            {
                "summary": "Vehículos y equipos de trabajo en el sur.",
                "amount_min": D(2000),
                "amount_max": D(40000),
                "term_min": 6,
                "term_max": 36,
                "tea_min": D("0.3400"),
                "tea_max": D("0.7000"),
                "insurance_monthly_rate": D("0.0008"),
                "regions": ["04", "08", "21"],
                "activity_months_min": 12,
                "score_min": 580,
                "down_payment_min": D("0.20"),
                "disbursement_days": 4,
            },
        ),
        (
            "Siembra Segura",
            "farm",
            {
                "summary": "Semilla, abono y jornales, con pago a la cosecha.",
                "amount_min": D(800),
                "amount_max": D(20000),
                "term_min": 4,
                "term_max": 12,
                "tea_min": D("0.3000"),
                "tea_max": D("0.6000"),
                "amortization": "harvest",
                "insurance_monthly_rate": D("0.0007"),
                "crops": ["potato", "quinoa", "corn"],
                "score_min": 520,
                "disbursement_days": 2,
            },
        ),
        (
            "Hato Ganadero",
            "farm",
            {
                "summary": "Vacas, ovejas y alpacas, en cuotas mensuales.",
                "amount_min": D(1500),
                "amount_max": D(25000),
                "term_min": 6,
                "term_max": 24,
                "tea_min": D("0.3000"),
                "tea_max": D("0.6000"),
                "insurance_monthly_rate": D("0.0007"),
                "activity_months_min": 24,
                "score_min": 560,
                "disbursement_days": 3,
            },
        ),
        (
            "Mi Familia",
            "household",
            {
                "summary": "Un apoyo para los gastos de la casa.",
                "amount_min": D(500),
                "amount_max": D(10000),
                "term_min": 3,
                "term_max": 24,
                "tea_min": D("0.3900"),
                "tea_max": D("0.9500"),
                "insurance_monthly_rate": D("0.0009"),
                "score_min": 540,
                "disbursement_days": 1,
            },
        ),
    ),
}
# Programmes of others, as `import_products` reads them.
OPPORTUNITIES: Final = """tipo;código;nombre;para;resumen;monto máximo;departamentos;organizador;requisitos;enlace;desde
oportunidad;agroperu;Fondo AgroPerú (ejemplo);campo;Crédito del Estado a tasa fija para productores organizados.;\
30000;;Midagri y Agrobanco;Pertenecer a una organización de productores con plan de negocio.;\
https://www.gob.pe/midagri;2026-01-01
"""
DEFAULTS: Final[dict[str, Any]] = {"amortization": "equal_installments", "insurance_base": "opening_balance"}
