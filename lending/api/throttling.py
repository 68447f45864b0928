"""Limits by institution and caller; programs and people are told apart by who they are, not by address alone."""

from typing import Any

from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from lending.api.authentication import actor_of


class PerCaller(SimpleRateThrottle):
    """Counts per institution and program, person or address. Without Redis it lets everybody through."""

    def get_cache_key(self, request: Request, view: Any) -> str:
        actor = actor_of(request)
        who = actor.client_id or actor.user_id or self.get_ident(request)
        return f"throttle:{self.scope}:{actor.institution_id}:{actor.kind}:{who}"

    def allow_request(self, request: Request, view: Any) -> bool:
        try:
            return super().allow_request(request, view)
        except RedisError:  # a limit that is down must not stop the work
            return True


class Simulations(PerCaller):
    scope = "simulate"


class Writes(PerCaller):
    scope = "write"
