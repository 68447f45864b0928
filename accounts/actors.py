"""Who answers for an act."""

from dataclasses import dataclass, field
from typing import Any

from accounts.errors import NotAllowed
from accounts.permissions import roles_allowed


@dataclass(frozen=True, slots=True)
class Actor:
    """A person with their membership, an API client, or the system with its reason.

    `roles` are those held in `institution_id`; `channel` and `ip` say how the act arrived.
    """

    kind: str  # "user", "client" or "system"
    institution_id: int | None = None
    user_id: int | None = None
    membership_id: int | None = None
    client_id: str | None = None
    roles: frozenset[str] = field(default_factory=frozenset)
    reason: str = ""
    channel: str = "web"
    ip: str | None = None
    label: str = ""
    confirmed_at: float | None = None  # of the session behind it (accounts.step_up); None without a session

    @classmethod
    def system(cls, reason: str, *, institution_id: int | None = None) -> "Actor":
        """The product itself, for the stated reason; it may do what `permissions` grants to "system"."""
        return cls(
            kind="system",
            institution_id=institution_id,
            roles=frozenset({"system"}),
            reason=reason,
            channel="system",
            label="Ayni",
        )

    @classmethod
    def for_membership(cls, membership: Any, **how: Any) -> "Actor":
        """A person acting in the institution of `membership` with its roles."""
        return cls(
            kind="user",
            institution_id=membership.institution_id,
            user_id=membership.user_id,
            membership_id=membership.pk,
            roles=frozenset(membership.roles) if membership.is_active else frozenset(),
            label=str(membership.user),
            **how,
        )

    @classmethod
    def for_user(cls, user: Any, *, institution_id: int | None = None, **how: Any) -> "Actor":
        """A signed-in person without a membership here; operators and regulators carry that role."""
        return cls(
            kind="user",
            institution_id=institution_id,
            user_id=user.pk,
            roles=user.platform_roles,
            label=str(user),
            **how,
        )

    @classmethod
    def anonymous(cls, *, institution_id: int | None = None, **how: Any) -> "Actor":
        """Somebody who has not signed in."""
        return cls(kind="user", institution_id=institution_id, **how)

    @property
    def person(self) -> int:
        """The account of whoever acts. Raises NotAllowed where that is a program, the system or nobody."""
        if self.user_id is None:
            raise NotAllowed
        return self.user_id

    def can(self, permission: str) -> bool:
        """Whether one of the actor's roles carries `permission`; raises KeyError for an unknown one."""
        return bool(self.roles & roles_allowed(permission))

    def require(self, permission: str) -> None:
        """Raise NotAllowed unless the actor may."""
        if not self.can(permission):
            raise NotAllowed
