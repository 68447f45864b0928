"""Guards: who is let in, who is sent to sign in, who is refused."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.views import View

from accounts import access
from accounts.actors import Actor
from accounts.errors import NotAllowed


@access.require("lending.view_applications")
def guarded(request: HttpRequest) -> HttpResponse:
    return HttpResponse("dentro")


class GuardedView(access.Requires, View):
    permission = "lending.view_applications"

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("dentro")


class Somebody:
    is_authenticated = True


class Nobody:
    is_authenticated = False


def asked(method: str = "get", path: str = "/i/qori/desk/?vista=mias", who: object = None, **how: str) -> HttpRequest:
    request = getattr(RequestFactory(), method)(path, **how)
    request.user = who or Nobody()
    request.actor = Actor(kind="user", roles=frozenset({"officer"}))
    return request


@pytest.mark.parametrize("view", [guarded, GuardedView.as_view()])
def test_a_holder_of_the_permission_is_let_in(view):
    assert view(asked(who=Somebody())).content == b"dentro"


@pytest.mark.parametrize("view", [guarded, GuardedView.as_view()])
def test_others_are_refused(view):
    request = asked(who=Somebody())
    request.actor = Actor(kind="user", roles=frozenset({"applicant"}))
    with pytest.raises(NotAllowed):
        view(request)


@pytest.mark.parametrize("view", [guarded, GuardedView.as_view()])
def test_a_stranger_signs_in_and_comes_back_to_the_same_page(view):
    answer = view(asked())
    assert answer.status_code == 302
    assert answer.url == "/accounts/login/?next=/i/qori/desk/%3Fvista%3Dmias"


def test_after_a_form_one_comes_back_to_the_page_that_held_it():
    request = asked("post", "/i/qori/desk/cases/1/sign/", headers={"Referer": "http://testserver/i/qori/desk/?a=1"})
    assert access.page_to_return_to(request) == "/i/qori/desk/?a=1"


def test_a_foreign_referer_is_not_followed():
    request = asked("post", "/i/qori/desk/cases/1/sign/", headers={"Referer": "https://malo.example/i/"})
    assert access.page_to_return_to(request) == "/"


def test_a_fragment_sends_the_whole_page_to_sign_in():
    answer = guarded(asked(headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/i/qori/desk/"}))
    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"] == "/accounts/login/?next=/i/qori/desk/"


def test_an_unknown_permission_fails_when_the_view_is_written():
    with pytest.raises(KeyError):
        access.require("lending.no_such_thing")
