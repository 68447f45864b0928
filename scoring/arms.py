"""Which of two models decides about an application: by a hash of its id, the same today and in ten years."""

import hashlib
from uuid import UUID

BUCKETS = 10_000


def bucket(application_id: UUID, experiment: UUID) -> int:
    """A number in 0..9999, evenly spread over applications and unrelated between experiments."""
    return int.from_bytes(hashlib.sha256(experiment.bytes + application_id.bytes).digest()[:8], "big") % BUCKETS


def challenger_decides(application_id: UUID, experiment: UUID, traffic: int) -> bool:
    """Whether the challenger whose id is `experiment` decides, taking `traffic` per cent of applications."""
    return bucket(application_id, experiment) < traffic * BUCKETS // 100
