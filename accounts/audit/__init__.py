"""Evidence: entries written in the business transaction, sealed into a hash chain, signed by checkpoints."""

from accounts.audit.entries import record, record_many

__all__ = ["record", "record_many"]
