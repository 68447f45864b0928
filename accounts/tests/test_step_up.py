"""Confirming once more before what can't be taken back, and a screen that was left alone."""

import time
from dataclasses import replace

import pytest

from accounts import step_up
from accounts.actors import Actor
from accounts.tests.test_two_step import STAFF_PAGE, code_now, enrol

pytestmark = pytest.mark.django_db


def test_an_old_confirmation_is_refused_and_a_fresh_one_is_not(manager: Actor):
    step_up.check(replace(manager, confirmed_at=time.time() - step_up.VALID_SECONDS + 5))
    for at in (0.0, time.time() - step_up.VALID_SECONDS - 1):
        with pytest.raises(step_up.ConfirmationRequired):
            step_up.check(replace(manager, confirmed_at=at))


def test_commands_and_the_system_have_no_session_to_confirm(manager: Actor):
    step_up.check(manager)
    step_up.check(Actor.system("test"))


def test_a_screen_left_alone_asks_for_a_code(client_as, institution, manager, time_machine):
    secret = enrol(manager)
    browser = client_as(manager)
    start = time.time()
    for minute in (20, 40, 60):  # at work
        time_machine.move_to(start + minute * 60)
        assert browser.get(STAFF_PAGE).status_code == 200
    time_machine.move_to(start + 91 * 60)
    answer = browser.get(STAFF_PAGE)
    assert answer.url.startswith("/accounts/2fa/reauthenticate/?next=")
    assert browser.post(answer.url, {"code": code_now(secret)}).url == STAFF_PAGE
    assert browser.get(STAFF_PAGE).status_code == 200
