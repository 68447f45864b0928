"""Institutions side by side: the figures of the nightly summaries, and who stands out."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.clock import today
from accounts.models import RegulatorMandate
from accounts.tenancy.scope import institution_scope
from accounts.tests.factories import InstitutionFactory, MandateFactory
from lending.models import CloseRun, PortfolioDay
from lending.tests.factories import ProductVersionFactory, set_usury_cap
from portal.oversight import comparison
from portal.oversight.comparison import Indicator, flagged

LATE = Indicator("par30", "PAR30", str, True)
COVER = Indicator("coverage", "Cobertura", str, False)


def test_one_of_many_stands_out_for_the_worse():
    values = {1: 0.05, 2: 0.06, 3: 0.055, 4: 0.16, 5: 0.01}
    assert flagged(values, LATE) == {4: "out"}, "the best one does not stand out"
    assert flagged({1: 1.1, 2: 1.2, 3: 1.15, 4: 0.4}, COVER) == {4: "out"}
    assert flagged({key: 0.05 + key / 1000 for key in range(6)}, LATE) == {}


def test_among_few_only_the_worst_is_named():
    assert flagged({1: 0.05, 2: 0.06}, LATE) == {2: "worst"}
    assert flagged({1: 0.05, 2: 0.05}, LATE) == {}
    assert flagged({1: 0.05, 2: None}, LATE) == {}
    assert flagged({1: 1, 2: 9}, Indicator("x", "x", str, None)) == {}


def book(institution, on, late, product="01a217ac-de2c-75af-835f-ae38760d0a26", principal=1000, closed=True):
    """A book of 1,000 soles of which `late` are over 30 days."""
    common = {"institution": institution, "on": on, "product_id": product, "credit_type": "11", "sbs_class": 0,
              "loans": 1, "accrued": 0}  # fmt: skip
    with institution_scope(institution.pk):
        CloseRun.objects.create(on=on, finished_at=timezone.now() if closed else None)
        for bucket, soles in (("0", principal - late), ("31-60", late)):
            PortfolioDay.objects.create(
                **common, bucket=bucket, principal=Decimal(soles), overdue=Decimal(late if bucket != "0" else 0),
                provision=Decimal(late if bucket != "0" else 5), weighted_tea=Decimal(soles) * Decimal("0.5"),
            )  # fmt: skip


@pytest.mark.transactional
def test_the_page_shows_the_outlier_first(client_as, regulator, institution, other_institution):
    set_usury_cap("1.0")
    user = RegulatorMandate.objects.get().regulator
    others = [InstitutionFactory(name=f"Caja {letter}") for letter in "ABC"]
    for one in others:
        MandateFactory(regulator=user, institution=one)
    for one, late in zip((institution, *others), (50, 55, 45, 200), strict=True):
        book(one, today() - timedelta(days=1), late)
        book(one, today() - timedelta(days=400), 999)  # an older close
    book(others[0], today() - timedelta(days=367), 0, principal=500)
    book(others[2], today(), 0, principal=1, closed=False)  # being closed: what its chunks changed, not the book
    book(other_institution, today(), 900)
    ProductVersionFactory(institution=institution, tea_max=Decimal("0.9"))
    browser = client_as(regulator)
    answer = browser.get("/oversight/compare/")
    assert answer.status_code == 200
    page = answer.content.decode()
    assert "Caja C se aparta de las demás" in page
    assert page.index('fairness/">Caja C') < page.index('fairness/">Caja A')
    assert "20.0%" in page
    assert "Wayra" not in page
    lines = browser.get("/oversight/compare/?format=csv").content.decode().splitlines()
    assert f"{others[2].slug},par30,0.2,out" in lines
    assert f"{others[2].slug},car,0.2,out" in lines
    assert "qori,par30,0.05," in lines
    assert "qori,tea,0.5," in lines
    assert "qori,tea_to_cap,0.9," in lines
    assert f"{others[0].slug},growth,1.0,out" in lines or f"{others[0].slug},growth,1.0," in lines
    assert "qori,growth,," in lines
    assert "qori,concentration,1.0," in lines


@pytest.mark.transactional
def test_an_institution_without_a_book_is_shown_with_dashes(client_as, regulator, institution):
    page = client_as(regulator).get("/oversight/compare/").content.decode()
    assert "Caja Qori" in page
    assert "solo se marca el peor valor" in page
    assert comparison.ENOUGH == 4
