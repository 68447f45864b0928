import logging
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.relay import Relay


class Command(BaseCommand):
    """Runs for as long as the product does; SIGTERM or SIGINT ends it after the current round."""

    help = "Send the tasks that consume outbox events, again while an event stays open. Needs the role lend_system."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        if "system" not in settings.DATABASES:
            raise CommandError("Set DATABASE_SYSTEM_URL: the relay connects as lend_system.")
        logging.getLogger("accounts.relay").setLevel(logging.INFO)
        relay = Relay()
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, relay.stop)
        relay.run()
