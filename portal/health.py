"""Two questions a supervisor or a load balancer asks: are you alive, and can you do your work?"""

import functools
from collections.abc import Callable

import redis
from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache

from portal.metrics import metrics
from scoring.models import ScoringModel, Segment

OK = "ok"


class HealthMiddleware:
    """Answers these and /metrics before anything else: without scope, session, host check or redirect to HTTPS."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.answers = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        view = self.answers.get(request.path_info)
        if view is None:
            return self.get_response(request)
        answer = view(request)
        answer["X-Content-Type-Options"] = "nosniff"
        return answer


@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Alive: the process answers. Touches nothing else."""
    return JsonResponse({"product": "ayni"})


@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Ready: database, migrations, broker and models are there; otherwise 503 with what is missing."""
    checks = {name: answer(check) for name, check in CHECKS.items()}
    ready = all(words == OK for words in checks.values())
    response = JsonResponse({"product": "ayni", "ready": ready, "checks": checks}, status=200 if ready else 503)
    response._has_been_logged = True  # type: ignore[attr-defined]  # asked every moment; Django logs each 503
    return response


def answer(check: Callable[[], str]) -> str:
    """What the check says, or that it could not; details stay in the log, for these pages are public."""
    try:
        return check()
    except (Error, redis.RedisError, OSError):
        return "unreachable"


def database() -> str:
    """Whether a query is answered."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return OK


def migrations() -> str:
    """Whether every migration of this code has been applied."""
    return OK if everything_applied() else "not applied: run manage.py migrate"


def broker() -> str:
    """Whether the queues' Redis answers."""
    client = queue_client()
    client.ping()
    return OK


def model() -> str:
    """Whether every segment has a shared champion."""
    champions = ScoringModel.objects.filter(status=ScoringModel.Status.CHAMPION, institution=None)
    missing = sorted(set(Segment.values) - set(champions.values_list("segment", flat=True)))
    return f"no champion for {', '.join(missing)}: run manage.py train_model and promote_model" if missing else OK


CHECKS = {"database": database, "migrations": migrations, "broker": broker, "model": model}
_applied = False


def everything_applied() -> bool:
    """As `migrations`; once true it is not asked again, for only a new release changes it."""
    global _applied
    if not _applied:
        executor = MigrationExecutor(connection)
        _applied = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _applied


@functools.cache
def queue_client() -> redis.Redis:
    """A client for the broker's database."""
    url = settings.CELERY_BROKER_URL.replace("redis+socket://", "unix://").replace("virtual_host=", "db=")
    return redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
