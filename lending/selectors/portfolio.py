"""The book in figures: sums over what the nightly closes kept, and the rows behind every one of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db.models import Case, Count, F, Max, Q, QuerySet, Sum, Value, When
from django.db.models.functions import TruncMonth

from accounts.actors import Actor
from accounts.models import User
from lending.buckets import AGES, BOUNDS, BUCKETS, OVER_30
from lending.fields import MoneyField
from lending.models import (
    CloseRun,
    Loan,
    PortfolioDay,
    PortfolioFlow,
    Product,
    RollMonth,
    VintageMonth,
)
from lending.schedules import add_months
from lending.selectors.applications import unrestricted
from lending.selectors.risk import states_on

ZERO: Final = Decimal(0)
PAR30: Final = Sum("principal", filter=Q(bucket__in=OVER_30))
# Cartera de alto riesgo: judicial and refinanced whole, of the others what is overdue by the norm.
HIGH_RISK: Final = Sum(
    Case(
        When(Q(is_judicial=True) | Q(is_refinanced=True), then=F("principal")),
        default=F("overdue"),
        output_field=MoneyField(),
    )
)
Share = Decimal | None


@dataclass(frozen=True, slots=True)
class Slice:
    """Which part of the book: a branch, a product, or all of it."""

    branch: str = ""
    product_id: UUID | None = None

    def of(self, rows: QuerySet[Any], prefix: str = "") -> QuerySet[Any]:
        """The rows of this part; `prefix` leads to the loan where they are not summaries."""
        if self.branch:
            rows = rows.filter(**{f"{prefix}branch": self.branch})
        if self.product_id:
            rows = rows.filter(**{f"{prefix}product_id": self.product_id})
        return rows


@dataclass(frozen=True, slots=True)
class Standing:
    """The book at the end of one day, in soles."""

    on: date
    buckets: Mapping[str, Decimal]
    loans: int
    high_risk: Decimal
    provision: Decimal

    @property
    def principal(self) -> Decimal:
        return sum(self.buckets.values(), ZERO)

    @property
    def over_30(self) -> Decimal:
        return sum((self.buckets.get(bucket, ZERO) for bucket in OVER_30), ZERO)

    @property
    def par30(self) -> Share:
        return share(self.over_30, self.principal)

    @property
    def coverage(self) -> Share:
        """Provisions over the cartera de alto riesgo."""
        return share(self.provision, self.high_risk)

    @property
    def ages(self) -> list[tuple[str, str, Any, Decimal]]:
        """(code, colour, words, balance) of each band; they sum to the principal."""
        return [
            (code, kind, words, sum((self.buckets.get(bucket, ZERO) for bucket in buckets), ZERO))
            for code, buckets, kind, words in AGES
        ]


@dataclass(frozen=True, slots=True)
class Part:
    """A branch, officer or product at the last close: balance, PAR30, and PAR30 a month before."""

    key: Any
    loans: int
    principal: Decimal
    over_30: Decimal
    before: Share

    @property
    def par30(self) -> Share:
        return share(self.over_30, self.principal)


@dataclass(frozen=True, slots=True)
class Flow:
    """A month's movements in soles; the last one ends on `through`."""

    month: date
    through: date
    loans: int
    disbursed: Decimal
    due: Decimal
    on_time: Decimal

    @property
    def collected(self) -> Share:
        return share(self.on_time, self.due)


def share(part: Decimal, whole: Decimal) -> Share:
    """A fraction; None of nothing."""
    return part / whole if whole else None


def month_closes(months: int) -> list[date]:
    """The last day closed in each of the newest `months` months, oldest first; empty before the first close."""
    days = (
        CloseRun.objects.filter(finished_at__isnull=False)
        .annotate(month=TruncMonth("on"))
        .values("month")
        .annotate(last=Max("on"))
        .order_by("-month")[:months]
    )
    return sorted(row["last"] for row in days)


def standings(days: Iterable[date], part: Slice) -> dict[date, Standing]:
    """How the book stood at the end of each day, in one query."""
    rows = (
        part.of(PortfolioDay.objects.filter(on__in=list(days)))
        .values("on", "bucket")
        .annotate(balance=Sum("principal"), count=Sum("loans"), risk=HIGH_RISK, provisions=Sum("provision"))
        .order_by("on")
    )
    found: dict[date, dict[str, Any]] = {}
    for row in rows:
        day = found.setdefault(row["on"], {"buckets": {}, "loans": 0, "high_risk": ZERO, "provision": ZERO})
        day["buckets"][row["bucket"]] = row["balance"]
        day["loans"] += row["count"]
        day["high_risk"] += row["risk"]
        day["provision"] += row["provisions"]
    return {on: Standing(on=on, **values) for on, values in found.items()}


def parts(name: str, last: date, before: date | None, part: Slice) -> list[Part]:
    """The book by `branch`, `officer_id`, `product_id` or `credit_type`, the worst PAR30 first; in one query."""
    days = [last] if before is None else [last, before]
    rows = (
        part.of(PortfolioDay.objects.filter(on__in=days))
        .values("on", name)
        .annotate(balance=Sum("principal"), count=Sum("loans"), late=PAR30)
    )
    now: dict[Any, dict[str, Any]] = {}
    then: dict[Any, dict[str, Any]] = {}
    for row in rows:
        (now if row["on"] == last else then)[row[name]] = row
    found = []
    for key, row in now.items():
        old = then.get(key)
        earlier = share(old["late"] or ZERO, old["balance"]) if old else None
        found.append(Part(key, row["count"], row["balance"], row["late"] or ZERO, earlier))
    return sorted(found, key=lambda one: (-(one.par30 or ZERO), -one.principal, str(one.key)))


def flows(since: date, last: date, part: Slice) -> list[Flow]:
    """Disbursements and what fell due, every month from the one of `since` to the last close."""
    rows = (
        part.of(PortfolioFlow.objects.filter(on__gte=since.replace(day=1)))
        .annotate(month=TruncMonth("on"))
        .values("month")
        .annotate(
            count=Sum("loans"),
            paid_out=Sum("disbursed"),
            fell_due=Sum("due"),
            timely=Sum("on_time"),
        )
    )
    found = {row["month"]: row for row in rows}
    months, month = [], since.replace(day=1)
    while month <= last:
        following = add_months(month, 1)
        row = found.get(month) or dict.fromkeys(("count", "paid_out", "fell_due", "timely"), 0)
        through = min(following - timedelta(days=1), last)
        figures = [Decimal(row[name]) for name in ("paid_out", "fell_due", "timely")]
        months.append(Flow(month, through, row["count"], *figures))
        month = following
    return months


def vintages(part: Slice, quarters: int = 4) -> dict[date, list[tuple[int, Decimal]]]:
    """By quarter of origin, the newest ones: (age in months, share of what was paid out that is over 30 days late).

    An age counts once all three months of the quarter have reached it.
    """
    rows = list(
        part.of(VintageMonth.objects.all())
        .values("origin", "months")
        .annotate(paid_out=Sum("disbursed"), late=Sum("par30"))
        .order_by("-origin", "months")
    )
    whole: dict[date, Decimal] = {}
    for row in rows:
        whole[row["origin"]] = max(whole.get(row["origin"], ZERO), row["paid_out"])
    found: dict[date, list[tuple[int, Decimal]]] = {}
    for row in rows:
        if row["paid_out"] and row["paid_out"] == whole[row["origin"]]:
            found.setdefault(row["origin"], []).append((row["months"], row["late"] / row["paid_out"]))
    return dict(list(found.items())[:quarters])


def rolls(part: Slice) -> tuple[date | None, dict[tuple[str, str], Decimal]]:
    """The newest month end with roll rates, and the balance that went from each bucket to each."""
    last = RollMonth.objects.aggregate(last=Max("on"))["last"]
    if last is None:
        return None, {}
    rows = part.of(RollMonth.objects.filter(on=last)).values("before", "after").annotate(balance=Sum("principal"))
    return last, {(row["before"], row["after"]): row["balance"] for row in rows}


def branch_names(on: date) -> list[str]:
    """The branches in the book at the end of a day."""
    return list(PortfolioDay.objects.filter(on=on).order_by("branch").values_list("branch", flat=True).distinct())


def product_names() -> dict[UUID, str]:
    return dict(Product.objects.order_by("name").values_list("pk", "name"))


def officer_names(keys: Iterable[int | None]) -> dict[int, str]:
    """Names of the officers by id."""
    found = User.objects.filter(pk__in=[key for key in keys if key is not None])
    return {user.pk: str(user) for user in found}


# --- the rows behind a figure -----------------------------------------------------------------------------------

ROW_COLUMNS: Final = (
    "loan_id", "loan__number", "holder", "loan__product__name", "branch", "officer_id",
    "loan__disbursed_on", "principal", "overdue", "days_late", "sbs_class", "provision",
)  # fmt: skip


def loan_states(on: date, part: Slice, chosen: Mapping[str, Any]) -> QuerySet[Any]:
    """The loans of the book at the end of `on` that fit.

    `chosen`: bucket (or a band of `AGES`, or "over30"), sbs_class, officer_id, credit_type. What is not known is
    ignored.
    """
    found = part.of(states_on(on))
    if wanted := _days(str(chosen.get("bucket") or "")):
        low, high = wanted
        found = found.filter(days_late__gte=low) if high is None else found.filter(days_late__range=(low, high))
    given = {name: chosen.get(name) for name in ("sbs_class", "officer_id", "credit_type")}
    return found.filter(**{name: value for name, value in given.items() if value not in (None, "")})


def with_holders(states: QuerySet[Any], actor: Actor) -> QuerySet[Any]:
    """The rows with their `holder`: nobody's name where the person's data are blocked, for the figures still count."""
    name = F("loan__applicant__full_name")
    if actor.can("lending.view_restricted"):
        return states.annotate(holder=name)
    shown = Case(When(unrestricted(actor, "loan__applicant"), then=name), default=Value(""))
    return states.annotate(holder=shown)


def _days(name: str) -> tuple[int, int | None] | None:
    """First and last day late of a bucket, a band or `over30`."""
    if name == "over30":
        return 31, None
    buckets: Sequence[str] = next((inside for code, inside, *_ in AGES if code == name), (name,))
    if not set(buckets) <= set(BUCKETS):
        return None
    return BOUNDS[buckets[0]][0], BOUNDS[buckets[-1]][1]


def state_totals(states: QuerySet[Any]) -> dict[str, Any]:
    """Count and sums of the rows: what the figure they stand behind must equal."""
    return states.aggregate(
        loans=Count("pk"), principal=Sum("principal"), overdue=Sum("overdue"), provision=Sum("provision")
    )


def disbursed_loans(first: date, last: date, part: Slice) -> QuerySet[Loan]:
    """Loans paid out between two days, both included."""
    return part.of(Loan.objects.filter(disbursed_on__range=(first, last)).exclude(status=Loan.Status.CANCELLED))
