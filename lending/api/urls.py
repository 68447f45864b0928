"""`/i/<institution>/api/v1/…`"""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from lending.api.contracts import ContractViewSet
from lending.api.loans import LoanViewSet
from lending.api.views import ApplicationViewSet, SimulationView

app_name = "api"
router = SimpleRouter(use_regex_path=False)
router.register("applications", ApplicationViewSet, basename="application")
router.register("contracts", ContractViewSet, basename="contract")
router.register("loans", LoanViewSet, basename="loan")

urlpatterns = [
    path("simulations/", SimulationView.as_view(), name="simulate"),
    path("", include(router.urls)),
]
