"""A Merkle tree over the heads of all chains: one root for everybody, and a short proof for each. Pure.

Leaves and nodes are hashed with different first bytes, so that neither can pass for the other. A node
without a neighbour moves up unchanged.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

EMPTY = sha256(b"").digest()


class Head(NamedTuple):
    """Where an institution's chain stood: its last sequence number and hash (32 bytes)."""

    institution_id: int
    seq: int
    hash: bytes


class Step(NamedTuple):
    """One neighbour on the way to the root; `left` says on which side it stands."""

    left: bool
    hash: bytes


def leaf(head: Head) -> bytes:
    """The tree's leaf for one chain."""
    return sha256(b"\x00" + f"{head.institution_id}:{head.seq}:{head.hash.hex()}".encode()).digest()


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def root(heads: Sequence[Head]) -> bytes:
    """The root over `heads` in the order of their institutions."""
    level = [leaf(head) for head in sorted(heads)]
    while len(level) > 1:
        level = _next(level)
    return level[0] if level else EMPTY


def proof(heads: Sequence[Head], institution_id: int) -> list[Step]:
    """What one institution needs, beside its own head, to work out the root. Raises KeyError."""
    ordered = sorted(heads)
    level = [leaf(head) for head in ordered]
    try:
        at = [head.institution_id for head in ordered].index(institution_id)
    except ValueError:
        raise KeyError(institution_id) from None
    steps = []
    while len(level) > 1:
        beside = at ^ 1
        if beside < len(level):
            steps.append(Step(left=beside < at, hash=level[beside]))
        level, at = _next(level), at // 2
    return steps


def climb(head: Head, steps: Sequence[Step]) -> bytes:
    """The root that `head` and its proof lead to."""
    reached = leaf(head)
    for step in steps:
        reached = node(step.hash, reached) if step.left else node(reached, step.hash)
    return reached


def _next(level: list[bytes]) -> list[bytes]:
    pairs = [node(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
    return [*pairs, level[-1]] if len(level) % 2 else pairs
