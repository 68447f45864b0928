"""What the platform holds of a person: the account and its acts, and the way to what each institution holds."""

import pytest

from accounts.actors import Actor
from accounts.models import User
from accounts.services.people import set_up_second_step

pytestmark = pytest.mark.django_db


def test_the_account_its_acts_and_its_institutions(institution, actor_as, client_as):
    person = actor_as("applicant", email="wences@correo.pe")
    set_up_second_step(user=User.objects.get(pk=person.user_id), actor=Actor.system("test"))
    browser = client_as(person)
    page = browser.get("/accounts/data/").content.decode()
    assert "wences@correo.pe" in page
    assert "/i/qori/my/data/" in page
    assert "Segundo paso activado" in page
    document = browser.get("/accounts/data/?format=json").json()
    assert document["account"]["email"] == "wences@correo.pe"
    assert [one["address"] for one in document["institutions"]] == ["/i/qori/my/data/download/json/"]
    assert document["national"] == {"lending.MarketRequest": [], "lending.MarketConsent": [], "lending.MarketOffer": []}


def test_somebody_elses_account_is_not_in_it(institution, actor_as, client_as):
    actor_as("applicant", email="otra@correo.pe")
    mine = client_as(actor_as("applicant", email="mia@correo.pe"))
    assert "otra@correo.pe" not in mine.get("/accounts/data/?format=json").content.decode()
