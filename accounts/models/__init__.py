from accounts.models.evidence import AuditCheckpoint, AuditEntry, AuditPending, AuditSeal, SubjectKey
from accounts.models.institution import Institution
from accounts.models.messaging import IdempotencyKey, OutboxEvent
from accounts.models.people import ApiClient, Consent, Membership, RegulatorMandate, User
from accounts.models.rights import BureauCorrection, Complaint, DataRequest, SecurityIncident
from accounts.models.webhooks import Webhook, WebhookDelivery

__all__ = [
    "ApiClient",
    "AuditCheckpoint",
    "AuditEntry",
    "AuditPending",
    "AuditSeal",
    "BureauCorrection",
    "Complaint",
    "Consent",
    "DataRequest",
    "IdempotencyKey",
    "Institution",
    "Membership",
    "OutboxEvent",
    "RegulatorMandate",
    "SecurityIncident",
    "SubjectKey",
    "User",
    "Webhook",
    "WebhookDelivery",
]
