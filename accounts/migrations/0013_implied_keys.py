"""Indexes that wider ones cover and checks that composite keys imply cost every row that is written."""

from django.db import migrations

from accounts.tenancy.operations import LeaveOutImplied


class Migration(migrations.Migration):
    dependencies = [("accounts", "0012_counter_requests_isolation")]

    operations = [
        LeaveOutImplied("AuditEntry", "institution"),
        LeaveOutImplied("AuditSeal", "institution"),
        LeaveOutImplied("SubjectKey", "institution"),
        LeaveOutImplied("OutboxEvent", "institution"),
        LeaveOutImplied("IdempotencyKey", "institution"),
        LeaveOutImplied("Membership", "institution"),
        LeaveOutImplied("ApiClient", "institution"),
        LeaveOutImplied("Consent", "institution"),
        LeaveOutImplied("DataRequest", "institution"),
        LeaveOutImplied("BureauCorrection", "institution", "request", constraint=True),
        LeaveOutImplied("Complaint", "institution"),
        LeaveOutImplied("SecurityIncident", "institution"),
        LeaveOutImplied("Webhook", "institution"),
        LeaveOutImplied("WebhookDelivery", "institution", "webhook", constraint=True),
    ]
