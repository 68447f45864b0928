"""The book in figures, and collecting what is late."""

from django.urls import path

from lending.views.desk import collections, portfolio

urlpatterns = [
    path("desk/portfolio/", portfolio.portfolio_page, name="desk_portfolio"),
    path("desk/portfolio/loans/", portfolio.loans_page, name="desk_portfolio_loans"),
    path("desk/collections/", collections.worklist_page, name="desk_collections"),
    path("desk/collections/<uuid:loan_id>/", collections.case_page, name="desk_collection"),
    path("desk/collections/promises/<uuid:promise_id>/cancel/", collections.cancel, name="desk_promise_cancel"),
]
