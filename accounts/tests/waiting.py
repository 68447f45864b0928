"""Waiting in tests: for a condition, until a deadline, never for a fixed time."""

import threading
import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], seconds: float, every: float = 0.02) -> bool:
    """Whether `condition` came to hold within `seconds`."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not (holds := bool(condition())) and time.monotonic() < deadline:
        pause.wait(every)
    return holds
