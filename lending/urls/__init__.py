"""Addresses under `/i/<institution>/`: `path("<institution:slug>", include("lending.urls"))`."""

from django.urls import URLPattern, URLResolver

from lending.urls import book, desk, loans, portfolio, public

app_name = "lending"
urlpatterns: list[URLPattern | URLResolver] = [
    *public.urlpatterns,
    *desk.urlpatterns,
    *portfolio.urlpatterns,
    *book.urlpatterns,
    *loans.urlpatterns,
    *portfolio.urlpatterns,
]
