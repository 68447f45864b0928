"""Fixtures for everybody, loaded by the root conftest.

`institution` opens its scope for the length of the test, so services and managers can be called at once;
requests of `client_as` and `anonymous_client` run outside it, as real ones do. In a `transactional` test
nothing is held open: wrap calls in `institution_scope(institution.pk)` yourself.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
from django.test import Client

from accounts.actors import Actor
from accounts.models import Institution, User
from accounts.tenancy.scope import Scope, _entered, institution_scope
from accounts.tests.factories import InstitutionFactory, MandateFactory, MembershipFactory, UserFactory

ROLES = (
    "applicant",
    "officer",
    "approver",
    "cashier",
    "collector",
    "manager",
    "analyst",
    "validator",
    "auditor",
    "regulator",
    "operator",
)


def commits(request: pytest.FixtureRequest) -> bool:
    return request.node.get_closest_marker("transactional") is not None


@pytest.fixture(autouse=True)
def _one_transaction_for_all(request: pytest.FixtureRequest, settings: Any) -> None:
    """A rolled-back test is one transaction, in which the rows of several institutions are made."""
    settings.TENANCY_ALLOW_SCOPE_CHANGE = not commits(request)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def database(request: pytest.FixtureRequest) -> None:
    """The database of this test, of either kind."""
    request.getfixturevalue("fresh_database" if commits(request) else "db")


@pytest.fixture
def institution(request: pytest.FixtureRequest, database: None) -> Iterator[Institution]:
    """A lender, its scope open until the test ends."""
    row = InstitutionFactory(slug="qori", name="Caja Qori")
    with nullcontext() if commits(request) else institution_scope(row.pk):
        yield row


@pytest.fixture
def other_institution(database: None) -> Institution:
    """Another lender; open `institution_scope(other_institution.pk)` to reach its rows."""
    return InstitutionFactory(slug="wayra", name="Edpyme Wayra", kind=Institution.Kind.EDPYME)


@pytest.fixture
def platform(database: None) -> Institution:
    """The reserved institution whose chain holds the platform's own acts."""
    return Institution.objects.get(slug=Institution.PLATFORM_SLUG)


@pytest.fixture
def actor_as(institution: Institution, database: None) -> Callable[..., Actor]:
    """`actor_as("officer", "approver")`: a new person with these roles here; `at=` another institution."""

    def make(*roles: str, at: Institution | None = None, **person: Any) -> Actor:
        where = at or institution
        if roles == ("regulator",):
            return Actor.for_user(MandateFactory(institution=where, regulator=UserFactory(**person)).regulator)
        if roles == ("operator",):
            return Actor.for_user(UserFactory(is_operator=True, **person))
        membership = MembershipFactory(institution=where, user=UserFactory(**person), roles=list(roles))
        return Actor.for_membership(membership)

    return make


def _actor_fixture(role: str) -> Any:
    @pytest.fixture(name=role)
    def actor(actor_as: Callable[..., Actor]) -> Actor:
        return actor_as(role)

    actor.__doc__ = f"Somebody who is {role} of `institution`."
    return actor


# One fixture per role, each an Actor.
applicant = _actor_fixture("applicant")
officer = _actor_fixture("officer")
approver = _actor_fixture("approver")
cashier = _actor_fixture("cashier")
collector = _actor_fixture("collector")
manager = _actor_fixture("manager")
analyst = _actor_fixture("analyst")
validator = _actor_fixture("validator")
auditor = _actor_fixture("auditor")
regulator = _actor_fixture("regulator")
operator = _actor_fixture("operator")


@contextmanager
def no_scope() -> Iterator[None]:
    """As a new request finds it: no institution, no person."""
    with _entered(Scope()):
        yield


class OutsideClient(Client):
    """A browser: its requests do not share the test's open scope."""

    def request(self, **request: Any) -> Any:
        with no_scope():
            return super().request(**request)

    def sign_in(self, user: User, *, second_step: bool = True) -> None:
        """Sign in without the pages; `second_step` says whether the second step was passed."""
        with no_scope():
            self.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
            if second_step:
                session = self.session
                session["account_authentication_methods"] = [
                    {"method": "mfa", "at": time.time(), "type": "totp", "id": 0}
                ]
                session["account_authentication_methods_user"] = str(user.pk)
                session.save()


@pytest.fixture
def anonymous_client(database: None) -> OutsideClient:
    """Somebody who has not signed in."""
    return OutsideClient()


@pytest.fixture
def client_as(request: pytest.FixtureRequest, database: None) -> Callable[..., OutsideClient]:
    """`client_as("officer")` or `client_as(actor)`: a browser signed in as that person, second step passed."""

    def make(who: str | Actor, *, second_step: bool = True) -> OutsideClient:
        actor = request.getfixturevalue(who) if isinstance(who, str) else who
        browser = OutsideClient()
        browser.sign_in(User.objects.get(pk=actor.user_id), second_step=second_step)
        return browser

    return make
