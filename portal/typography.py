"""What a page shows is set in type: an amount never parts from its currency at the end of a line."""

import re
from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse

AMOUNT: Final = re.compile(rb"S/ (?=\d)")
TOGETHER: Final = "S/\N{NO-BREAK SPACE}".encode()


class UnbrokenMoney:
    """`S/ 237.98` with a no-break space in every page, wherever the words come from: figures of the hour, sentences
    of the programs, contracts that were hashed as they are stored.

    Pages alone: files, JSON, messages and papers keep the space that people and programs type.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self.get_response(request)
        is_page = answer.get("Content-Type", "").startswith("text/html") and not answer.streaming
        if is_page and not answer.has_header("Content-Disposition"):
            answer.content = AMOUNT.sub(TOGETHER, answer.content)
        return answer
