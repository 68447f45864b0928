"""The fixtures that everybody uses do what they say."""

import pytest

from accounts.models import Membership
from accounts.tenancy.scope import current_scope, institution_scope
from accounts.tests import fixtures


@pytest.mark.parametrize("role", fixtures.ROLES)
def test_each_role_has_a_fixture_that_carries_it(role, request):
    assert request.getfixturevalue(role).roles == {role}


def test_the_fixtures_keep_the_scope_open_until_the_end(institution, officer):
    assert current_scope().institution_id == institution.pk
    assert Membership.objects.count() == 1


def test_people_of_another_institution_are_elsewhere(actor_as, institution, other_institution):
    actor = actor_as("officer", at=other_institution)
    assert actor.institution_id == other_institution.pk
    assert Membership.objects.count() == 0
    with institution_scope(other_institution.pk):
        assert Membership.objects.count() == 1


def test_a_browser_is_signed_in(client_as, officer):
    browser = client_as("officer")
    assert browser.session["_auth_user_id"] == str(officer.user_id)


def test_the_platform_has_an_institution_of_its_own(platform):
    assert platform.kind == "platform"
