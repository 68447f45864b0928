"""Under `/i/<institution>/desk/`: the manager's own pages."""

from django.urls import path

from accounts.views import institution, staff, webhooks

app_name = "accounts"
urlpatterns = [
    path("staff/", staff.staff_list, name="staff"),
    path("staff/new/", staff.staff_new, name="staff_new"),
    path("staff/<int:membership_id>/", staff.staff_edit, name="staff_edit"),
    path("staff/<int:membership_id>/access/", staff.staff_access, name="staff_access"),
    path("staff/<int:membership_id>/second-step/", staff.staff_second_step, name="staff_second_step"),
    path("settings/", institution.settings_page, name="settings"),
    path("settings/webhooks/", webhooks.webhooks_page, name="webhooks"),
    path("settings/webhooks/<uuid:webhook_id>/close/", webhooks.webhook_close, name="webhook_close"),
    path("settings/programs/new/", institution.client_new, name="client_new"),
    path("settings/programs/<uuid:client_id>/secret/", institution.client_secret, name="client_secret"),
    path("settings/programs/<uuid:client_id>/close/", institution.client_close, name="client_close"),
]
