"""What is left out of the log."""

import re
from collections.abc import MutableMapping
from typing import Any, Final

TOKEN: Final = re.compile(r"(/sign/)[^/?\s]{20,}")  # of a link to sign by: whoever reads it may read the contract


def without_tokens(_logger: Any, _level: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The event with no token in the address of its request."""
    if isinstance(address := event.get("request"), str):
        event["request"] = TOKEN.sub(r"\1***", address)
    return event
