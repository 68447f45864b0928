"""Pages of the desk on a small and on a large book: queries and time, in one run.

`manage.py benchmark pages` calls `run`; alone: `python -m benchmarks.pages [small] [large]`. Both books are generated,
closed on two days, and left as `medida-<loans>`. Every page is asked for in the process, past all middleware, by
somebody with every role and by an officer who collects, from whom people with blocked data are kept; figures are
medians. What must hold: as many queries on the large book as on the small one.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.actors import Actor
from accounts.clock import today
from accounts.models import Institution, Membership, User
from accounts.services.institutions import create_institution
from accounts.tenancy.scope import institution_scope
from lending.models import CloseRun, Loan
from lending.services.closing import close_day
from lending.services.generation import generate_portfolio

SYSTEM: Final = Actor.system("benchmark")
ROLES: Final = ["manager", "officer", "approver", "collector", "cashier", "auditor"]
OFFICER: Final = ["officer", "collector"]
PAGES: Final = (
    ("portfolio", "lending:desk_portfolio", ""),
    ("portfolio_over_30", "lending:desk_portfolio_loans", "bucket=over30"),
    ("portfolio_all", "lending:desk_portfolio_loans", ""),
    ("collections", "lending:desk_collections", "view=all"),
    ("loans", "lending:desk_loans", ""),
    ("queue", "lending:desk_queue", ""),
)
OFFICERS_PAGES: Final = (
    ("loans", "lending:desk_loans", ""),
    ("loans_ended", "lending:desk_loans", "view=ended"),
    ("loans_last_page", "lending:desk_loans", "view=all&page=400"),
    ("collections_today", "lending:desk_collections", ""),
    ("collections_by_contact", "lending:desk_collections", "view=all&order=contact"),
    ("queue", "lending:desk_queue", ""),
)


def run(small: int = 1_000, large: int = 1_000_000, rounds: int = 5) -> dict[str, Any]:
    """Queries and milliseconds of each page on both books; `flat` says whether the queries are as many."""
    books = {loans: book(loans) for loans in (small, large)}
    found: dict[str, Any] = {}
    for who, roles, pages in (("", ROLES, PAGES), ("officer_", OFFICER, OFFICERS_PAGES)):
        for name, address, query in pages:
            sides = {loans: measured(one, address, query, rounds, roles) for loans, one in books.items()}
            found[who + name] = {"small": sides[small], "large": sides[large]}
    with institution_scope(books[large].pk):
        loan = Loan.objects.filter(status=Loan.Status.ACTIVE).order_by("pk").first()
    assert loan is not None
    found["loan"] = {"large": measured(books[large], "lending:desk_loan", "", rounds, ROLES, loan_id=loan.pk)}
    flat = {name: one["small"]["queries"] == one["large"]["queries"] for name, one in found.items() if "small" in one}
    return {"small": small, "large": large, "rounds": rounds, "pages": found, "flat": flat}


def book(loans: int) -> Institution:
    """The institution with a generated book of so many loans and two closes; made when it is not there."""
    institution = create_institution(
        actor=SYSTEM, slug=f"medida-{loans}", name=f"Medida {loans}", legal_name=f"Medida {loans}", kind="edpyme",
        is_fictional=True,
    )  # fmt: skip
    first = today() - timedelta(days=2)
    with institution_scope(institution.pk):
        there, closed = Loan.objects.exists(), CloseRun.objects.filter(finished_at__isnull=False).count()
    if not there:
        generate_portfolio(institution=institution, actor=SYSTEM, loans=loans, seed=loans, on=first)
    if closed < 2:
        for days in range(2):
            close_day(institution_id=institution.pk, actor=SYSTEM, on=first + timedelta(days=days))
    return institution


def measured(
    institution: Institution, address: str, query: str, rounds: int, roles: list[str], **key: Any
) -> dict[str, Any]:
    """Queries of one request and the median milliseconds of several."""
    client = signed_in(institution, roles)
    url = reverse(address, kwargs={"slug": institution.slug, **key})
    ask: Callable[[], Any] = lambda: client.get(f"{url}?{query}", secure=True)  # noqa: E731
    answer = ask()
    if answer.status_code != 200:
        raise SystemExit(f"{url} answered {answer.status_code}")
    with CaptureQueriesContext(connection) as captured:
        ask()
    queries = len(captured)  # now: the next request empties the log
    times = []
    for _round in range(rounds):
        start = time.perf_counter()
        ask()
        times.append((time.perf_counter() - start) * 1000)
    if not queries:
        raise SystemExit(f"no query of {url} was counted")
    return {"queries": queries, "ms": round(statistics.median(times), 1), "bytes": len(answer.content)}


def latencies(institution: Institution, done: Callable[[], bool]) -> dict[str, dict[str, float]]:
    """p50 and p95 of each page in milliseconds, asked for in turn until `done`, the first time left out."""
    client = signed_in(institution)
    times: dict[str, list[float]] = {name: [] for name, *_rest in PAGES}
    while len(times[PAGES[-1][0]]) < 10 or not done():
        for name, address, query in PAGES:
            start = time.perf_counter()
            answer = client.get(f"{reverse(address, kwargs={'slug': institution.slug})}?{query}", secure=True)
            times[name].append((time.perf_counter() - start) * 1000)
            if answer.status_code != 200:
                raise SystemExit(f"{name} answered {answer.status_code}")
    return {
        name: {"n": len(found), "p50": round(statistics.median(found), 1),
               "p95": round(statistics.quantiles(found, n=20)[-1], 1)}
        for name, (_first, *found) in times.items()
    }  # fmt: skip


def for_seconds(seconds: float) -> Callable[[], bool]:
    """Says whether so many seconds have gone since now."""
    end = time.perf_counter() + seconds
    return lambda: time.perf_counter() > end


def signed_in(institution: Institution, roles: list[str] = ROLES) -> Client:
    """A browser of somebody with these roles, second step passed."""
    user, _new = User.objects.get_or_create(
        email=f"{institution.slug}@ayni.example", defaults={"full_name": "Medición"}
    )
    with institution_scope(institution.pk):
        Membership.objects.update_or_create(user=user, defaults={"roles": roles, "is_active": True})
    client = Client(headers={"host": settings.ALLOWED_HOSTS[0].lstrip(".") if settings.ALLOWED_HOSTS else "localhost"})
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    session = client.session
    session["account_authentication_methods"] = [{"method": "mfa", "at": time.time(), "type": "totp", "id": 0}]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
    return client


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(*map(int, sys.argv[1:])), indent=2) + "\n")
