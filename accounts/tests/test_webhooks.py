"""An institution's own systems hear of events: signed, once, with retries, and never inside our network."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts import outbox, webhooks
from accounts.errors import InvalidInput, NotAllowed
from accounts.models import Webhook, WebhookDelivery
from accounts.services.webhooks import WAITS, add_webhook, close_webhook, deliver_webhooks

pytestmark = pytest.mark.django_db
URL = "https://caja.example/avisos"
EVENT = "lending.application.decided"


@pytest.fixture
def resolves(monkeypatch: Any) -> Any:
    """`resolves("10.0.0.1", …)`: what every name resolves to from now on."""

    def to(*addresses: str) -> None:
        found = [(2, 1, 6, "", (address, 443)) for address in addresses]
        monkeypatch.setattr(webhooks.socket, "getaddrinfo", lambda *args, **kwargs: found)

    to("93.184.216.34")
    return to


@pytest.fixture
def posted(monkeypatch: Any) -> list[tuple[str, bytes, str]]:
    """What was sent; `answers` on the list holds the statuses to come, 200 when it is empty."""

    class Sent(list):
        answers: list[Any] = []

    sent = Sent()

    def post(url: str, body: bytes, secret: str) -> int:
        sent.append((url, body, secret))
        answer = sent.answers.pop(0) if sent.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(webhooks, "post", post)
    return sent


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.9", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("::1", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "224.0.0.1"),
        *("255.255.255.255", "198.18.0.1", "nonsense"),
    ],
)
def test_private_addresses_are_refused_whatever_their_name(resolves, address):
    assert not webhooks.is_public(address)
    resolves("93.184.216.34", address)
    with pytest.raises(webhooks.RefusedAddress):
        webhooks.check_url(URL)


@pytest.mark.parametrize(
    "url",
    [
        *("http://caja.example/", "https://caja.example:8443/", "https://user:pw@caja.example/", "ftp://x"),
        *("https:///x", "https://caja.example/#x", "https://[::1", "file:///etc/passwd"),
    ],
)
def test_only_plain_https_is_posted_to(resolves, url):
    with pytest.raises(webhooks.RefusedAddress):
        webhooks.check_url(url)


def test_the_connection_goes_to_the_address_that_was_checked(resolves, monkeypatch):
    connected = []

    def connect(address: tuple[str, int], timeout: float) -> Any:
        connected.append(address)
        raise OSError("stop here")

    monkeypatch.setattr(webhooks.socket, "create_connection", connect)
    with pytest.raises(OSError, match="stop here"):
        webhooks.post(URL, b"{}", "secret")
    assert connected == [("93.184.216.34", 443)]


def test_a_name_that_leads_inside_later_is_not_posted_to(institution, manager, resolves, monkeypatch):
    add_webhook(actor=manager, url=URL, events=[EVENT])
    outbox.publish(EVENT, institution)
    resolves("10.0.0.5")
    monkeypatch.setattr(webhooks.socket, "create_connection", lambda *args: pytest.fail("connected"))
    assert deliver_webhooks(institution_id=institution.pk) == 0
    assert WebhookDelivery.objects.get().last_status == "refused address"


def test_the_signature_is_of_time_and_body():
    import hashlib
    import hmac

    expected = hmac.new(b"s", b'7.{"a":1}', hashlib.sha256).hexdigest()
    assert webhooks.signature("s", b'{"a":1}', 7) == f"t=7,v1={expected}"


def test_each_event_is_told_once_to_those_who_asked_for_it(institution, manager, resolves, posted):
    outbox.publish(EVENT, institution)  # before anybody asked
    _made, secret = add_webhook(actor=manager, url=URL, events=[EVENT])
    event = outbox.publish(EVENT, institution)
    outbox.publish("lending.offer.chosen", institution)
    # One transaction holds the whole test, so both events and the registration share one instant.
    Webhook.objects.update(created_at=event.created_at)
    sent = [deliver_webhooks(institution_id=institution.pk) for _ in range(2)]
    assert sent[1] == 0
    assert {json.loads(body)["event"] for _url, body, _secret in posted} == {EVENT}
    assert {one[2] for one in posted} == {secret}
    assert str(event.pk) in {json.loads(body)["id"] for _url, body, _secret in posted}


def test_a_failed_delivery_is_tried_again_later_and_given_up_in_the_end(
    institution, manager, resolves, posted, time_machine
):
    add_webhook(actor=manager, url=URL, events=[EVENT])
    outbox.publish(EVENT, institution)
    posted.answers = [500, OSError("away"), *[503] * 20]  # type: ignore[attr-defined]
    now = timezone.now() + timedelta(seconds=5)
    time_machine.move_to(now)
    deliver_webhooks(institution_id=institution.pk)
    deliver_webhooks(institution_id=institution.pk)  # not due yet
    assert len(posted) == 1
    for wait in WAITS:
        now += wait + timedelta(seconds=1)
        time_machine.move_to(now)
        deliver_webhooks(institution_id=institution.pk)
    delivery = WebhookDelivery.objects.get()
    assert (len(posted), delivery.attempts, delivery.given_up_at is not None) == (7, 7, True)
    time_machine.move_to(now + timedelta(days=2))
    deliver_webhooks(institution_id=institution.pk)
    assert len(posted) == 7


def test_a_closed_one_hears_nothing(institution, manager, resolves, posted):
    made, _secret = add_webhook(actor=manager, url=URL, events=[EVENT])
    close_webhook(webhook_id=made.pk, actor=manager)
    outbox.publish(EVENT, institution)
    assert deliver_webhooks(institution_id=institution.pk) == 0
    assert not posted


def test_what_is_wrong_is_named(institution, manager, officer, resolves):
    with pytest.raises(NotAllowed):
        add_webhook(actor=officer, url=URL, events=[EVENT])
    for url, events, field in ((URL, ["accounts.person.signed_in"], "events"), ("http://x", [EVENT], "url")):
        with pytest.raises(InvalidInput) as refused:
            add_webhook(actor=manager, url=url, events=events)
        assert field in refused.value.fields


def test_the_secret_is_shown_once_and_sealed(institution, client_as, resolves):
    browser = client_as("manager")
    page = browser.post("/i/qori/desk/settings/webhooks/", {"url": URL, "events": [EVENT]}).content.decode()
    secret = Webhook.objects.get().secret
    assert secret in page
    assert secret not in browser.get("/i/qori/desk/settings/webhooks/").content.decode()
    assert browser.post("/i/qori/desk/settings/webhooks/", {"url": "http://x", "events": [EVENT]}).status_code == 422
