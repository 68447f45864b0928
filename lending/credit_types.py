"""Which SBS credit type a loan is (Res. SBS 11356-2008, as changed by Res. SBS 2368-2023). Pure."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

CORPORATE, LARGE, MEDIUM, SMALL, MICRO, CONSUMER = "06", "07", "08", "09", "10", "12"
LIMITS: Final = ("micro_debt_max", "small_sales_max", "medium_sales_max", "large_sales_max")  # legal values


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeLimits:
    """The thresholds in force, in soles."""

    micro_debt_max: Decimal
    small_sales_max: Decimal
    medium_sales_max: Decimal
    large_sales_max: Decimal


def credit_type(*, is_business: bool, debt: Decimal, annual_sales: Decimal, limits: TypeLimits) -> str:
    """The RCC code of a new loan.

    `debt` is the highest total debt in the financial system of the last six months, mortgages left out, with the
    new loan; `annual_sales` counts for businesses that owe more than a micro-enterprise may.
    """
    if not is_business:
        return CONSUMER
    if annual_sales > limits.large_sales_max:
        return CORPORATE
    if annual_sales > limits.medium_sales_max:
        return LARGE
    if annual_sales >= limits.small_sales_max:
        return MEDIUM
    return MICRO if debt <= limits.micro_debt_max else SMALL
