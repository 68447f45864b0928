"""From the outbox to the workers: one task for each institution and consumer with open events.

Runs as lend_system, which sees the outbox of every institution and nothing else. An event is claimed in a
short transaction, its task is sent outside of it; what could not be sent is kept and tried again, and what
stays open too long is claimed anew. So any of PostgreSQL, Redis, a worker or the relay itself may go away
for a while: the answer comes late, never twice, because consumers close the event in their own transaction.
"""

import logging
import select
import socket
import time
from collections.abc import Callable
from typing import Any, Final

from celery import current_app
from django.conf import settings
from django.db import Error, connections
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from accounts import outbox
from accounts.tenancy.celery import HEADER

POLL_SECONDS: Final = 1.0  # should a notification be missed
SHORTEST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 2.0
CLAIM: Final = """
UPDATE accounts_outboxevent SET published_at = now(), attempts = attempts + 1
WHERE id IN (
  SELECT id FROM accounts_outboxevent
  WHERE done_at IS NULL AND name = ANY(%s)
    AND (published_at IS NULL OR published_at < now() - make_interval(secs => %s))
  ORDER BY created_at LIMIT 1000 FOR UPDATE SKIP LOCKED)
RETURNING institution_id, name
"""
Errand = tuple[int, str]  # institution and task
logger = logging.getLogger(__name__)


def send_task(errand: Errand) -> None:
    """Put the consumer's task on its queue; raises when the broker does not take it."""
    institution_id, task = errand
    current_app.send_task(
        task, kwargs={"institution_id": institution_id}, headers={HEADER: institution_id}, retry=False
    )


class Relay:
    """Claims, sends, waits; `stop()` may be called from a signal handler."""

    def __init__(self, send: Callable[[Errand], None] = send_task, alias: str = "system") -> None:
        self.send = send
        self.connection = connections[alias]
        self.unsent: set[Errand] = set()
        self.stopped = False
        self._wakeup, self._waker = socket.socketpair()
        self._waker.setblocking(False)

    def stop(self, *_signal: Any) -> None:
        """Leave the loop after the current round."""
        self.stopped = True
        self._waker.send(b"x")

    def run(self) -> None:
        """Relay until stopped; an absent server is waited for."""
        pause = SHORTEST_PAUSE
        while not self.stopped:
            try:
                if self._listen():
                    logger.info("listening for events")
                full = self.claim()
                self.deliver()
                pause = SHORTEST_PAUSE
                if not full:
                    self._wait(POLL_SECONDS, self.connection.connection)
            except (Error, BrokerError, RedisError, OSError) as error:
                logger.warning("waiting for a server: %s", error)
                self._wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
        self.connection.close()

    def claim(self) -> bool:
        """Take note of what is open and due; returns whether there may be more."""
        tasks = outbox.routes()
        with self.connection.cursor() as cursor:
            cursor.execute(CLAIM, [list(tasks), settings.OUTBOX_REPUBLISH_SECONDS])
            claimed = cursor.fetchall()
        self.unsent |= {(institution_id, tasks[name]) for institution_id, name in claimed}
        return len(claimed) == 1000

    def deliver(self) -> None:
        """Send what is owed; what the broker refuses stays owed."""
        for errand in sorted(self.unsent):
            self.send(errand)
            self.unsent.discard(errand)

    def _listen(self) -> bool:
        """Subscribe on a connection that is new; a lost one is replaced. True when it was."""
        if self.connection.connection is not None and not self.connection.is_usable():
            self.connection.close()
        if self.connection.connection is not None:
            return False
        with self.connection.cursor() as cursor:
            cursor.execute(f"LISTEN {outbox.CHANNEL}")
        return True

    def _wait(self, seconds: float, listening: Any = None) -> None:
        """Until something is announced on `listening`, the time has passed or we are stopped. Raises Error."""
        watched = [self._wakeup] if listening is None else [self._wakeup, listening]
        deadline = time.monotonic() + seconds
        while not self.stopped and (left := deadline - time.monotonic()) > 0:
            with self.connection.wrap_database_errors:  # a closed connection says so, before or while we wait
                ready, _, _ = select.select(watched, [], [], left)
                if listening in ready:
                    listening.poll()
            if listening in ready and listening.notifies:
                listening.notifies.clear()
                return
