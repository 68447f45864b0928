"""The API described: `/api/v1/schema/` for programs, `/api/v1/docs/` for people."""

from csp.decorators import csp_update
from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from oauth2_provider.views import TokenView

# Swagger UI writes its own style elements and draws with data: images; no other page may.
_relaxed = csp_update({"style-src": ["'unsafe-inline'"], "img-src": ["data:"]})

app_name = "api_docs"
urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", _relaxed(SpectacularSwaggerSplitView.as_view(url_name="api_docs:schema")), name="docs"),
    path("token/", TokenView.as_view(), name="token"),
]
