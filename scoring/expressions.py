"""Formulas over declared facts that can be read, printed and evaluated.

A formula is written once, with ordinary operators::

    burden = (amount / term_months) / (total(monthly_income, other_income) - household_expenses)

and serves three readers: `str(burden)` for the dictionary page, `burden.scalar(...)` for one applicant
(closures, no array library) and `burden.columns(...)` for a batch (numpy). Both give the same float64.

A missing fact is NaN and makes every formula that needs it NaN. `total` alone adds up what was declared: it is
missing only when its first part is. A positive amount over nothing (or over less than nothing) is plus infinity,
which winsorising turns into the end of the allowed range; zero over nothing says nothing and is missing.
Other forms are declared as openly: `log`, `apart` (distance from a norm), `known` (the better source first),
`defined_ratio` (missing where the divisor is not above zero), `in_soles` (an amount in dollars at a dated rate).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

NAN = float("nan")
INFINITY = float("inf")

Row = Sequence[float]
Scalar = Callable[[Row], float]
Columns = Mapping[str, np.ndarray]


class Expression:
    """A number derived from one applicant's facts."""

    def __add__(self, other: Expression | float) -> Expression:
        return _Binary("+", self, lift(other))

    def __sub__(self, other: Expression | float) -> Expression:
        return _Binary("-", self, lift(other))

    def __mul__(self, other: Expression | float) -> Expression:
        return _Binary("*", self, lift(other))

    def __truediv__(self, other: Expression | float) -> Expression:
        return _Binary("/", self, lift(other))

    @property
    def facts(self) -> frozenset[str]:
        """Names of the declared facts this formula reads."""
        raise NotImplementedError

    def scalar(self, position: Mapping[str, int]) -> Scalar:
        """A function from a row of fact values, in the order of `position`, to this formula's value."""
        raise NotImplementedError

    def columns(self, columns: Columns) -> np.ndarray:
        """This formula over whole columns of facts: float64[n]."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Fact(Expression):
    """A declared fact that is a number (or yes/no, as 1 and 0)."""

    name: str

    def __str__(self) -> str:
        return self.name

    @property
    def facts(self) -> frozenset[str]:
        return frozenset([self.name])

    def scalar(self, position: Mapping[str, int]) -> Scalar:
        index = position[self.name]
        return lambda row: row[index]

    def columns(self, columns: Columns) -> np.ndarray:
        return columns[self.name]


@dataclass(frozen=True, eq=False)
class Coded(Expression):
    """A declared fact that is a word, read through a table of numbers; an unknown word is missing."""

    name: str
    table: Mapping[str, float]
    reads_as: str = "rank"

    def __str__(self) -> str:
        return f"{self.reads_as}({self.name})"

    @property
    def facts(self) -> frozenset[str]:
        return frozenset([self.name])

    @property
    def slot(self) -> str:
        """The name under which the number, not the word, is found in a row."""
        return f"{self.name}:{self.reads_as}"

    def scalar(self, position: Mapping[str, int]) -> Scalar:
        index = position[self.slot]
        return lambda row: row[index]

    def columns(self, columns: Columns) -> np.ndarray:
        return columns[self.slot]


class Signal(Fact):
    """A figure about the world outside (a price, the weather), not about the applicant; see `features.sources`."""


@dataclass(frozen=True, eq=False)
class _Constant(Expression):
    value: float

    def __str__(self) -> str:
        return f"{self.value:g}"

    @property
    def facts(self) -> frozenset[str]:
        return frozenset()

    def scalar(self, position: Mapping[str, int]) -> Scalar:
        value = self.value
        return lambda row: value

    def columns(self, columns: Columns) -> np.ndarray:
        return np.float64(self.value)  # type: ignore[return-value]


@dataclass(frozen=True, eq=False)
class _Binary(Expression):
    sign: str
    left: Expression
    right: Expression

    def __str__(self) -> str:
        def side(part: Expression) -> str:
            return f"({part})" if isinstance(part, _Binary) else str(part)

        return f"{side(self.left)} {self.sign} {side(self.right)}"

    @property
    def facts(self) -> frozenset[str]:
        return self.left.facts | self.right.facts

    def scalar(self, position: Mapping[str, int]) -> Scalar:
        left, right = self.left.scalar(position), self.right.scalar(position)
        if self.sign == "+":
            return lambda row: left(row) + right(row)
        if self.sign == "-":
            return lambda row: left(row) - right(row)
        if self.sign == "*":
            return lambda row: left(row) * right(row)
        return lambda row: ratio(left(row), right(row))

    def columns(self, columns: Columns) -> np.ndarray:
        left, right = self.left.columns(columns), self.right.columns(columns)
        with np.errstate(all="ignore"):
            if self.sign == "+":
                return left + right
            if self.sign == "-":
                return left - right
            if self.sign == "*":
                return left * right
            over_nothing = np.where(left > 0, INFINITY, NAN)
            quotient = np.where(right > 0, left / right, over_nothing)
            return np.where(np.isnan(right), NAN, quotient)


@dataclass(frozen=True, eq=False)
class _Call(Expression):
    """A named form of one or two parts: one function of numbers, and the same of arrays."""

    name: str
    parts: tuple[Expression, ...]
    one: Callable[..., float]
    many: Callable[..., np.ndarray]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.parts))})"

    @property
    def facts(self) -> frozenset[str]:
        return frozenset().union(*(part.facts for part in self.parts))

    def scalar(self, position: Mapping[str, int]) -> Scalar:
        call = self.one
        first, *rest = [part.scalar(position) for part in self.parts]
        if not rest:
            return lambda row: call(first(row))
        (second,) = rest
        return lambda row: call(first(row), second(row))

    def columns(self, columns: Columns) -> np.ndarray:
        with np.errstate(all="ignore"):
            return self.many(*(part.columns(columns) for part in self.parts))


@dataclass(frozen=True, eq=False)
class _Total(Expression):
    first: Expression
    others: tuple[Expression, ...]

    def __str__(self) -> str:
        return f"total({', '.join(map(str, (self.first, *self.others)))})"

    @property
    def facts(self) -> frozenset[str]:
        return self.first.facts.union(*(other.facts for other in self.others))

    def scalar(self, position: Mapping[str, int]) -> Scalar:
        first = self.first.scalar(position)
        others = [other.scalar(position) for other in self.others]

        def add_up(row: Row) -> float:
            value = first(row)
            for other in others:
                part = other(row)
                if part == part:
                    value += part
            return value

        return add_up

    def columns(self, columns: Columns) -> np.ndarray:
        value = self.first.columns(columns)
        for other in self.others:
            part = other.columns(columns)
            value = value + np.where(np.isnan(part), 0.0, part)
        return value


def ratio(left: float, right: float) -> float:
    """`left / right`; infinite over nothing when there is something to divide, otherwise missing."""
    if right > 0:
        return left / right
    if right != right:
        return NAN
    return INFINITY if left > 0 else NAN


def total(first: Expression, *others: Expression) -> Expression:
    """The sum of what was declared; missing only when `first` is."""
    return _Total(first, others)


def log(part: Expression) -> Expression:
    """Natural logarithm of one more than an amount; missing below zero."""
    # numpy's own logarithm for one number too: the C library's may differ in the last bit.
    return _Call(
        "log",
        (part,),
        lambda value: float(np.log1p(value)) if value >= 0 else NAN,
        lambda values: np.log1p(np.where(values >= 0, values, NAN)),
    )


def apart(part: Expression, norm: Expression | float) -> Expression:
    """How far a value is from its norm, to either side."""
    return _Call("apart", (part, lift(norm)), lambda a, b: abs(a - b), lambda a, b: np.abs(a - b))


def known(first: Expression, otherwise: Expression) -> Expression:
    """The first value where it is known, the other where it is not."""
    return _Call(
        "known",
        (first, otherwise),
        lambda a, b: a if a == a else b,
        lambda a, b: np.asarray(np.where(np.isnan(a), b, a)),
    )


def defined_ratio(left: Expression, right: Expression) -> Expression:
    """`left / right`, missing where the divisor is not above zero: a return on nothing is no return."""
    return _Call(
        "defined_ratio",
        (left, right),
        lambda a, b: a / b if b > 0 else NAN,
        lambda a, b: np.where(b > 0, a / np.where(b > 0, b, 1.0), NAN),
    )


def in_soles(dollars: Expression, rate: Expression) -> Expression:
    """An amount in dollars at the day's rate; nothing where none was declared, missing where the rate is."""
    return _Call(
        "in_soles",
        (dollars, rate),
        lambda a, b: a * b if a == a else 0.0,
        lambda a, b: np.where(np.isnan(a), 0.0, a * b),
    )


def lift(value: Expression | float) -> Expression:
    return value if isinstance(value, Expression) else _Constant(float(value))


def walk(expression: Expression) -> list[Any]:
    """Every part of a formula, itself included."""
    parts: list[Any] = [expression]
    if isinstance(expression, _Binary):
        parts += walk(expression.left) + walk(expression.right)
    elif isinstance(expression, _Total):
        parts += walk(expression.first)
        for other in expression.others:
            parts += walk(other)
    elif isinstance(expression, _Call):
        for part in expression.parts:
            parts += walk(part)
    return parts
