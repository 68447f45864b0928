"""Under `/i/<institution>/desk/audit/`: the auditor's pages."""

from django.urls import path

from portal.oversight import audit_views

urlpatterns = [
    path("", audit_views.audit_page, name="audit"),
    path("evidence/", audit_views.evidence, name="audit_evidence"),
    path("changes/", audit_views.changes, name="audit_changes"),
    path("verify/", audit_views.verify_now, name="audit_verify"),
    path("checkpoints/<int:number>/", audit_views.checkpoint_file, name="audit_checkpoint"),
    path("objects/<str:subject_type>/<str:subject_id>/", audit_views.object_page, name="audit_object"),
]
