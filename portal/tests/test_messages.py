"""Spanish first, English complete, and the page kept when the language changes."""

import pytest
from babel.messages import Catalog

from accounts.tests.fixtures import OutsideClient
from portal import messages


def test_every_message_is_in_english_with_its_placeholders() -> None:
    assert messages.problems("en") == []


def test_what_is_missing_or_loses_a_placeholder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = Catalog(), Catalog(locale="en")
    here.add("Paso %(number)s", locations=[("a.html", 1)])
    here.add("Guardar", locations=[("b.html", 1)])
    here.add(("%(n)s año", "%(n)s años"), locations=[("c.html", 1)])
    there.add("Paso %(number)s", "Step")
    there.add(("%(n)s año", "%(n)s años"), ("%(n)s year", ""))
    monkeypatch.setattr(messages, "found", lambda: here)
    monkeypatch.setattr(messages, "kept", lambda language: there)
    assert [line.partition(":")[0] for line in messages.problems("en")] == ["a.html", "b.html", "c.html"]


def test_templates_and_code_are_both_read() -> None:
    found = messages.found()
    assert found.get("Ir al contenido") is not None  # templates/base.html
    assert found.get("Tu cuenta no tiene permiso para hacer esto.") is not None  # accounts/errors.py
    assert found.get(("%(n)s producto no calza", "%(n)s productos no calzan")) is not None


@pytest.mark.usefixtures("database")
class TestLanguage:
    def test_spanish_is_the_default_whatever_the_phone_prefers(self, anonymous_client: OutsideClient) -> None:
        page = anonymous_client.get("/accounts/login/", headers={"Accept-Language": "en-US,en"})
        assert "Ingresa a tu cuenta" in page.content.decode()
        assert 'lang="es-PE"' in page.content.decode()

    def test_the_switch_keeps_the_page_and_stays_chosen(self, anonymous_client: OutsideClient) -> None:
        switched = anonymous_client.get("/accounts/login/?next=/x/&lang=en")
        assert switched.status_code == 302
        assert switched.headers["Location"] == "/accounts/login/?next=%2Fx%2F"
        page = anonymous_client.get("/accounts/login/").content.decode()
        assert "Sign in to your account" in page
        assert 'lang="en"' in page

    def test_an_unknown_language_changes_nothing(self, anonymous_client: OutsideClient) -> None:
        assert "Ingresa" in anonymous_client.get("/accounts/login/?lang=xx").content.decode()
