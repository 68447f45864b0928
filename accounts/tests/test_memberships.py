"""Joining, staff and their roles: done, refused, repeated, elsewhere, audited."""

import re

import pytest
from allauth.mfa.models import Authenticator

from accounts import messages
from accounts.actors import Actor
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from accounts.models import AuditEntry, Membership, User
from accounts.services import join_as_applicant
from accounts.services.memberships import (
    add_staff,
    appoint_first_manager,
    change_staff,
    deactivate_staff,
    reactivate_staff,
    reset_second_step,
)
from accounts.services.people import set_up_second_step
from accounts.tenancy.scope import institution_scope
from accounts.tests.factories import MembershipFactory, UserFactory


def events(name: str = "") -> list[str]:
    found = AuditEntry.objects.filter(event__startswith=f"accounts.{name}").order_by("at_us")
    return list(found.values_list("event", flat=True))


def new_staff(actor: Actor, **changes):
    person = {"contact": "ana@qori.pe", "full_name": "Ana Huamán", "roles": ["officer"], "site": "https://ayni.pe"}
    return add_staff(actor=actor, **(person | changes))


# --- applicants ----------------------------------------------------------------------------------------------------
def test_the_first_application_makes_a_membership_and_the_second_none(institution):
    user = UserFactory()
    first, second = join_as_applicant(user), join_as_applicant(user)
    assert (first.pk, first.roles) == (second.pk, ["applicant"])
    assert events() == ["accounts.applicant.joined"]


def test_staff_who_apply_keep_their_roles(institution, officer):
    membership = join_as_applicant(User.objects.get(pk=officer.user_id))
    assert set(membership.roles) == {"officer", "applicant"}


def test_a_closed_membership_does_not_join_again(institution):
    membership = MembershipFactory(institution=institution, is_active=False)
    with pytest.raises(NotAllowed):
        join_as_applicant(membership.user)


def test_joining_here_is_not_joining_there(institution, other_institution):
    user = UserFactory()
    join_as_applicant(user)
    with institution_scope(other_institution.pk):
        assert not Membership.objects.exists()


# --- adding ---------------------------------------------------------------------------------------------------------
def test_a_manager_adds_somebody_who_is_told(
    institution, manager, settings, tmp_path, django_capture_on_commit_callbacks
):
    settings.OUTBOX_ROOT = str(tmp_path)
    with django_capture_on_commit_callbacks(execute=True):
        membership = new_staff(manager, roles=["approver", "officer"], job_title="Analista", branch="Juliaca")
    assert membership.roles == ["officer", "approver"]
    assert (membership.user.email, membership.user.full_name) == ("ana@qori.pe", "Ana Huamán")
    assert not membership.user.has_usable_password()
    assert "https://ayni.pe/accounts/login/" in messages.written_messages()[0].text
    entry = AuditEntry.objects.get(event="accounts.staff.added")
    assert entry.actor_user_id == manager.user_id
    assert "Ana" not in entry.body
    assert "ana@" not in entry.body


def test_adding_twice_adds_once(institution, manager):
    assert new_staff(manager).pk == new_staff(manager).pk
    assert events("staff") == ["accounts.staff.added"]


def test_somebody_known_to_the_platform_is_found_by_mobile(institution, manager):
    user = UserFactory(phone="+51987654321")
    assert new_staff(manager, contact="987 654 321", full_name="").user == user


def test_an_applicant_may_become_staff(institution, manager, applicant):
    user = User.objects.get(pk=applicant.user_id)
    assert set(new_staff(manager, contact=user.email).roles) == {"officer", "applicant"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"contact": "ana"}, "contact"),
        ({"contact": "ana@"}, "contact"),
        ({"contact": "12345"}, "contact"),
        ({"full_name": " "}, "full_name"),
        ({"roles": []}, "roles"),
        ({"roles": ["applicant"]}, "roles"),
        ({"roles": ["operator"]}, "roles"),
        ({"roles": ["integrator"]}, "roles"),
    ],
)
def test_bad_input_names_its_field(institution, manager, changes, field):
    with pytest.raises(InvalidInput) as refusal:
        new_staff(manager, **changes)
    assert list(refusal.value.fields) == [field]
    assert not User.objects.filter(email="ana@qori.pe").exists()


@pytest.mark.parametrize("role", ["applicant", "officer", "approver", "auditor", "operator", "regulator"])
def test_only_managers_add(request, institution, role):
    with pytest.raises(NotAllowed):
        new_staff(request.getfixturevalue(role))
    assert not events("staff")


def test_a_member_of_staff_is_changed_in_the_list_not_added_again(institution, manager, officer):
    user = User.objects.get(pk=officer.user_id)
    with pytest.raises(InvalidState):
        new_staff(manager, contact=user.email, roles=["approver"])


def test_an_operator_appoints_the_first_manager_only(institution, operator):
    membership = appoint_first_manager(actor=operator, contact="jefe@qori.pe", full_name="Luz Condori")
    assert membership.roles == ["manager"]
    with pytest.raises(InvalidState):
        appoint_first_manager(actor=operator, contact="otro@qori.pe", full_name="Otra Persona")


# --- changing ------------------------------------------------------------------------------------------------------
def test_roles_change_and_the_same_again_changes_nothing(institution, manager, officer):
    for _ in range(2):
        membership = change_staff(
            membership_id=officer.membership_id, actor=manager, roles=["approver"], job_title="Jefa", branch="Puno"
        )
    assert (membership.roles, membership.job_title) == (["approver"], "Jefa")
    body = AuditEntry.objects.get(event="accounts.staff.changed").body
    assert re.search(r'"before" ?: ?\["officer"\]', body)
    assert re.search(r'"after" ?: ?\["approver"\]', body)


def test_changing_keeps_the_right_to_apply(institution, manager):
    membership = MembershipFactory(institution=institution, roles=["officer", "applicant"])
    change_staff(membership_id=membership.pk, actor=manager, roles=["cashier"])
    membership.refresh_from_db()
    assert membership.roles == ["cashier", "applicant"]


def test_the_last_manager_stays(institution, manager):
    with pytest.raises(InvalidState, match="sin gerente"):
        change_staff(membership_id=manager.membership_id, actor=manager, roles=["officer"])
    with pytest.raises(InvalidState, match="sin gerente"):
        deactivate_staff(membership_id=manager.membership_id, actor=manager)


def test_one_of_two_managers_may_go(institution, actor_as):
    first, second = actor_as("manager"), actor_as("manager")
    deactivate_staff(membership_id=first.membership_id, actor=second)
    with pytest.raises(InvalidState):
        change_staff(membership_id=second.membership_id, actor=second, roles=["officer"])


def test_a_closed_manager_does_not_count(institution, manager):
    MembershipFactory(institution=institution, roles=["manager"], is_active=False)
    with pytest.raises(InvalidState):
        deactivate_staff(membership_id=manager.membership_id, actor=manager)


def test_access_is_closed_and_opened_once(institution, manager, officer):
    for _ in range(2):
        deactivate_staff(membership_id=officer.membership_id, actor=manager)
    for _ in range(2):
        reactivate_staff(membership_id=officer.membership_id, actor=manager)
    assert events("staff") == ["accounts.staff.deactivated", "accounts.staff.reactivated"]


def test_closing_takes_effect_at_once(institution, manager, officer, client_as):
    browser = client_as(officer)
    assert browser.get("/i/qori/desk/queue/").status_code == 200
    deactivate_staff(membership_id=officer.membership_id, actor=manager)
    assert browser.get("/i/qori/desk/queue/").status_code == 403


@pytest.mark.parametrize("act", [change_staff, deactivate_staff, reactivate_staff, reset_second_step])
def test_staff_of_another_institution_do_not_exist(institution, manager, actor_as, other_institution, act):
    foreign = actor_as("officer", at=other_institution)
    more = {"roles": ["approver"]} if act is change_staff else {}
    with pytest.raises(NotFound):
        act(membership_id=foreign.membership_id, actor=manager, **more)


@pytest.mark.parametrize("act", [change_staff, deactivate_staff, reactivate_staff, reset_second_step])
def test_only_managers_change(institution, officer, approver, act):
    more = {"roles": ["approver"]} if act is change_staff else {}
    with pytest.raises(NotAllowed):
        act(membership_id=approver.membership_id, actor=officer, **more)


def test_an_applicant_is_not_staff(institution, manager, applicant):
    with pytest.raises(NotFound):
        deactivate_staff(membership_id=applicant.membership_id, actor=manager)


# --- a lost phone --------------------------------------------------------------------------------------------------
def enrol(actor: Actor) -> None:
    set_up_second_step(user=User.objects.get(pk=actor.user_id), actor=Actor.system("test"))


def test_a_second_step_is_forgotten(institution, manager, officer):
    enrol(officer)
    assert reset_second_step(membership_id=officer.membership_id, actor=manager) == 2
    assert reset_second_step(membership_id=officer.membership_id, actor=manager) == 0
    assert not Authenticator.objects.filter(user_id=officer.user_id).exists()
    assert events("second_step") == ["accounts.second_step.reset"]


def test_nobody_forgets_their_own(institution, manager):
    enrol(manager)
    with pytest.raises(InvalidState):
        reset_second_step(membership_id=manager.membership_id, actor=manager)


def test_a_manager_does_not_weaken_an_account_that_works_elsewhere(institution, other_institution, manager):
    membership = MembershipFactory(institution=institution, roles=["officer"])
    MembershipFactory(institution=other_institution, user=membership.user, roles=["manager"])
    with pytest.raises(InvalidState):
        reset_second_step(membership_id=membership.pk, actor=manager)
