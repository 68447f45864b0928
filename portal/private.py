"""Answers that nobody else may keep: pages of signed-in people, and the API's."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


class PrivateAnswers:
    """Stands inside the sign-in's middleware; what a view has said of its own answer stays as it is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self.get_response(request)
        program = "/api/" in request.path
        if not answer.has_header("Cache-Control") and (program or request.user.is_authenticated):
            answer["Cache-Control"] = "no-store, private"
        if program and answer.get("Content-Type", "").startswith("application/json"):
            answer.headers.setdefault("Content-Disposition", 'attachment; filename="api.json"')
        return answer
