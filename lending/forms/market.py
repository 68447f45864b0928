"""The pages of a national request: those of an application that every lender asks, and the lenders to compare."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.clock import today
from accounts.consent import ConsentText
from accounts.forms import DateBoxes
from lending import identity
from lending.facts import FACTS
from lending.forms.facts import field_for
from lending.forms.steps import ActivityForm, IdentityForm, MoneyForm, RequestForm, StepForm


class PlaceForm(StepForm):
    """Where the person lives and how old they are; the rest of their identity is for the lender they choose."""

    mark_optional = False
    step = "identity"

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["region"] = field_for(FACTS["region"], self.segment)
        asked = IdentityForm.base_fields["birth_on"]
        self.fields["birth_on"] = forms.DateField(
            label=asked.label,
            help_text=asked.help_text,
            input_formats=["%Y-%m-%d"],
            widget=DateBoxes(birthday=True),
            error_messages=asked.error_messages,
        )

    def clean_birth_on(self) -> date:
        try:
            return identity.clean_birth(self.cleaned_data["birth_on"], today())
        except identity.BadIdentity as problem:
            raise ValidationError(problem.message) from problem


class LendersForm(StepForm):
    """One box for the score and one for every lender, none ticked beforehand."""

    mark_optional = False
    step = "lenders"

    def __init__(
        self, *args: Any, automated: ConsentText, lenders: Sequence[tuple[int, ConsentText]], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.lenders = lenders
        for name, text in (("automated", automated), *((text.purpose, text) for _key, text in lenders)):
            box = forms.BooleanField(label=text.title, help_text=text.body, required=False)
            box.consent = text  # type: ignore[attr-defined]
            self.fields[name] = box

    def granted(self) -> dict[int, bool]:
        """Lender by lender, from a valid form."""
        return {key: self.cleaned_data.get(text.purpose) is True for key, text in self.lenders}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not any(cleaned.get(text.purpose) for _key, text in self.lenders):
            raise ValidationError(_("Marca al menos una entidad para ver su oferta"))
        return cleaned


FORMS: Final[dict[str, type[StepForm]]] = {
    form.step: form for form in (RequestForm, PlaceForm, ActivityForm, MoneyForm, LendersForm)
}
