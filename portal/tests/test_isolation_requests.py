"""Requests through the real handler and middleware: whose rows they see and what a failed one leaves behind."""

import io
import itertools
import json
import logging
import random
import re
import threading

import pytest
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.test import Client

from accounts.models import OutboxEvent
from accounts.outbox import publish
from accounts.tenancy.scope import NoInstitutionScope, current_scope, institution_scope
from accounts.tests.factories import InstitutionFactory, MembershipFactory
from portal.tests import isolation_urls

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
SESSION = settings.SESSION_COOKIE_NAME
pytestmark = [pytest.mark.transactional, pytest.mark.urls("portal.tests.isolation_urls")]


@pytest.fixture
def lenders(institution, other_institution):
    """Two institutions with an outbox row each."""
    for lender in (institution, other_institution):
        with institution_scope(lender.pk):
            publish("accounts.test.planted", lender)
    isolation_urls.fired.clear()
    return institution, other_institution


@pytest.fixture
def visitor():
    """Errors become answers, as in production."""
    return Client(raise_request_exception=False)


@pytest.fixture
def quiet():
    """Thousands of failures on purpose, and no line for each."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def written(lender):
    with institution_scope(lender.pk):
        return OutboxEvent.objects.filter(name="accounts.test.written").count()


def body(response):
    return b"".join(response).decode()


# --- what is seen -----------------------------------------------------------------------------------------------


def test_requests_on_one_connection_see_their_own_institution_in_turn(lenders, visitor):
    for lender in (*lenders, *lenders):
        assert visitor.get(f"/i/{lender.slug}/sql").json() == {"institution": lender.pk, "visible": [lender.pk]}
        assert visitor.get("/platform").json() == {"visible": []}


def test_lists_that_render_late_show_rows(lenders, visitor):
    for lender in lenders:
        assert visitor.get(f"/i/{lender.slug}/rows").content.decode() == f"<li>{lender.pk}</li>"


def test_the_admin_shows_the_rows_of_the_address_and_none_without_one(lenders, client_as):
    visitor = client_as("operator")
    visitor.raise_request_exception = False
    for lender in lenders:
        MembershipFactory(institution=lender)
    for lender in lenders:
        page = visitor.get(f"/i/{lender.slug}/changelist").content.decode()
        assert set(re.findall(r'class="field-institution_id[^>]*>(?:<a[^>]*>)?(\d+)<', page)) == {str(lender.pk)}
    assert visitor.get("/members/accounts/membership/").status_code == 500  # loud, not an empty list


def test_streams_show_rows_after_the_request(lenders, visitor):
    for lender in lenders:
        assert body(visitor.get(f"/i/{lender.slug}/stream")) == f"{lender.pk}\n"
        assert current_scope().institution_id is None


def test_a_stream_without_its_own_scope_is_loud(lenders, visitor):
    answer = visitor.get(f"/i/{lenders[0].slug}/careless_stream")
    with pytest.raises(NoInstitutionScope):
        body(answer)


def test_an_unknown_or_closed_institution_is_not_found(lenders, visitor):
    assert visitor.get("/i/nadie/sql").status_code == 404
    lenders[0].is_active = False
    lenders[0].save()
    assert visitor.get(f"/i/{lenders[0].slug}/sql").status_code == 404
    assert visitor.get("/i/ayni/sql").status_code == 404  # the platform's own chain has no pages


# --- what a failed request leaves -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("view", "status"),
    [
        ("fail", 500),
        ("fail_in_database", 500),
        ("broken_template", 500),
        ("fails_while_rendering", 500),
        ("raise_404", 404),
        ("return_404", 404),
        ("refuse_404", 404),
        ("refuse_422", 422),
        ("return_503", 503),
    ],
)
def test_a_failed_request_commits_nothing_and_fires_no_hook(lenders, visitor, view, status):
    mine, theirs = lenders
    assert visitor.post(f"/i/{mine.slug}/{view}").status_code == status
    assert written(mine) == 0
    assert isolation_urls.fired == []
    assert visitor.post(f"/i/{theirs.slug}/succeed").status_code == 200  # the next client of this connection
    assert (written(mine), written(theirs)) == (0, 1)
    assert isolation_urls.fired == ["hook"]


def test_a_form_that_comes_back_keeps_its_draft(lenders, visitor):
    assert visitor.post(f"/i/{lenders[0].slug}/keep_a_draft").status_code == 422
    assert written(lenders[0]) == 1


def test_a_hook_opens_its_own_scope_after_the_commit(lenders, visitor):
    visitor.post(f"/i/{lenders[0].slug}/hook_with_scope")
    assert isolation_urls.fired == ["hook", "2"]
    assert current_scope().institution_id is None


# --- soak -------------------------------------------------------------------------------------------------------


class Soak:
    """Threads that send requests to random institutions through the WSGI handler, 3 in 10 of which fail."""

    def __init__(self, lenders, requests, threads, users=()):
        self.lenders, self.requests, self.threads, self.users = lenders, requests, threads, users
        self.handler = WSGIHandler()
        self.seeds = itertools.count()
        self.leaks: list[str] = []
        self.statuses: dict[int, int] = {}
        self.lock = threading.Lock()

    def run(self):
        threads = [threading.Thread(target=self.work, args=(n,)) for n in range(self.threads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def work(self, number):
        dice = random.Random(number)
        try:
            for _ in range(self.requests // self.threads):
                self.one(dice)
        except Exception as error:
            self.leaks.append(f"the soak itself failed: {error!r}")
        finally:
            connection.close()

    def one(self, dice):
        lender = dice.choice(self.lenders)
        status, text = self.ask(f"/i/{lender.slug}/anything", f"seed={next(self.seeds)}", dice)
        seen = {int(number) for number in _numbers(text)} if status == 200 else set()
        scope = current_scope()
        with self.lock:
            self.statuses[status] = self.statuses.get(status, 0) + 1
            if seen - {lender.pk}:
                self.leaks.append(f"{lender.pk} saw {seen}")
            if status == 200 and not seen:
                self.leaks.append(f"{lender.pk} saw nothing of its own")
            if scope.institution_id is not None or scope.user_id is not None:
                self.leaks.append(f"the thread kept {scope}")

    def ask(self, path, query, dice):
        environment = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "443",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_COOKIE": f"{SESSION}={dice.choice(self.users)}" if self.users and dice.random() < 0.5 else "",
            "wsgi.url_scheme": "https",
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": io.StringIO(),
            "wsgi.version": (1, 0),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        statuses = []
        response = self.handler(environment, lambda status, headers, exc_info=None: statuses.append(int(status[:3])))
        try:
            return statuses[0], b"".join(response).decode()
        finally:
            response.close()


def _numbers(text):
    if text.startswith("{"):
        return [number for number in json.loads(text)["visible"] if number is not None]
    return text.replace("<li>", "\n").replace("</li>", "\n").split()


def soak(requests, threads):
    lenders = [InstitutionFactory() for _ in range(6)]
    sessions = []
    for lender in lenders:
        with institution_scope(lender.pk):
            publish("accounts.test.planted", lender)
        member = MembershipFactory(institution=lender).user
        browser = Client()
        browser.force_login(member, backend=BACKEND)
        sessions.append(browser.cookies[SESSION].value)
    running = Soak(lenders, requests, threads, sessions)
    running.run()
    return running


def assert_dry(running):
    assert running.leaks[:5] == []
    failed = sum(count for status, count in running.statuses.items() if status >= 400)
    assert sum(running.statuses.values()) == running.requests
    assert 0.2 < failed / running.requests < 0.4, running.statuses
    kept = sum(written(lender) for lender in running.lenders)
    assert kept == running.requests - failed  # each failure undone, each success kept


def test_a_short_soak_leaks_nothing(database, quiet):
    assert_dry(soak(400, 4))


@pytest.mark.long
def test_twenty_thousand_requests_of_eight_threads_leak_nothing(database, quiet):
    assert_dry(soak(20_000, 8))
