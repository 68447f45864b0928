"""How bad a debtor is and what must be set aside: class, provision, past-due balance. Pure.

The same dated `RiskRules` answer for one loan in Python and, as SQL text, for a whole book; a test holds them
together. Money is whole céntimos. `DEFAULT_CLASS_RULES` and `DEFAULT_RATES` only fill a fresh database.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

NORMAL, POTENTIAL, DEFICIENT, DOUBTFUL, LOSS = range(5)
CLASS_CODES: Final = range(5)
RATE_UNIT: Final = 1_000_000  # rates as whole millionths: 6.25 % is 62,500
GUARANTEES: Final = ("", "preferred", "quick", "self_liquidating")

_NORM: Final = "Res. SBS 11356-2008, cap. II"
_TYPES_NORM: Final = "Res. SBS 11356-2008, modificada por Res. SBS 2368-2023"
_SINCE: Final = date(2010, 7, 1)
_SMALL: Final = (9, 31, 61, 121)  # first day late of CPP, Deficiente, Dudoso, Pérdida
_HOUSING: Final = (31, 61, 121, 366)
_LARGE: Final = (1, 61, 121, 366)


def _class_rule(code: str, days: tuple[int, ...], whole: int, part: int | None, cyclical: str) -> dict[str, Any]:
    names = ("potential_from", "deficient_from", "doubtful_from", "loss_from")
    return {
        "credit_type": code, **dict(zip(names, days, strict=True)), "whole_past_due_after": whole,
        "installments_past_due_after": part, "refinanced_class": DEFICIENT, "refinanced_months": 6,
        "alignment_share": Decimal("0.20"), "alignment_levels": 1, "procyclical_rate": Decimal(cyclical),
        "procyclical_active": False, "norm": _TYPES_NORM if code in ("09", "10") else _NORM,
        "valid_from": _SINCE, "valid_to": None,
    }  # fmt: skip


DEFAULT_CLASS_RULES: Final = (
    _class_rule("06", _LARGE, 15, None, "0.004"),
    _class_rule("07", _LARGE, 15, None, "0.0045"),
    _class_rule("08", _LARGE, 15, None, "0.003"),
    _class_rule("09", _SMALL, 30, None, "0.005"),
    _class_rule("10", _SMALL, 30, None, "0.005"),
    _class_rule("11", _SMALL, 90, 30, "0.015"),
    _class_rule("12", _SMALL, 90, 30, "0.01"),
    _class_rule("13", _HOUSING, 90, 30, "0.004"),
)
_GENERIC: Final = {"06": "0.007", "07": "0.007", "13": "0.007"}
_SPECIFIC: Final = {
    "": ("0.05", "0.25", "0.60", "1"),
    "preferred": ("0.025", "0.125", "0.30", "0.60"),
    "quick": ("0.0125", "0.0625", "0.15", "0.30"),
    "self_liquidating": ("0.01", "0.01", "0.01", "0.01"),
}


def default_rates() -> list[dict[str, Any]]:
    """Rows of ProvisionRate that a fresh database starts with; an empty credit type means every one."""
    common = {"norm": "Res. SBS 11356-2008, cap. III", "valid_from": _SINCE, "valid_to": None}
    rows = [
        {"credit_type": rule["credit_type"], "guarantee": "", "sbs_class": NORMAL,
         "rate": Decimal(_GENERIC.get(rule["credit_type"], "0.01")), **common}
        for rule in DEFAULT_CLASS_RULES
    ]  # fmt: skip
    for guarantee, rates in _SPECIFIC.items():
        rows += [
            {"credit_type": "", "guarantee": guarantee, "sbs_class": place, "rate": Decimal(rate), **common}
            for place, rate in enumerate(rates, start=1)
        ]
    return rows


class MissingRule(LookupError):
    """No rule is in force on the day for a credit type that the book has; the message says which and where to add."""


@dataclass(frozen=True, slots=True)
class TypeRule:
    """What the norm says of one credit type; days are days late, rates are millionths."""

    thresholds: tuple[int, int, int, int]  # first day of each class worse than normal
    whole_past_due_after: int
    installments_past_due_after: int | None
    refinanced_class: int
    refinanced_months: int
    alignment_share: Decimal
    alignment_levels: int
    generic_rate: int  # the procyclical one included, where it is switched on


@dataclass(frozen=True, slots=True)
class RiskRules:
    """The rules in force on a day, by credit type, and the specific rates by guarantee and class."""

    on: date
    types: Mapping[str, TypeRule]
    specific: Mapping[tuple[str, int], int]

    @classmethod
    def of_rows(cls, on: date, rules: Iterable[Any], rates: Iterable[Any]) -> "RiskRules":
        """From rows of ClassRule and ProvisionRate in force on the day. Raises MissingRule for a gap."""
        millionths = {(row.credit_type, row.guarantee, row.sbs_class): int(row.rate * RATE_UNIT) for row in rates}
        specific, types = {}, {}
        try:
            for guarantee in GUARANTEES:
                for place in CLASS_CODES[1:]:
                    specific[guarantee, place] = millionths["", guarantee, place]
            for rule in rules:
                cyclical = int(rule.procyclical_rate * RATE_UNIT) if rule.procyclical_active else 0
                types[rule.credit_type] = TypeRule(
                    thresholds=(rule.potential_from, rule.deficient_from, rule.doubtful_from, rule.loss_from),
                    whole_past_due_after=rule.whole_past_due_after,
                    installments_past_due_after=rule.installments_past_due_after,
                    refinanced_class=rule.refinanced_class, refinanced_months=rule.refinanced_months,
                    alignment_share=rule.alignment_share, alignment_levels=rule.alignment_levels,
                    generic_rate=millionths[rule.credit_type, "", NORMAL] + cyclical,
                )  # fmt: skip
        except KeyError as error:
            raise MissingRule(f"no provision rate for {error.args[0]} on {on}: add it to ProvisionRate") from error
        if not types:
            raise MissingRule(f"no class rule is in force on {on}: add them to ClassRule")
        return cls(on, types, specific)

    # One loan

    def rule(self, credit_type: str) -> TypeRule:
        try:
            return self.types[credit_type]
        except KeyError as error:
            raise MissingRule(
                f"no class rule for credit type {credit_type} on {self.on}: add it to ClassRule"
            ) from error

    def loan_class(self, credit_type: str, days_late: int) -> int:
        """Class by days late alone."""
        return sum(days_late >= first for first in self.rule(credit_type).thresholds)

    def refinanced_class(self, credit_type: str, punctual_months: int, before: int = NORMAL) -> int:
        """The least class of a refinanced loan: Deficiente, or the worse one before; better with punctual months."""
        rule = self.rule(credit_type)
        return max(max(rule.refinanced_class, before) - punctual_months // rule.refinanced_months, NORMAL)

    def aligned_class(self, credit_type: str, own: int, external: int, share: Decimal) -> int:
        """The debtor's class once creditors that hold `share` of their debt have said `external`."""
        rule = self.rule(credit_type)
        return max(own, external - rule.alignment_levels) if share >= rule.alignment_share else own

    def past_due(self, credit_type: str, principal: int, overdue: int, days_late: int) -> int:
        """What of the balance is "vencido": nothing, the installments overdue, or the whole."""
        rule = self.rule(credit_type)
        if days_late > rule.whole_past_due_after:
            return principal
        part = rule.installments_past_due_after
        return overdue if part is not None and days_late > part else 0

    def provision(self, credit_type: str, sbs_class: int, principal: int, covered: int = 0, guarantee: str = "") -> int:
        """What to set aside, half up; `covered` is the recognised value of the guarantee."""
        if sbs_class == NORMAL:
            return _millionths(principal * self.rule(credit_type).generic_rate)
        covered = min(covered, principal) if guarantee else 0
        specific = self.specific
        return _millionths(covered * specific[guarantee, sbs_class] + (principal - covered) * specific["", sbs_class])

    # A whole book: SQL text over columns or expressions

    def class_sql(self, credit_type: str, days: str) -> str:
        """`loan_class` as an expression; types with the same days share a branch."""
        alike: dict[tuple[int, ...], list[str]] = {}
        for code, rule in self.types.items():
            alike.setdefault(rule.thresholds, []).append(code)
        branches = ""
        for thresholds, codes in alike.items():
            steps = " ".join(f"WHEN {days} < {first} THEN {place}" for place, first in enumerate(thresholds))
            branches += f" WHEN {credit_type} IN ({_codes(codes)}) THEN CASE {steps} ELSE {LOSS} END"
        return f"(CASE WHEN {days} = 0 THEN 0{branches} END)::int2"

    def least_days(self) -> int:
        """Days late from which any loan is worse than normal."""
        return min(rule.thresholds[0] for rule in self.types.values())

    def next_change_sql(self, credit_type: str, days: str, also: Iterable[int] = ()) -> str:
        """The next number of days late that changes class, past-due balance or one of `also`; NULL past the last."""
        alike: dict[tuple[int, ...], list[str]] = {}
        for code, rule in self.types.items():
            part = rule.installments_past_due_after
            past = [rule.whole_past_due_after + 1, *([] if part is None else [part + 1])]
            alike.setdefault(tuple(sorted({1, *also, *rule.thresholds, *past})), []).append(code)
        branches = " ".join(
            f"WHEN {credit_type} IN ({_codes(codes)}) THEN CASE "
            + " ".join(f"WHEN {days} < {step} THEN {step}" for step in steps)
            + " END"
            for steps, codes in alike.items()
        )
        return f"(CASE {branches} END)"

    def key(self) -> str:
        """The same for days whose rules are the same."""
        said = repr((sorted(self.types.items()), sorted(self.specific.items())))
        return hashlib.sha256(said.encode()).hexdigest()

    def past_due_sql(self, credit_type: str, principal: str, overdue: str, days: str) -> str:
        """`past_due` as an expression."""
        alike: dict[tuple[int, int | None], list[str]] = {}
        for code, rule in self.types.items():
            alike.setdefault((rule.whole_past_due_after, rule.installments_past_due_after), []).append(code)
        branches = " ".join(
            f"WHEN {credit_type} IN ({_codes(codes)}) THEN CASE WHEN {days} > {whole} THEN {principal}"
            + (f" WHEN {days} > {part} THEN {overdue}" if part is not None else "")
            + " ELSE 0 END"
            for (whole, part), codes in alike.items()
        )
        return f"(CASE WHEN {days} = 0 THEN 0 {branches} END)"

    def provision_sql(self, credit_type: str, sbs_class: str, principal: str, covered: str, guarantee: str) -> str:
        """`provision` as an expression of bigint."""
        generic: dict[int, list[str]] = {}
        for code, rule in self.types.items():
            generic.setdefault(rule.generic_rate, []).append(code)
        normal = " ".join(f"WHEN {credit_type} IN ({_codes(codes)}) THEN {rate}" for rate, codes in generic.items())
        bare = self._specific_sql(sbs_class, "")
        with_guarantee = " ".join(
            f"WHEN '{kind}' THEN least({covered}, {principal}) * {self._specific_sql(sbs_class, kind)}"
            f" + ({principal} - least({covered}, {principal})) * {bare}"
            for kind in GUARANTEES[1:]
        )
        return (
            f"((CASE WHEN {sbs_class} = 0 THEN {principal} * (CASE {normal} END)"
            f" ELSE CASE {guarantee} WHEN '' THEN {principal} * {bare} {with_guarantee} END END"
            f" + {RATE_UNIT // 2}) / {RATE_UNIT})"
        )

    def _specific_sql(self, sbs_class: str, guarantee: str) -> str:
        rates = " ".join(f"WHEN {place} THEN {self.specific[guarantee, place]}" for place in CLASS_CODES[1:])
        return f"(CASE {sbs_class} {rates} END)"


def _millionths(value: int) -> int:
    return (value + RATE_UNIT // 2) // RATE_UNIT


def _codes(codes: Iterable[str]) -> str:
    return ", ".join(f"'{code}'" for code in codes)
