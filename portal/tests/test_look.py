"""Institutions' stylesheets and the style guide, as they are served."""

import pytest
from django.http import Http404
from django.test import RequestFactory

from accounts import branding
from accounts.models import Institution
from portal import look

get = RequestFactory().get


@pytest.fixture
def painted(institution):
    Institution.objects.filter(pk=institution.pk).update(brand_color="#7a3350")
    institution.refresh_from_db()
    return institution


@pytest.mark.django_db
def test_colours_are_kept_for_ever_under_their_own_address(painted):
    css = branding.stylesheet("#7a3350")
    answer = look.brand_stylesheet(get("/brand.css", {"v": branding.version(css)}), slug=painted.slug)
    assert answer.content.decode() == css
    assert answer["Content-Type"] == "text/css; charset=utf-8"
    assert answer["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.django_db
@pytest.mark.parametrize("query", [{}, {"v": "000000000000"}])
def test_an_old_address_gives_today_s_colours_but_is_not_kept(painted, query):
    answer = look.brand_stylesheet(get("/brand.css", query), slug=painted.slug)
    assert "#7a3350" in answer.content.decode()
    assert "immutable" not in answer["Cache-Control"]


@pytest.mark.django_db
def test_an_unknown_institution_has_no_colours():
    with pytest.raises(Http404):
        look.brand_stylesheet(get("/brand.css"), slug="nobody")


@pytest.mark.django_db
def test_a_colour_that_would_be_refused_today_leaves_the_house_colours(painted):
    Institution.objects.filter(pk=painted.pk).update(brand_color="#ffff00")
    assert look.brand_stylesheet(get("/brand.css"), slug=painted.slug).content == b""
    assert f".tn-{painted.slug} " not in look.brands_stylesheet(get("/brands.css")).content.decode()


@pytest.mark.django_db
def test_several_institutions_share_one_stylesheet(painted, other_institution):
    css = look.brands_stylesheet(get("/brands.css")).content.decode()
    assert f".tn-{painted.slug} {{ --accent: #7a3350" in css
    assert f".tn-{other_institution.slug} " in css
    assert ":root" not in css


def test_the_style_guide_shows_every_component_in_both_schemes(settings):
    settings.DEMO = True
    html = look.styleguide(get("/estilo/")).content.decode()
    assert html.count("scheme-light") == html.count("scheme-dark") == len(look.guide.SECTIONS)
    css = look.scheme_stylesheet(get("/estilo/esquemas.css")).content.decode()
    assert "--accent: #1d4f91" in css
    assert "--accent: #8fb8ee" in css


def test_the_style_guide_is_not_for_the_public(settings):
    settings.DEMO = settings.DEBUG = False
    for view in (look.styleguide, look.scheme_stylesheet):
        with pytest.raises(Http404):
            view(get("/estilo/"))
