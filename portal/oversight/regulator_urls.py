"""Under `/oversight/`: regulators' pages."""

from django.urls import include, path

from portal.oversight import comparison_views, fairness_views, register_views
from portal.oversight import regulator_views as views

lender = [
    path("", views.chain_page, name="supervised"),
    path("verify/", views.verify_now, name="supervised_verify"),
    path("evidence/", views.evidence, name="supervised_evidence"),
    path("changes/", views.changes, name="supervised_changes"),
    path("versions/", views.side_by_side, name="supervised_versions"),
    path("fairness/", fairness_views.supervised_report, name="supervised_fairness"),
    path("fairness/cases/", fairness_views.cases, name="supervised_cases"),
    path("checkpoints/<int:number>/", views.checkpoint_file, name="supervised_checkpoint"),
    path("objects/<str:subject_type>/<str:subject_id>/", views.object_page, name="supervised_object"),
]
urlpatterns = [
    path("", views.home, name="oversight"),
    path("compare/", comparison_views.compare, name="oversight_compare"),
    path("models/", register_views.models, name="oversight_models"),
    path("models/<uuid:model_id>/", register_views.model, name="oversight_model"),
    path("models/<uuid:model_id>/impact/", register_views.impact, name="oversight_impact"),
    path("looks/", views.looks, name="oversight_looks"),
    path("lenders/<slug:slug>/", include(lender)),
]
