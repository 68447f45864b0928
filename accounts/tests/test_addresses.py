"""Which institution an address names, on the platform's host and on an institution's own domain."""

import pytest
from django.urls import NoReverseMatch, reverse

from accounts.addresses import own_domain_of
from accounts.tests.factories import UserFactory
from accounts.tests.fixtures import OutsideClient
from accounts.tests.test_signing_in import outbox, sign_up  # noqa: F401  (a fixture)

OWN = {"headers": {"host": "credito.qori.pe"}}


@pytest.fixture
def own_domain(institution, settings):
    """`institution` answers at credito.qori.pe."""
    settings.ALLOWED_HOSTS = ["testserver", "credito.qori.pe"]
    institution.domain = "credito.qori.pe"
    institution.save()
    return institution


def test_addresses_are_written_with_the_name_or_without_it(own_domain, other_institution):
    assert reverse("accounts:staff", args=["qori"]) == "/i/qori/desk/staff/"
    with own_domain_of(own_domain):
        assert reverse("accounts:staff", args=["qori"]) == "/desk/staff/"
        assert reverse("accounts:staff", kwargs={"slug": "wayra"}) == "/i/wayra/desk/staff/"
    with pytest.raises(NoReverseMatch):
        reverse("accounts:staff", args=[""])


def test_on_its_own_domain_the_name_falls_away(own_domain, client_as, manager):
    browser = client_as(manager)
    page = browser.get("/desk/staff/", **OWN).content.decode()
    assert 'href="/desk/staff/new/"' in page
    assert "/i/qori/" not in page


def test_the_front_page_of_its_domain_is_its_own(own_domain, anonymous_client):
    assert "Caja Qori" in anonymous_client.get("/", **OWN).content.decode()
    page = anonymous_client.get("/")
    assert page.resolver_match.view_name == "portal:home"


def test_signing_in_there_looks_like_the_institution(own_domain, anonymous_client):
    page = anonymous_client.get("/accounts/login/", **OWN).content.decode()
    assert "Caja Qori" in page
    assert 'href="/brand.css' in page


def test_signing_up_there_goes_to_the_platforms_chain(own_domain, platform):
    browser = OutsideClient(headers={"host": "credito.qori.pe"})
    assert sign_up(browser).url == "/accounts/phone/verify/"


def test_another_institutions_pages_are_not_there(own_domain, other_institution, anonymous_client):
    assert anonymous_client.get("/i/wayra/", **OWN).status_code == 404
    assert anonymous_client.get("/i/qori/brand.css", **OWN).status_code == 200
    assert anonymous_client.get("/brand.css").status_code == 404


def test_a_closed_institutions_domain_is_nobodys(own_domain, anonymous_client):
    own_domain.is_active = False
    own_domain.save()
    assert "Caja Qori" not in anonymous_client.get("/", **OWN).content.decode()


def test_an_unknown_host_is_refused(anonymous_client):
    assert anonymous_client.get("/", headers={"host": "malo.example"}).status_code == 400


@pytest.mark.parametrize("slug", ["nadie", "ayni", "QORI", "qori%00"])
def test_an_unknown_institution_is_not_found(institution, anonymous_client, slug):
    assert anonymous_client.get(f"/i/{slug}/").status_code == 404


def test_the_second_step_holds_on_an_own_domain(own_domain, client_as):
    answer = client_as("manager", second_step=False).get("/desk/staff/", **OWN)
    assert answer.url.startswith("/accounts/2fa/totp/activate/")


@pytest.mark.parametrize("address", ["/i/qori/apply/", "/i/qori/"])
def test_on_the_way_to_an_institution_signing_in_wears_its_look(institution, anonymous_client, address):
    page = anonymous_client.get("/accounts/login/", {"next": address}).content.decode()
    assert "Caja Qori" in page


def test_the_look_stays_while_the_code_is_typed(institution, anonymous_client):
    answer = sign_up(anonymous_client, next="/i/qori/apply/")
    assert "Caja Qori" in anonymous_client.get(answer.url).content.decode()


@pytest.mark.parametrize("address", ["/i/nadie/", "//malo/i/qori/", "https://malo.example/i/qori/", "/oversight/"])
def test_on_the_way_elsewhere_it_wears_the_platforms(institution, anonymous_client, address):
    page = anonymous_client.get("/accounts/login/", {"next": address})
    assert page.status_code == 200
    assert "Caja Qori" not in page.content.decode()


def test_a_look_gives_no_scope(institution, anonymous_client):
    browser = OutsideClient()
    browser.sign_in(UserFactory())
    page = browser.get("/accounts/", {"next": "/i/qori/"})
    assert page.wsgi_request.membership is None
    assert page.wsgi_request.actor.institution_id is None
