"""A service's refusal, shown where the person typed."""

from collections.abc import Mapping

from django.forms import Form

from accounts.errors import InvalidInput


def show_refusal(form: Form, refusal: InvalidInput, *, also: Mapping[str, str] | None = None) -> None:
    """Put each message at its field; `also` maps the service's names to the form's. Others go to the top."""
    names = also or {}
    for name, texts in refusal.fields.items():
        field = names.get(name, name)
        for text in texts:
            form.add_error(field if field in form.fields else None, text)
    if not refusal.fields:
        form.add_error(None, str(refusal.message))
