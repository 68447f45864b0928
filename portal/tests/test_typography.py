"""Amounts on pages hold together; what is downloaded or read by programs is left as it was written."""

import pytest
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.test import RequestFactory
from django.urls import reverse

from lending.tests.conftest import cap, products  # noqa: F401  (fixtures)
from portal.typography import UnbrokenMoney

TEXT = "Pagas S/ 237.98 y −S/ 5; S/ no, S/  12 tampoco."


def seen(answer: HttpResponse) -> HttpResponse:
    return UnbrokenMoney(lambda _request: answer)(RequestFactory().get("/"))


def test_an_amount_holds_together_on_a_page():
    assert seen(HttpResponse(TEXT)).content.decode() == ("Pagas S/\u00a0237.98 y −S/\u00a05; S/ no, S/  12 tampoco.")


@pytest.mark.parametrize(
    "answer",
    [
        HttpResponse(TEXT, content_type="text/csv; charset=utf-8"),
        HttpResponse(TEXT, content_type="application/json"),
        HttpResponse(TEXT, content_type="text/plain"),
        HttpResponse(TEXT, headers={"Content-Disposition": 'attachment; filename="a.html"'}),
    ],
    ids=["csv", "json", "text", "a file of a page"],
)
def test_nothing_else_is_touched(answer):
    assert seen(answer).content.decode() == TEXT


def test_what_streams_goes_on_streaming():
    assert b"".join(seen(StreamingHttpResponse([TEXT])).streaming_content).decode() == TEXT
    assert seen(JsonResponse({"a": "S/ 5"})).content == b'{"a": "S/ 5"}'


@pytest.mark.django_db
def test_the_simulator_of_an_institution(institution, products, cap, client):  # noqa: F811
    page = client.get(reverse("lending:simulator", args=[institution.slug])).content.decode()
    assert "S/\u00a0" in page
    assert "S/ 1" not in page
    answer = client.post(
        reverse("api:simulate", args=[institution.slug]),
        {"principal": "3000", "annual_rate_pct": "36.9", "installments": 12, "disbursement_date": "2026-11-26"},
        content_type="application/json",
    )
    assert "\u00a0" not in answer.content.decode()
