"""Addresses. Each app keeps its own list; here they meet.

The institution's pages come before the front page: on its own domain they begin at `/`
(`accounts.addresses`), and there the front page is the institution's.
"""

from django.urls import URLPattern, URLResolver, include, path, register_converter

from accounts.addresses import InstitutionConverter
from accounts.admin import operators
from portal import account_data, look, views
from portal.oversight.fairness_views import own_report

register_converter(InstitutionConverter, "institution")

platform: list[URLPattern | URLResolver] = [
    path("oversight/", include("portal.oversight.regulator_urls")),
    path("accounts/data/", account_data.account_data, name="account_data"),
    path("accounts/ready/", views.after_sign_in, name="after_sign_in"),
    path("demo/outbox/", views.demo_outbox, name="demo_outbox"),
    path("csp-report/", views.csp_report, name="csp_report"),
    path("brands.css", look.brands_stylesheet, name="brands_stylesheet"),
    path("styleguide/", look.styleguide, name="styleguide"),
    path("styleguide/schemes.css", look.scheme_stylesheet, name="scheme_stylesheet"),
    path("<institution:slug>brand.css", look.brand_stylesheet, name="brand_stylesheet"),
    path("", views.home, name="home"),
]
urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", operators.urls),
    path("accounts/", include("accounts.urls.people")),
    path("api/v1/", include("lending.api.docs")),
    path("<institution:slug>api/v1/", include("lending.api.urls")),
    path("<institution:slug>desk/", include("accounts.urls.institution")),
    path("<institution:slug>desk/models/", include("scoring.urls")),
    path("<institution:slug>desk/audit/", include("portal.oversight.urls")),
    path("<institution:slug>desk/fairness/", own_report, name="fairness"),
    path("<institution:slug>", include("lending.urls")),
    path("", include("lending.urls.market")),
    path("", include((platform, "portal"))),
]
handler400 = "portal.errors_http.bad_request"
handler403 = "portal.errors_http.forbidden"
handler404 = "portal.errors_http.not_found"
handler429 = "portal.errors_http.too_many_requests"
handler500 = "portal.errors_http.server_error"
