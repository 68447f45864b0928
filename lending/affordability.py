"""What a person can pay each month: declared, verified, and in a bad year.

Pure. Facts are the declared ones of the application (soles per month as Decimal, or as text from JSON);
None or absent means unanswered, which is never read as zero: an unanswered expense counts at a stated
floor, an unanswered income leaves the surplus unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final

from django.utils.functional import Promise

from lending.money import CENT, ZERO, round_money
from lending.reasons import label

MONTHS_IN_YEAR: Final = 12
_AFTER_INCOME: Final = frozenset({"household_expenses", "other_installments"})


# Cost of goods over sales, by sector; the last one is for an unanswered sector.
GOODS_SHARE: Final[dict[str, Decimal]] = {
    "commerce": Decimal("0.75"),
    "production": Decimal("0.65"),
    "food": Decimal("0.60"),
    "transport": Decimal("0.55"),
    "services": Decimal("0.40"),
    "other": Decimal("0.75"),
}
# Low harvest (kg a hectare) and low farm-gate price (soles a kg).
CROP_FLOOR: Final[dict[str, tuple[Decimal, Decimal]]] = {
    "potato": (Decimal(15000), Decimal("0.70")),
    "rice": (Decimal(7000), Decimal("1.00")),
    "coffee": (Decimal(700), Decimal("7.00")),
    "cocoa": (Decimal(800), Decimal("7.00")),
    "corn": (Decimal(4500), Decimal("1.00")),
    "quinoa": (Decimal(1200), Decimal("3.50")),
    "avocado": (Decimal(11000), Decimal("2.00")),
    "grape": (Decimal(20000), Decimal("2.50")),
}


@dataclass(frozen=True, slots=True)
class StressPolicy:
    """How bad a bad year is, and what stands in for an unanswered expense. Fractions and soles."""

    sales_drop: Decimal = Decimal("0.15")  # enterprise; the cost of goods falls with sales
    income_drop: Decimal = Decimal("0.15")  # household, and other income everywhere
    yield_drop: Decimal = Decimal("0.20")  # farm
    price_drop: Decimal = Decimal("0.15")  # farm
    household_floor: Decimal = Decimal(600)  # a month, for one adult
    dependant_floor: Decimal = Decimal(200)  # a month, for each dependant
    assumed_dependants: int = 2
    expense_share: Decimal = Decimal("0.05")  # business expenses over sales
    campaign_cost_share: Decimal = Decimal("0.65")  # campaign cost over harvest sales
    debt_months: int = 12  # a debt of unknown installments is paid off in this time
    unknown_debt_share: Decimal = Decimal("0.10")  # installments over income when no debt was answered
    goods_share: Mapping[str, Decimal] = field(default_factory=lambda: dict(GOODS_SHARE))
    crop_floor: Mapping[str, tuple[Decimal, Decimal]] = field(default_factory=lambda: dict(CROP_FLOOR))


@dataclass(frozen=True, slots=True)
class CapacityPolicy:
    """Largest installment as a share of what is left each month."""

    installment_to_surplus: Decimal = Decimal("0.50")  # of the verified surplus
    installment_to_stressed: Decimal = Decimal("0.70")  # of the stressed surplus
    installments_to_income: Decimal = Decimal("0.40")  # of the net income, all debts together (over-indebtedness)


@dataclass(frozen=True, slots=True)
class AffordabilityRow:
    """One line of the table, soles a month; what goes out is negative, what is unknown is None."""

    code: str
    declared: Decimal | None
    verified: Decimal | None
    stressed: Decimal | None

    @property
    def label(self) -> str | Promise:
        return label(self.code)


@dataclass(frozen=True, slots=True)
class Affordability:
    """The monthly table of a person and what it leaves; a surplus is None while the income is unknown."""

    segment: str
    rows: tuple[AffordabilityRow, ...]
    surplus_declared: Decimal | None
    surplus_verified: Decimal | None
    surplus_stressed: Decimal | None
    assumed: tuple[str, ...] = ()  # facts that a stated floor stands in for
    missing: tuple[str, ...] = ()  # facts without which the surplus is unknown
    campaign_cost: Decimal = ZERO  # farm, a campaign, verified
    harvest_month: int | None = None
    income_kept: Decimal = Decimal(1)  # what a bad year leaves of each further sol of income

    @property
    def is_known(self) -> bool:
        return not self.missing

    @property
    def net_income(self) -> Decimal | None:
        """What comes in each month after the costs of earning it, verified; None where the table does not say."""
        amounts = [row.verified for row in self.rows if row.code not in _AFTER_INCOME]
        known = [amount for amount in amounts if amount is not None]
        if len(known) < len(amounts) or (not self.rows and self.surplus_verified):  # unanswered; only the surplus given
            return None
        return sum(known, ZERO)

    @property
    def other_installments(self) -> Decimal:
        """What other debts take each month, verified."""
        return -sum((row.verified or ZERO for row in self.rows if row.code == "other_installments"), ZERO)

    def share_of_surplus(self, installment: Decimal) -> Decimal | None:
        """`installment` over the verified surplus; None where nothing is left or known."""
        return _ratio(installment, self.surplus_verified)

    def share_of_stressed(self, installment: Decimal) -> Decimal | None:
        """`installment` over the stressed surplus; None where nothing is left or known."""
        return _ratio(installment, self.surplus_stressed)

    def as_json(self) -> dict[str, Any]:
        """For storage: money as text, unknown as null."""
        return {
            "segment": self.segment,
            "rows": [
                {
                    "code": row.code,
                    "declared": _text(row.declared),
                    "verified": _text(row.verified),
                    "stressed": _text(row.stressed),
                }
                for row in self.rows
            ],
            "surplus": {
                "declared": _text(self.surplus_declared),
                "verified": _text(self.surplus_verified),
                "stressed": _text(self.surplus_stressed),
            },
            "assumed": list(self.assumed),
            "missing": list(self.missing),
            "campaign_cost": _text(self.campaign_cost),
            "harvest_month": self.harvest_month,
            "income_kept": str(self.income_kept),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Affordability":
        """The table that `as_json` stored."""
        surplus = data["surplus"]
        return cls(
            segment=data["segment"],
            rows=tuple(
                AffordabilityRow(
                    row["code"], _decimal(row["declared"]), _decimal(row["verified"]), _decimal(row["stressed"])
                )
                for row in data["rows"]
            ),
            surplus_declared=_decimal(surplus["declared"]),
            surplus_verified=_decimal(surplus["verified"]),
            surplus_stressed=_decimal(surplus["stressed"]),
            assumed=tuple(data["assumed"]),
            missing=tuple(data["missing"]),
            campaign_cost=_decimal(data["campaign_cost"]) or ZERO,
            harvest_month=data["harvest_month"],
            income_kept=Decimal(data.get("income_kept", 1)),
        )


def assess(
    segment: str,
    facts: Mapping[str, Any],
    verified: Mapping[str, Any] | None = None,
    stress: StressPolicy | None = None,
) -> Affordability:
    """The monthly table of an applicant.

    `verified` holds what an officer checked, fact by fact; the rest stands as declared. Raises ValueError
    for an unknown segment.
    """
    policy = stress or StressPolicy()
    lines = _LINES.get(segment)
    if lines is None:
        raise ValueError(f"unknown segment {segment!r}")
    checked = {**facts, **{name: value for name, value in (verified or {}).items() if value is not None}}
    declared_column = _Column(facts, policy, stressed=False)
    verified_column = _Column(checked, policy, stressed=False)
    stressed_column = _Column(checked, policy, stressed=True)
    columns = [lines(column) for column in (declared_column, verified_column, stressed_column)]
    rows = tuple(
        AffordabilityRow(code, *(column.get(code) for column in columns))
        for code in columns[1]
        if any(column.get(code) != 0 for column in columns)
    )
    is_farm = segment == "farm"
    harvest_month = verified_column.number("harvest_month") if is_farm else None
    return Affordability(
        segment=segment,
        rows=rows,
        surplus_declared=_total(columns[0]),
        surplus_verified=_total(columns[1]),
        surplus_stressed=_total(columns[2]),
        assumed=tuple(verified_column.assumed),
        missing=tuple(verified_column.missing),
        campaign_cost=verified_column.campaign_cost() if is_farm else ZERO,
        harvest_month=None if harvest_month is None else int(harvest_month),
        income_kept=1 - policy.income_drop,
    )


def largest_installment(affordability: Affordability, policy: CapacityPolicy) -> Decimal:
    """The monthly installment the policy allows, rounded down to the céntimo; zero where nothing is left."""
    if affordability.surplus_verified is None or affordability.surplus_stressed is None:
        return ZERO
    room = min(
        affordability.surplus_verified * policy.installment_to_surplus,
        affordability.surplus_stressed * policy.installment_to_stressed,
    )
    by_debts = room_by_income(affordability, policy)
    return max(room if by_debts is None else min(room, by_debts), ZERO).quantize(CENT, rounding=ROUND_DOWN)


def room_by_income(affordability: Affordability, policy: CapacityPolicy) -> Decimal | None:
    """What the over-indebtedness limit leaves beside other debts, soles a month; negative beyond it.

    Res. SBS 6941-2008 asks every lender for such a limit and leaves the number to its policy. None where the
    income is unknown.
    """
    income = affordability.net_income
    return None if income is None else income * policy.installments_to_income - affordability.other_installments


class _Column:
    """One column's facts: what is answered, what a floor stands in for, and what is missing."""

    def __init__(self, facts: Mapping[str, Any], policy: StressPolicy, *, stressed: bool) -> None:
        self.facts = facts
        self.policy = policy
        self.stressed = stressed
        self.assumed: list[str] = []
        self.missing: list[str] = []

    def number(self, name: str) -> Decimal | None:
        return _decimal(self.facts.get(name))

    def needed(self, name: str) -> Decimal | None:
        """A fact the surplus cannot do without."""
        value = self.number(name)
        if value is None and name not in self.missing:
            self.missing.append(name)
        return value

    def or_floor(self, name: str, floor: Decimal) -> Decimal:
        """A fact, or the stated floor for it."""
        value = self.number(name)
        if value is not None:
            return value
        if name not in self.assumed:
            self.assumed.append(name)
        return floor

    def after_drop(self, amount: Decimal, drop: Decimal) -> Decimal:
        return amount * (1 - drop) if self.stressed else amount

    def household_expenses(self) -> Decimal:
        dependants = self.number("dependants")
        count = self.policy.assumed_dependants if dependants is None else dependants
        floor = self.policy.household_floor + count * self.policy.dependant_floor
        return self.or_floor("household_expenses", floor)

    def other_income(self) -> Decimal:
        return self.after_drop(self.number("other_income") or ZERO, self.policy.income_drop)

    def other_installments(self, income: Decimal | None) -> Decimal:
        """Other debts' installments; unanswered, what the debt suggests, or else a share of income."""
        debt = self.number("total_debt")
        if self.number("other_installments") is None and (debt == 0 or self.number("creditors") == 0):
            return ZERO
        if debt is not None:
            return self.or_floor("other_installments", debt / self.policy.debt_months)
        return self.or_floor("other_installments", (income or ZERO) * self.policy.unknown_debt_share)

    def harvest_sales(self) -> Decimal | None:
        """Sales of one campaign, in soles."""
        hectares = self.needed("hectares")
        if hectares is None:
            return None
        floor = self.policy.crop_floor.get(str(self.facts.get("crop")))
        if floor is None:
            per_hectare, price = self.needed("yield_kg_ha"), self.needed("price_per_kg")
            if per_hectare is None or price is None:
                return None
        else:
            per_hectare = self.or_floor("yield_kg_ha", floor[0])
            price = self.or_floor("price_per_kg", floor[1])
        return (
            hectares
            * self.after_drop(per_hectare, self.policy.yield_drop)
            * self.after_drop(price, self.policy.price_drop)
        )

    def campaign_cost(self) -> Decimal:
        """Cost of one campaign; it does not fall in a bad year."""
        calm = self if not self.stressed else _Column(self.facts, self.policy, stressed=False)
        sales = calm.harvest_sales() or ZERO
        return round_money(self.or_floor("campaign_cost", sales * self.policy.campaign_cost_share))


def _household(column: _Column) -> dict[str, Decimal | None]:
    income = column.needed("monthly_income")
    drop = column.policy.income_drop
    return {
        "income": None if income is None else round_money(column.after_drop(income, drop)),
        "other_income": round_money(column.other_income()),
        "household_expenses": _out(column.household_expenses()),
        "other_installments": _out(column.other_installments(income)),
    }


def _enterprise(column: _Column) -> dict[str, Decimal | None]:
    policy = column.policy
    sales = column.needed("monthly_sales")
    share = policy.goods_share.get(str(column.facts.get("sector")), max(policy.goods_share.values()))
    goods = column.or_floor("monthly_purchases", (sales or ZERO) * share)
    expenses = column.or_floor("business_expenses", (sales or ZERO) * policy.expense_share)
    gross = None if sales is None else sales - goods - expenses
    return {
        "sales": None if sales is None else round_money(column.after_drop(sales, policy.sales_drop)),
        "goods": _out(column.after_drop(goods, policy.sales_drop)),
        "business_expenses": _out(expenses),
        "other_income": round_money(column.other_income()),
        "household_expenses": _out(column.household_expenses()),
        "other_installments": _out(column.other_installments(max(gross or ZERO, ZERO))),
    }


def _farm(column: _Column) -> dict[str, Decimal | None]:
    """One campaign a year, spread over twelve months."""
    sales = column.harvest_sales()
    cost = column.campaign_cost()
    net = None if sales is None else max(sales - cost, ZERO) / MONTHS_IN_YEAR
    return {
        "harvest": None if sales is None else round_money(sales / MONTHS_IN_YEAR),
        "campaign_cost": _out(cost / MONTHS_IN_YEAR),
        "other_income": round_money(column.other_income()),
        "household_expenses": _out(column.household_expenses()),
        "other_installments": _out(column.other_installments(net)),
    }


_LINES: Final = {"household": _household, "enterprise": _enterprise, "farm": _farm}


def _total(column: Mapping[str, Decimal | None]) -> Decimal | None:
    known = [amount for amount in column.values() if amount is not None]
    return sum(known, ZERO) if len(known) == len(column) else None


def _ratio(installment: Decimal, surplus: Decimal | None) -> Decimal | None:
    return installment / surplus if surplus is not None and surplus > 0 else None


def _out(amount: Decimal) -> Decimal:
    return ZERO - round_money(amount)


def _decimal(value: Any) -> Decimal | None:
    if value is None or value == "":
        return None
    return value if isinstance(value, Decimal) else Decimal(str(value))


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:.2f}"
