"""The portfolio's figures, the rows behind them, and that no page reads the whole book."""

import csv
import io
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse
from openpyxl import load_workbook

from accounts.models import Institution
from accounts.tests.fixtures import OutsideClient
from lending.models import CloseRun, Loan, PortfolioFlow, Product, RollMonth, VintageMonth
from lending.selectors import portfolio
from lending.selectors.portfolio import Slice
from lending.services.portfolio import summarise_day
from lending.tests.book import close_book, make_loan

BEFORE, LAST = date(2026, 9, 30), date(2026, 10, 31)


@pytest.fixture
def product(institution: Institution) -> Product:
    return Product.objects.create(code="negocio", name="Mi Negocio", segment="enterprise")


@pytest.fixture
def book(institution: Institution, product: Product) -> dict[str, Any]:
    """Five loans over two branches: at the last close one is 45 days late and one 130."""
    loans = {
        "well": make_loan(institution, product, on=LAST, branch="Sicuani"),
        "slightly": make_loan(institution, product, on=LAST, days_late=5, branch="Sicuani"),
        "late": make_loan(institution, product, on=LAST, days_late=45, branch="Espinar", principal=Decimal(2000)),
        "lost": make_loan(institution, product, on=LAST, days_late=130, branch="Espinar"),
        "new": make_loan(institution, product, on=LAST, branch="Sicuani", disbursed_on=date(2026, 10, 31)),
    }
    for day in (BEFORE, LAST):
        close_book(institution, day)
        summarise_day(on=day)
    return loans


def page_of(client: OutsideClient, institution: Institution, name: str = "desk_portfolio", **query: str) -> Any:
    return client.get(reverse(f"lending:{name}", args=[institution.slug]), query)


def test_par30_is_the_balance_of_the_buckets_above_thirty_days(book):
    standing = portfolio.standings([LAST], Slice())[LAST]
    assert standing.principal == Decimal(6000)
    assert standing.over_30 == Decimal(3000)
    assert standing.par30 == Decimal("0.5")
    assert sum(balance for *_, balance in standing.ages) == standing.principal


def test_every_figure_equals_the_sum_of_its_rows(book):
    standing = portfolio.standings([LAST], Slice())[LAST]
    for code, _kind, _words, balance in standing.ages:
        totals = portfolio.state_totals(portfolio.loan_states(LAST, Slice(), {"bucket": code}))
        assert (totals["principal"] or 0) == balance, code
    for branch in portfolio.parts("branch", LAST, BEFORE, Slice()):
        part = Slice(branch=branch.key)
        assert portfolio.state_totals(portfolio.loan_states(LAST, part, {}))["principal"] == branch.principal
        late = portfolio.loan_states(LAST, part, {"bucket": "over30"})
        assert (portfolio.state_totals(late)["principal"] or 0) == branch.over_30


def test_a_figure_opens_into_the_rows_it_was_made_of_whoever_has_the_loan_today(book):
    Loan.objects.update(branch="Puno")
    for branch in portfolio.parts("branch", LAST, BEFORE, Slice()):
        rows = portfolio.loan_states(LAST, Slice(branch=branch.key), {})
        assert portfolio.state_totals(rows)["principal"] == branch.principal > 0
    assert not portfolio.loan_states(LAST, Slice(branch="Puno"), {}).exists()


def test_a_day_that_is_not_closed_has_no_rows(book):
    assert portfolio.loan_states(LAST, Slice(), {}).exists()
    assert not portfolio.loan_states(LAST + timedelta(days=1), Slice(), {}).exists()
    CloseRun.objects.filter(on=LAST).update(finished_at=None)
    assert not portfolio.loan_states(LAST, Slice(), {}).exists()


def test_branches_stand_worst_first_with_their_change(book):
    worst, best = portfolio.parts("branch", LAST, BEFORE, Slice())
    assert (worst.key, worst.par30, best.key, best.par30) == ("Espinar", Decimal(1), "Sicuani", Decimal(0))
    assert worst.before == Decimal(1000) / Decimal(3000)


def test_what_moved_is_kept_by_day_and_summed_by_month(institution, product, book):
    flow = portfolio.flows(LAST, LAST, Slice())[-1]
    assert (flow.month, flow.through, flow.loans, flow.disbursed) == (date(2026, 10, 1), LAST, 2, Decimal(2000))
    summarise_day(on=LAST)
    assert PortfolioFlow.objects.filter(on=LAST).count() == 1


def test_collected_on_time_counts_installments_settled_by_their_day(institution, product):
    for settled in (LAST, date(2026, 11, 2), None):
        loan = make_loan(institution, product, on=date(2026, 10, 21))
        loan.installment_set.update(settled_on=settled)
    close_book(institution, LAST)
    summarise_day(on=LAST)
    flow = PortfolioFlow.objects.get(on=LAST)
    assert (flow.due, flow.on_time) == (Decimal(3090), Decimal(1030))


def test_roll_rates_say_where_each_balance_went(book):
    on, found = portfolio.rolls(Slice())
    assert on == LAST
    assert found[("9-30", "31-60")] == Decimal(2000)
    assert found[("91-120", "121+")] == Decimal(1000)
    assert found[("new", "0")] == Decimal(2000)


def test_a_vintage_shows_an_age_once_its_whole_quarter_reached_it(institution, product):
    for day in (date(2026, 7, 10), date(2026, 8, 10), date(2026, 9, 10)):
        make_loan(institution, product, on=LAST, days_late=40, disbursed_on=day)
    for day in (date(2026, 8, 31), BEFORE, LAST):
        close_book(institution, day)
        summarise_day(on=day)
    origin = date(2026, 7, 1)
    assert VintageMonth.objects.filter(origin=origin, months=3).exists()
    ages = dict(portfolio.vintages(Slice())[origin])
    assert set(ages) == {1}  # the loan of September is one month old; July's three months are not shared yet
    assert ages[1] == Decimal(1) / Decimal(3)


def test_high_risk_counts_refinanced_loans_whole_and_once(institution, product):
    make_loan(institution, product, on=LAST, is_refinanced=True, days_late=60)
    make_loan(institution, product, on=LAST, days_late=60)
    make_loan(institution, product, on=LAST)
    close_book(institution, LAST)
    standing = portfolio.standings([LAST], Slice())[LAST]
    assert standing.high_risk == Decimal(2000)
    assert standing.coverage == Decimal(30) / Decimal(2000)


def test_the_page_shows_the_figures_and_its_filters_live_in_the_address(institution, client_as, book):
    manager = client_as("manager")
    page = page_of(manager, institution).content.decode()
    for words in ("50.0%", "S/\u00a06,000", "Sobre el límite", "Espinar", "31/10/2026"):
        assert words in page, words
    branch = page_of(manager, institution, branch="Sicuani").content.decode()
    assert "0.0%" in branch
    assert "S/\u00a03,000" in branch


def test_the_page_without_a_close_says_when_it_will_have_one(institution, client_as):
    assert "Todavía no hay ningún cierre" in page_of(client_as("manager"), institution).content.decode()


def test_the_files_hold_the_rows_of_the_page(institution, client_as, book):
    manager = client_as("manager")
    answer = page_of(manager, institution, "desk_portfolio_loans", format="csv")
    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert len(rows) == 1 + 5
    assert sum(Decimal(row[6]) for row in rows[1:]) == Decimal(6000)
    answer = page_of(manager, institution, "desk_portfolio_loans", format="xlsx", bucket="over30")
    sheet = load_workbook(io.BytesIO(b"".join(answer.streaming_content)))
    assert sheet.worksheets[0].max_row == 1 + 2


@pytest.mark.parametrize("query", [{"on": "never"}, {"bucket": "x'); --"}, {"officer": "²"}, {"product": "1"}])
def test_an_address_that_makes_no_sense_still_opens(institution, client_as, book, query):
    assert page_of(client_as("manager"), institution, "desk_portfolio_loans", **query).status_code == 200


def test_another_institution_sees_nothing_of_it(other_institution, client_as, book, actor_as):
    outsider = client_as(actor_as("manager", at=other_institution))
    assert "Todavía no hay ningún cierre" in page_of(outsider, other_institution).content.decode()


@pytest.mark.parametrize("role", ["officer", "approver", "collector", "manager", "analyst", "auditor"])
def test_those_who_steer_may_look(institution, client_as, book, role):
    assert page_of(client_as(role), institution).status_code == 200


@pytest.mark.parametrize("role", ["cashier", "validator", "applicant"])
def test_others_may_not(institution, client_as, book, role):
    assert page_of(client_as(role), institution).status_code == 403


def test_the_number_of_queries_does_not_depend_on_the_book(
    institution, client_as, product, book, django_assert_max_num_queries
):
    manager = client_as("manager")
    page_of(manager, institution)
    with django_assert_max_num_queries(32) as few:
        page_of(manager, institution)
    for _each in range(8):
        make_loan(institution, product, on=LAST, branch="Calca")
    RollMonth.objects.all().delete()
    summarise_day(on=LAST)
    with django_assert_max_num_queries(32) as many:
        page_of(manager, institution)
    assert len(many) == len(few)


def test_an_auditor_who_keeps_blocked_data_opens_the_rows_too(client_as, institution, book):
    assert b"Persona" in page_of(client_as("auditor"), institution, "desk_portfolio_loans").content
