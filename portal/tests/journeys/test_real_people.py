"""The main job on real people's figures: 200 rows of a public credit set, 180 by API and 20 in the browser.

The set is L. Belanche's and G. Sanchez's (Spanish consumer credit, about 1990; its README tells where it comes
from). It is read where it lies and never copied. How its columns become the questions of a household:

| column             | question                                                              |
|--------------------|-----------------------------------------------------------------------|
| Income, Expenses   | monthly_income, household_expenses: thousand pesetas × 10 = soles      |
| Assets, Debt       | assets_value, total_debt: the same; a debt means one creditor or more  |
| Amount, Time       | amount: the same; term_months: as it is                                |
| Home               | owner: owned · rent: rented · parents: family · anything else: unanswered |
| Job                | fixed: employee · partime: temporary · freelance: independent · others: unanswered |
| Seniority, Age     | employment_months: years × 12; the birth date: 1 July of that year     |

Marital status, Records and Price are not asked. What is not in the set stays unanswered; only where a page
insists on an answer (earlier loans) does the browser's applicant say no. The demo's models have never seen
such people: how they rank them is reported, not required.
"""

import csv
import json
import os
import statistics
import threading
import time
from datetime import timedelta
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, expect

from portal.local.paths import CHECKOUT
from portal.local.processes import wait_until
from portal.tests.journeys.filling import send
from portal.tests.live import LiveAyni

DATA = Path(os.environ.get("AYNI_DATA", CHECKOUT.parent / "shared" / "data")) / "belanche_spain_credit.csv"
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not DATA.exists(), reason=f"the public set {DATA.name} is not beside the checkout"),
]
LIVE_ENV = {"LOG_LEVEL": "WARNING"}
BY_API, IN_BROWSER = 180, 20
CALLERS = 4
ANSWER_SECONDS = 60
PASSWORD = "una-clave-de-prueba"
PESETAS = 10  # soles to a thousand pesetas
HOME = {"owner": "owned", "rent": "rented", "parents": "family"}
JOB = {"fixed": "employee", "partime": "temporary", "freelance": "independent"}
CONSENTS = {"evaluation": True, "automated": True, "bureau": True, "contact": True, "marketing": False}


def people() -> list[dict[str, str]]:
    """200 rows spread evenly over the set; the browser's 20 are the first that its pages lend to."""
    with DATA.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [rows[index * len(rows) // 200] for index in range(200)]


def soles(value: str) -> str | None:
    return None if value in ("", "NA") else f"{float(value) * PESETAS:.2f}"


def facts_of(row: dict[str, str]) -> dict[str, Any]:
    """The row as the API takes it; what is not there is left out."""
    debt = soles(row["Debt"])
    facts = {
        "monthly_income": soles(row["Income"]),
        "household_expenses": soles(row["Expenses"]),
        "assets_value": soles(row["Assets"]),
        "total_debt": debt,
        "creditors": 0 if debt is not None and float(debt) == 0 else None,
        "housing": HOME.get(row["Home"]),
        "employment": JOB.get(row["Job"]),
        "employment_months": int(row["Seniority"]) * 12,
    }
    return {name: value for name, value in facts.items() if value is not None}


def fits_the_pages(row: dict[str, str]) -> bool:
    """Whether the browser's questions can all be answered from the row."""
    lends = 500 <= float(soles(row["Amount"]) or 0) <= 12_000 and int(row["Time"]) <= 36
    return lends and row["Income"] not in ("", "NA") and row["Home"] in HOME and row["Job"] in JOB


def dni(number: int) -> str:
    return f"{60_000_000 + number}"


def declaration(number: int, row: dict[str, str]) -> dict[str, Any]:
    return {
        "full_name": f"Persona Número {'ABCDEFGHIJ'[number % 10]}",
        "document_number": dni(number),
        "birth_on": f"{2026 - int(row['Age'])}-07-01",
        "phone": f"9{number:08d}",
        "region": "08",
        "district": "Sicuani",
        "amount": soles(row["Amount"]),
        "term_months": int(row["Time"]),
        "purpose": "home",
        "facts": facts_of(row),
        "consents": CONSENTS,
    }


@pytest.fixture(scope="module")
def token(live_ayni: LiveAyni) -> str:
    """A program's bearer token at Caja Qantu."""
    from django.utils import timezone
    from oauth2_provider.models import AccessToken, Application

    from accounts.models import ApiClient, Institution, User
    from accounts.tenancy.scope import institution_scope

    with live_ayni.orm():
        qantu = Institution.objects.get(slug="qantu")
        registered = Application.objects.create(
            name="Prueba", client_type="confidential", authorization_grant_type="client-credentials"
        )
        with institution_scope(qantu.pk):
            ApiClient.objects.create(
                name="Prueba",
                oauth_client_id=registered.client_id,
                roles=["integrator"],
                created_by=User.objects.filter(email__startswith="elena.paucar").get(),
            )
        AccessToken.objects.create(
            token="prueba",
            application=registered,
            expires=timezone.now() + timedelta(hours=2),
            scope="applications",
        )
    return "prueba"


def file_by_api(url: str, token: str, number: int, row: dict[str, str]) -> tuple[str, float]:
    """Submit a row and wait for its answer; gives the application and the seconds from submit to answer."""
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {token}"
        base = f"{url}i/qantu/api/v1/applications/"
        made = session.post(base, json={"segment": "household"}, headers={"Idempotency-Key": f"c{number}"}, timeout=60)
        assert made.status_code == 201, made.text
        key = made.json()["id"]
        began = time.monotonic()
        sent = session.post(
            f"{base}{key}/submit/", json=declaration(number, row), headers={"Idempotency-Key": f"s{number}"}, timeout=60
        )
        assert sent.status_code == 202, sent.text

        def answered() -> bool:
            return session.get(f"{base}{key}/", timeout=60).json()["status"] != "submitted"

        assert wait_until(answered, ANSWER_SECONDS), f"no answer for row {number}"
        return key, time.monotonic() - began


def file_in_browser(live: LiveAyni, browser: Browser, number: int, row: dict[str, str]) -> tuple[str, float]:
    """The same through the pages, signed in as a new person."""
    from django.contrib.auth.hashers import PBKDF2PasswordHasher

    from accounts.models import User

    email = f"persona{number}@ejemplo.pe"
    with live.orm():
        person = User(email=email, full_name="Persona De Prueba")
        # As the running site hashes; the tests' own setting is a quicker one that it does not know.
        person.password = PBKDF2PasswordHasher().encode(PASSWORD, "sal")
        person.save()
        person.emailaddress_set.create(email=email, primary=True, verified=True)
    asked = declaration(number, row)
    facts = asked["facts"]
    debt = float(facts.get("total_debt", 0))
    years, months = divmod(facts["employment_months"], 12)
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.goto(f"{live.url}accounts/login/?next=/i/qantu/apply/%3Fsegment%3Dhousehold")
    send(page, {"login": email, "password": PASSWORD})
    assert "/i/qantu/apply/" in page.url, page.locator("main").inner_text()
    send(page, {"amount": asked["amount"], "term_months": str(asked["term_months"]), "purpose": "home"})
    year, month, day = asked["birth_on"].split("-")
    send(
        page,
        {
            "full_name": asked["full_name"],
            "document_type": "dni",
            "document_number": asked["document_number"],
            "birth_on_day": day,
            "birth_on_month": month,
            "birth_on_year": year,
            "region": "08",
            "district": "Sicuani",
            "phone": asked["phone"],
        },
    )
    activity = {
        "employment": facts["employment"],
        "employment_months_years": str(years),
        "employment_months_months": str(months),
        "housing": facts["housing"],
    }
    if "assets_value" in facts:
        activity["assets_value"] = facts["assets_value"]
    send(page, activity)
    money = {
        "monthly_income": facts["monthly_income"],
        "household_expenses": facts["household_expenses"],
        "had_loans": "no",
        "has_debts": "yes" if debt else "no",
    }
    if debt:
        money |= {"creditors": "1", "total_debt": facts["total_debt"]}
    send(page, money)
    assert "/documents/" in page.url, page.locator("main").inner_text()
    page.goto(page.url.replace("/documents/", "/consents/"))
    send(page, {f"consent_{name}": "on" for name, granted in CONSENTS.items() if granted})
    assert "/review/" in page.url, page.locator("main").inner_text()
    began = time.monotonic()
    send(page)
    expect(page.locator("main [hx-get]")).to_have_count(0, timeout=ANSWER_SECONDS * 1000)
    took = time.monotonic() - began
    key = page.url.rstrip("/").rpartition("/")[2]
    context.close()
    return key, took


@pytest.fixture(scope="module")
def filed(live_ayni: LiveAyni, token: str, browser: Browser) -> dict[str, Any]:
    """All 200, filed and answered."""
    numbered = list(enumerate(people()))
    in_pages = [one for one in numbered if fits_the_pages(one[1])][:IN_BROWSER]
    by_program = [one for one in numbered if one not in in_pages][:BY_API]
    waiting: Queue[tuple[int, dict[str, str]]] = Queue()
    for one in by_program:
        waiting.put(one)
    outcomes: dict[str, int] = {}
    by_api: list[float] = []
    failures: list[BaseException] = []

    def caller() -> None:
        while not failures:
            try:
                number, row = waiting.get_nowait()
            except Empty:
                return
            try:
                key, took = file_by_api(live_ayni.url, token, number, row)
            except BaseException as problem:  # told by the test's own thread
                failures.append(problem)
                return
            by_api.append(took)
            outcomes[key] = int(row["default"])

    began = time.monotonic()
    threads = [threading.Thread(target=caller) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    api_seconds = time.monotonic() - began
    in_browser = []
    for number, row in in_pages:
        key, took = file_in_browser(live_ayni, browser, number, row)
        in_browser.append(took)
        outcomes[key] = int(row["default"])
    return {"outcomes": outcomes, "api": by_api, "browser": in_browser, "api_seconds": api_seconds}


def test_every_one_is_scored_matched_decided_told_and_sealed(
    live_ayni: LiveAyni, filed: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    from sklearn.metrics import roc_auc_score

    outcomes = filed["outcomes"]
    assert len(outcomes) == BY_API + IN_BROWSER
    keys = "', '".join(outcomes)

    def count(table: str, extra: str = "") -> int:
        found = live_ayni.query(f"SELECT count(*) FROM {table} WHERE application_id IN ('{keys}') {extra}")
        return int(found[0][0])

    assert count("scoring_score") == 200
    assert count("lending_assessment") == 200
    assert count("lending_decision", "AND stage = 'policy'") == 200
    matched = live_ayni.query(
        f"SELECT min(jsonb_array_length(matches)) FROM lending_assessment WHERE application_id IN ('{keys}')"
    )
    assert matched[0][0] > 0
    assert wait_until(lambda: count("lending_notification", "AND sent_at IS NOT NULL") == 200, ANSWER_SECONDS)
    sealed = "SELECT count(*) FROM accounts_auditpending"
    assert wait_until(lambda: live_ayni.query(sealed)[0][0] == 0, ANSWER_SECONDS)
    verified = json.loads(live_ayni.manage("verify_audit", "--json").stdout)
    assert verified["ok"] is True, verified

    rows = live_ayni.query(f"SELECT application_id, pd FROM scoring_score WHERE application_id IN ('{keys}')")
    auc = roc_auc_score([outcomes[str(key)] for key, _pd in rows], [float(pd) for _key, pd in rows])
    states = dict(
        live_ayni.query(f"SELECT status, count(*) FROM lending_application WHERE id IN ('{keys}') GROUP BY status")
    )
    assert set(states) <= {"approved", "referred", "declined"}
    report = {
        "applications": len(outcomes),
        "bads": sum(outcomes.values()),
        "states": states,
        "api_p50_s": round(statistics.median(filed["api"]), 3),
        "api_p99_s": round(statistics.quantiles(filed["api"], n=100)[98], 3),
        "api_callers": CALLERS,
        "api_seconds": round(filed["api_seconds"], 1),
        "browser_p50_s": round(statistics.median(filed["browser"]), 3),
        "browser_max_s": round(max(filed["browser"]), 3),
        "workers": 1,
        "auc": round(float(auc), 4),
        "audit_entries": verified["entries"],
        "verify_s": verified["seconds"],
        "processors": os.cpu_count(),
        "load": [round(one, 2) for one in os.getloadavg()],
    }
    with capsys.disabled():
        print(f"\n200 real people: {json.dumps(report)}")  # noqa: T201  (the figures this test is for)
