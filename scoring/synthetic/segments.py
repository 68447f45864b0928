"""The facts of each segment's borrowers, complete, as they are before anybody forgets to answer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .population import Crowd, between, grouped, lognormal, or_nothing, rounded, worded

Facts = dict[str, np.ndarray]

TERMS = np.array([6, 9, 12, 15, 18, 24, 36])


def _debts(crowd: Crowd, pressure: np.ndarray, monthly: np.ndarray) -> Facts:
    """Creditors, debt and installments, heavier for people under `pressure`."""
    creditors = grouped(pressure, [0.34, 0.30, 0.19, 0.10, 0.04, 0.02, 0.01])
    owed = lognormal(crowd.alone(), 1.3 * monthly * np.maximum(creditors, 1) ** 0.8, 0.75)
    debt = np.where(creditors > 0, np.minimum(owed, 15 * monthly), 0.0)
    months_left = between(crowd.alone(), 8, 26)
    return {
        "creditors": creditors,
        "total_debt": rounded(debt, 50),
        "other_installments": rounded(1.2 * debt / months_left, 5),
    }


def _wish(crowd: Crowd, monthly: np.ndarray, free: np.ndarray) -> Facts:
    """What they ask for: a term, and an amount whose repayment takes about half of what is `free` a month."""
    wish = crowd.alone()
    term = TERMS[grouped(0.6 * wish + 0.8 * crowd.alone(), [0.14, 0.12, 0.30, 0.10, 0.16, 0.12, 0.06])]
    payment = lognormal(wish, 0.45 * np.maximum(free, 0.1 * monthly), 0.6)
    return {"amount": rounded(payment * term, 100, 500, 60_000), "term_months": term}


def household(crowd: Crowd) -> Facts:
    earns, spends, saves, owns, side = crowd.block([0.85, 0.55, 0.5, 0.6, 0.2], place=0.4)
    pressure, tight = crowd.block([0.75, 0.7])
    settled, stays = crowd.block([0.6, 0.6])
    income = rounded(lognormal(earns, 1600, 0.5), 10, 200, 30_000)
    other = rounded(or_nothing(side, 0.6, lognormal(crowd.alone(), 380, 0.6)), 10)
    share = between(0.8 * tight - 0.5 * earns + 0.3 * spends, 0.30, 0.95)
    expenses = rounded((income + other) * share, 10, 100)
    debts = _debts(crowd, pressure, income)
    return {
        **_wish(crowd, income, income + other - expenses - debts["other_installments"]),
        **debts,
        "monthly_income": income,
        "other_income": other,
        "household_expenses": expenses,
        "dependants": grouped(crowd.alone(), [0.22, 0.22, 0.24, 0.18, 0.09, 0.05]),
        "savings_balance": rounded(or_nothing(saves - 0.5 * tight, 0.38, lognormal(saves, 900, 1.0)), 10),
        "assets_value": rounded(or_nothing(owns, 0.12, lognormal(owns, 9_000, 1.0)), 100),
        "employment": worded(-settled, {"pensioner": 0.06, "employee": 0.44, "independent": 0.36, "temporary": 0.14}),
        "employment_months": np.minimum(np.floor(lognormal(settled, 30, 0.95)), 480),
        "housing": worded(-stays, {"owned": 0.42, "mortgage": 0.07, "family": 0.29, "rented": 0.22}),
    }


def enterprise(crowd: Crowd) -> Facts:
    sells, stock, equipped, saves, digital = crowd.block([0.85, 0.7, 0.55, 0.4, 0.35], place=0.4)
    pressure, tight = crowd.block([0.75, 0.7])
    known, orderly = crowd.block([0.55, 0.6])
    sales = rounded(lognormal(sells, 5_200, 0.7), 50, 400, 200_000)
    margin = between(0.7 * crowd.alone() - 0.7 * tight, 0.16, 0.62)
    purchases = rounded(sales * (1 - margin), 10)
    expenses = rounded(sales * between(crowd.alone(), 0.03, 0.22), 10)
    profit = np.maximum(sales - purchases - expenses, 100)
    home = rounded(np.minimum(profit * between(0.7 * tight + 0.7 * crowd.alone(), 0.3, 1.1), 6_000), 10, 150)
    other = rounded(or_nothing(crowd.alone(), 0.65, lognormal(crowd.alone(), 450, 0.6)), 10)
    debts = _debts(crowd, pressure, 0.5 * sales)
    return {
        **_wish(crowd, 0.6 * sales, profit + other - home - debts["other_installments"]),
        **debts,
        "monthly_sales": sales,
        "monthly_purchases": purchases,
        "business_expenses": expenses,
        "household_expenses": home,
        "other_income": other,
        "dependants": grouped(crowd.alone(), [0.2, 0.2, 0.26, 0.2, 0.09, 0.05]),
        "savings_balance": rounded(or_nothing(saves - 0.5 * tight, 0.36, lognormal(saves, 1_400, 1.0)), 10),
        "inventory_value": rounded(lognormal(stock, 0.9 * purchases + 200, 0.6), 50),
        "equipment_value": rounded(or_nothing(equipped, 0.15, lognormal(equipped, 3_500, 0.9)), 50),
        "sector": worded(
            crowd.alone(),
            {
                "commerce": 0.44,
                "services": 0.18,
                "food": 0.15,
                "production": 0.11,
                "transport": 0.09,
                "other": 0.03,
            },
        ),
        "business_months": np.minimum(np.floor(lognormal(known, 46, 0.9)), 480),
        "premises": worded(-known, {"owned": 0.2, "rented": 0.38, "home": 0.26, "street": 0.16}),
        "digital_share": np.round(between(0.8 * digital + 0.6 * orderly - 0.4, 0, 0.9), 2),
        "sales_trend": worded(0.6 * tight + 0.8 * crowd.alone(), {"up": 0.34, "same": 0.45, "down": 0.21}),
        "keeps_records": (orderly > 0.1).astype(float),
    }


# crop: (share, kg per hectare, soles per kg, spread of the price, cost share of a usual harvest, months, metres)
CROPS: dict[str, tuple[float, float, float, float, float, int, float]] = {
    "potato": (0.26, 16_500, 1.03, 0.34, 0.58, 6, 3_500),
    "rice": (0.14, 8_000, 1.30, 0.18, 0.60, 5, 250),
    "corn": (0.16, 5_000, 1.25, 0.16, 0.62, 5, 900),
    "quinoa": (0.09, 1_500, 5.00, 0.30, 0.55, 6, 3_700),
    "coffee": (0.16, 800, 8.50, 0.35, 0.55, 9, 1_400),
    "cocoa": (0.09, 900, 11.0, 0.38, 0.50, 9, 600),
    "avocado": (0.05, 13_000, 3.20, 0.25, 0.50, 9, 1_200),
    "grape": (0.03, 24_000, 3.50, 0.20, 0.52, 8, 450),
    "other": (0.02, 7_000, 1.80, 0.35, 0.58, 6, 2_000),
}


def farm(crowd: Crowd) -> Facts:
    land, skill, herd, saves = crowd.block([0.6, 0.45, 0.5, 0.45], place=0.3)
    pressure, tight = crowd.block([0.75, 0.7])
    rooted, joined = crowd.block([0.6, 0.4])
    crop_index = grouped(crowd.alone(), [values[0] for values in CROPS.values()])
    table = np.array([values[1:] for values in CROPS.values()])[crop_index]
    usual_yield, usual_price, price_spread, cost_share, season, height = table.T
    hectares = np.round(np.clip(lognormal(land, 2.0, 0.7), 0.25, 60), 2)
    wet = worded(0.5 * crowd.alone() - 0.6 * skill, {"irrigated": 0.36, "mixed": 0.2, "rainfed": 0.44})
    kilos = rounded(usual_yield * np.exp(0.28 * np.clip(skill, -2.5, 2.5) - 0.12 * (wet == "rainfed")), 10, 50)
    price = np.round(usual_price * np.exp(price_spread * 0.6 * crowd.alone()), 2)
    worth = hectares * kilos * price
    usual_worth = hectares * usual_yield * usual_price
    cost = rounded(usual_worth * cost_share * np.exp(0.25 * crowd.alone() + 0.15 * tight), 50, 200)
    months = np.clip(season + np.round(0.6 * crowd.alone()), 4, 12)
    monthly = np.clip(worth / 12, 250, 8_000)
    home = rounded(np.clip(monthly * between(tight, 0.25, 0.9), 200, 4_000), 10)
    return {
        "amount": rounded(cost * between(crowd.alone(), 0.25, 1.1), 100, 500, 60_000),
        "term_months": np.clip(months + np.round(1.5 * crowd.alone() + 0.5), 3, 18),
        "crop": np.array(list(CROPS), dtype=object)[crop_index],
        "hectares": hectares,
        "irrigation": wet,
        "altitude_m": rounded(np.clip(height + 450 * crowd.alone(), 5, 4_600), 10),
        "yield_kg_ha": kilos,
        "price_per_kg": price,
        "campaign_cost": cost,
        "campaign_months": months,
        "harvest_month": crowd.rng.integers(1, 13, crowd.n),
        "farming_years": np.minimum(np.floor(lognormal(rooted, 13, 0.7)), 60),
        "land_tenure": worded(-rooted, {"owned": 0.36, "possession": 0.30, "communal": 0.16, "rented": 0.18}),
        "cooperative": (joined > 0.6).astype(float),
        "livestock_value": rounded(or_nothing(herd, 0.3, lognormal(herd, 2_200, 0.9)), 50),
        "lost_harvests": grouped(
            0.7 * crowd.alone() - 0.4 * skill + 0.6 * (wet == "rainfed"), [0.58, 0.25, 0.11, 0.05, 0.01]
        ),
        "household_expenses": home,
        "other_income": rounded(or_nothing(crowd.alone(), 0.5, lognormal(crowd.alone(), 350, 0.6)), 10),
        **_debts(crowd, pressure, 1.2 * monthly),
        "dependants": grouped(crowd.alone(), [0.12, 0.18, 0.26, 0.22, 0.13, 0.09]),
        "savings_balance": rounded(or_nothing(saves - 0.4 * tight, 0.45, lognormal(saves, 900, 1.0)), 10),
    }


WITH_STATEMENT = {"household": 0.35, "enterprise": 0.45, "farm": 0.0}
WITH_HISTORY = 0.6  # of those who had loans before, some of them with this lender
WITH_SIGNALS = 0.95
INCOME = {"household": "monthly_income", "enterprise": "monthly_sales"}


def seen_elsewhere(segment: str, crowd: Crowd, facts: Facts, latent_delay: np.ndarray, on_time: float) -> Facts:
    """What statements, past installments and signals show; NaN where there are none, which tells nothing.

    `on_time` is the latent delay below which every installment was paid on its day.
    """
    had_loans = (facts["past_loans"] > 0) & (crowd.rng.random(crowd.n) < WITH_HISTORY)
    late = np.where(latent_delay < on_time, 0.0, between(latent_delay, 0.0, 0.8) - 0.5)
    history = {
        "payment_timeliness": np.round(1 - np.clip(late, 0, 1), 2),
        "payment_completion_rate": np.round(1 - 0.4 * np.clip(late, 0, 1), 2),
        "payment_frequency": np.round(between(crowd.alone(), 0.9, 2.1), 2),
    }
    statement: Facts = {}
    if segment in INCOME:
        income = facts[INCOME[segment]] + facts["other_income"]
        statement = {
            "statement_income": rounded(income * between(crowd.alone(), 0.35, 1.15), 10),
            "cash_flow_stability": np.round(between(crowd.alone(), 0.2, 0.98), 3),
            "balance_low": rounded(
                facts["household_expenses"] * (lognormal(crowd.alone(), 0.3, 0.9) - 0.15), 10, -5_000
            ),
        }
    if segment == "enterprise":
        del statement["balance_low"]
        statement |= {
            "daily_sales_volatility": np.round(lognormal(crowd.alone(), 0.8, 0.5), 3),
            "sales_growth": np.round(0.03 * crowd.alone(), 4),
            "sales_season": np.round(between(crowd.alone(), 0.0, 0.8), 3),
        }
    gives = crowd.rng.random(crowd.n) < WITH_STATEMENT[segment]
    signals = _farm_signals(crowd, facts) if segment == "farm" else {}
    if segment == "enterprise":
        signals = {
            "sector_arrears": np.round(lognormal(crowd.alone(), 0.07, 0.35), 4),
            "region_arrears": np.round(0.07 * np.exp(-0.3 * crowd.place), 4),
        }
    known = crowd.rng.random(crowd.n) < WITH_SIGNALS
    return {
        **{name: np.where(had_loans, values, np.nan) for name, values in history.items()},
        **{name: np.where(gives, values, np.nan) for name, values in statement.items()},
        **{name: np.where(known, values, np.nan) for name, values in signals.items()},
    }


def _farm_signals(crowd: Crowd, facts: Facts) -> Facts:
    table = np.array([CROPS[crop][1:4] for crop in facts["crop"]])
    usual_yield, usual_price, spread = table.T
    usual = usual_price * np.exp(0.1 * crowd.place)
    cold = np.clip((facts["altitude_m"] - 2_800) / 60, 0, None)
    return {
        "crop_price": np.round(usual * np.exp(0.6 * spread * crowd.alone()), 3),
        "crop_price_usual": np.round(usual, 3),
        "crop_price_volatility": np.round(spread * np.exp(0.3 * crowd.alone()), 3),
        "crop_yield_usual": rounded(usual_yield * np.exp(0.1 * crowd.place), 10),
        "rain_ratio": np.round(lognormal(crowd.alone(), 1.0, 0.35), 3),
        "frost_nights": np.round(np.clip(cold * np.exp(0.5 * crowd.alone()), 0, 60)),
        "el_nino": np.round(0.9 * crowd.alone(), 2),
    }


POPULATIONS: dict[str, Callable[[Crowd], Facts]] = {
    "household": household,
    "enterprise": enterprise,
    "farm": farm,
}
