from accounts.models.evidence import AuditCheckpoint, AuditEntry, AuditPending, AuditSeal, SubjectKey
from accounts.models.institution import Institution
from accounts.models.messaging import IdempotencyKey, OutboxEvent
from accounts.models.people import ApiClient, Consent, Membership, RegulatorMandate, User

__all__ = [
    "ApiClient",
    "AuditCheckpoint",
    "AuditEntry",
    "AuditPending",
    "AuditSeal",
    "Consent",
    "IdempotencyKey",
    "Institution",
    "Membership",
    "OutboxEvent",
    "RegulatorMandate",
    "SubjectKey",
    "User",
]
