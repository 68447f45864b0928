"""Long lists are counted and shown up to a bound, exactly below it."""

import pytest
from django.template.loader import render_to_string

from accounts import paging
from accounts.models import Membership
from accounts.paging import LongPaginator, count_of, count_words, counts_of, in_order
from accounts.tests.factories import MembershipFactory


@pytest.fixture
def few(monkeypatch):
    """A bound of three rows."""
    monkeypatch.setattr(paging, "MOST", 3)


@pytest.fixture
def members(institution):
    return [MembershipFactory(institution=institution, branch="Sicuani" if n < 2 else "Cusco") for n in range(5)]


def test_sets_are_counted_in_one_query_up_to_one_more_than_the_bound(few, members, django_assert_num_queries):
    everyone = Membership.objects.order_by("branch")
    with django_assert_num_queries(1):
        assert counts_of({
            "all": everyone, "sicuani": everyone.filter(branch="Sicuani"), "none": everyone.filter(pk__in=[]),
            "nobody": everyone.filter(branch="Lima"),
        }) == {"all": 4, "sicuani": 2, "none": 0, "nobody": 0}  # fmt: skip


def test_nothing_to_count_asks_nothing(institution, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert counts_of({"none": Membership.objects.none()}) == {"none": 0}


def test_a_short_list_is_counted_exactly(members):
    page = LongPaginator(Membership.objects.order_by("pk"), 2, count_of(Membership.objects.all())).get_page(3)
    assert (page.paginator.count, page.paginator.more, list(page)) == (5, False, [members[4]])
    shown = render_to_string("components/_pagination.html", {"page": page})
    assert "5 a 5 de 5" in shown


def test_a_long_list_ends_at_the_bound_and_says_so(few, members):
    rows = Membership.objects.order_by("pk")
    pages = LongPaginator(rows, 2, count_of(rows))
    assert (pages.count, pages.more, pages.num_pages) == (3, True, 2)
    shown = render_to_string("components/_pagination.html", {"page": pages.get_page(99)})
    assert list(pages.get_page(99)) == [members[2]]
    assert "3 a 3 de más de 3" in shown
    assert "filtra" in shown
    assert "filtra" not in render_to_string("components/_pagination.html", {"page": pages.get_page(1)})


def test_counts_are_shown_with_a_plus_beyond_the_bound(few):
    assert [count_words(count) for count in (0, 3, 4)] == ["0", "3", "3+"]


def test_rows_come_in_the_order_of_their_keys():
    assert in_order([{"pk": 1}, {"pk": 2}], [2, 9, 1]) == [{"pk": 2}, {"pk": 1}]
