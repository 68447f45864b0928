"""Between lenders: the national self-check, and one request compared with many of them."""

from django.urls import path

from lending.views import check, market

app_name = "market"
urlpatterns = [
    path("check/", check.national_check, name="check"),
    path("check/keep/", check.keep_national_check, name="check_keep"),
    path("requests/", market.home, name="home"),
    path("requests/start/", market.start, name="start"),
    path("requests/<uuid:market_id>/", market.result, name="request"),
    path("requests/<uuid:market_id>/progress/", market.progress, name="progress"),
    path("requests/<uuid:market_id>/forget/", market.forget, name="forget"),
    path("requests/<uuid:market_id>/offers/<uuid:offer_id>/", market.offer, name="offer"),
    path("requests/<uuid:market_id>/offers/<uuid:offer_id>/choose/", market.choose, name="choose"),
    path("requests/<uuid:market_id>/offers/<uuid:offer_id>/rate/", market.rate, name="rate"),
    path("requests/<uuid:market_id>/<slug:step>/", market.step, name="step"),
]
