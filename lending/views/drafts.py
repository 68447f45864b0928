"""An application that is being filled in: its steps, what was answered, and what it declares."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from django.db.models import Max, Min
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import consent
from accounts.clock import today
from accounts.errors import DomainError, NotFound
from accounts.formats import format_money
from accounts.http import Request
from accounts.models import Institution
from lending.facts import STEPS, Step
from lending.forms.steps import FORMS, ConsentsForm, StepForm
from lending.models import Applicant, Application
from lending.money import format_soles
from lending.presentation import application_code
from lending.selectors.applications import application_for
from lending.selectors.products import matching_policy, policy_in_force, product_terms, published_products, usury_cap
from lending.services.applications import DeclaredApplication
from lending.simulation import simulate

REQUEST: Final = "request"
_IDENTITY = ("full_name", "document_type", "document_number", "phone", "email", "district")


def own_draft(request: Request, application_id: UUID) -> "Draft":
    """The application for the person who fills it in: its owner, or staff at the counter. Raises NotFound."""
    application = application_for(request.actor, application_id)
    if application.owner_id is not None:
        mine = application.owner_id == request.user.pk
    else:
        mine = application.channel == Application.Channel.COUNTER and request.actor.can("lending.file_for_applicant")
    if not mine:
        raise NotFound
    assert request.institution is not None
    return Draft(application, request.institution)


def lending_limits(segment: str) -> tuple[Decimal, Decimal] | None:
    """The smallest and largest amount on offer to a segment; None when nothing is."""
    found = published_products().filter(product__segment=segment)
    limits = found.order_by().aggregate(low=Min("amount_min"), high=Max("amount_max"))
    return (limits["low"], limits["high"]) if limits["low"] is not None else None


@dataclass
class Draft:
    """Reads one application's saved answers and judges them again."""

    application: Application
    institution: Institution

    @property
    def segment(self) -> str:
        return self.application.segment

    @property
    def is_open(self) -> bool:
        """Whether it can still be changed."""
        return self.application.status == Application.Status.DRAFT

    @property
    def at_counter(self) -> bool:
        """Whether an officer fills it in for somebody beside them."""
        return self.application.channel == Application.Channel.COUNTER

    @property
    def code(self) -> str:
        return application_code(self.institution, self.application)

    @property
    def steps(self) -> tuple[Step, ...]:
        return STEPS[self.segment]

    @cached_property
    def limits(self) -> tuple[Decimal, Decimal] | None:
        return lending_limits(self.segment)

    @cached_property
    def saved(self) -> Mapping[str, Any]:
        """By step: `answers` as typed and whether they were `complete`."""
        draft: Mapping[str, Any] = self.application.draft
        return draft.get("steps", {})

    def answers(self, step: str) -> Mapping[str, Any]:
        return self.saved.get(step, {}).get("answers", {})

    def options(self, step: str) -> dict[str, Any]:
        """What the form of a step is made with."""
        options: dict[str, Any] = {"segment": self.segment}
        if step == REQUEST:
            options["limits"] = self.limits
        if step == ConsentsForm.step:
            options |= {"texts": consent.consent_texts(self.institution), "at_counter": self.at_counter}
        return options

    def form(self, step: str, data: Any = None) -> StepForm:
        """The form of a step: with what came in, or showing what was typed before."""
        if data is not None:
            return FORMS[step](data, **self.options(step))
        return FORMS[step](initial={**self.known(step), **self.shown_answers(step)}, **self.options(step))

    def known(self, step: str) -> dict[str, Any]:
        """What the person has told before, to spare them the typing; nothing at the counter."""
        if step != "identity" or self.application.owner is None or step in self.saved:
            return {}
        before = Applicant.objects.filter(user=self.application.owner).order_by("-updated_at").first()
        if before:
            return {name: getattr(before, name) for name in (*_IDENTITY, "birth_on", "region")}
        owner = self.application.owner
        return {"full_name": owner.full_name, "phone": owner.phone or "", "email": owner.email or ""}

    def shown_answers(self, step: str) -> Mapping[str, Any]:
        """What was typed before; ticks are forgotten when the words they were given to have changed."""
        answers = self.answers(step)
        return {} if step == ConsentsForm.step and not self.same_words(answers) else answers

    def same_words(self, answers: Mapping[str, Any]) -> bool:
        """Whether consents were given to the texts as they stand, in the language they were read in."""
        texts = consent.consent_texts(self.institution, answers.get("language"))
        return answers.get("texts") == {text.purpose: text.sha256 for text in texts}

    @cached_property
    def judged(self) -> dict[str, StepForm]:
        """Every step's form, bound to what was saved."""
        return {step: FORMS[step].from_answers(self.shown_answers(step), **self.options(step)) for step in FORMS}

    def is_done(self, step: str) -> bool:
        """Whether a step needs nothing more."""
        return bool(self.saved.get(step, {}).get("complete"))

    def next_step(self) -> str:
        """The first step that is not done; the last one when all are."""
        names = [REQUEST, *(one.name for one in self.steps)]
        return next((name for name in names if not self.is_done(name)), names[-1])

    def after(self, step: str) -> str:
        """The step that follows."""
        names = [REQUEST, *(one.name for one in self.steps)]
        return names[names.index(step) + 1]

    def before(self, step: str) -> Step:
        """The step to go back to."""
        names = [one.name for one in self.steps]
        place = names.index(step)
        return self.steps[place - 1] if place else Step(REQUEST, _("Tu pedido"), _("Tu pedido"))

    def url(self, step: str) -> str:
        """The address of a step."""
        name = {"documents": "lending:apply_documents", "review": "lending:apply_review"}.get(step)
        if name:
            return reverse(name, args=[self.institution.slug, self.application.pk])
        return reverse("lending:apply_step", args=[self.institution.slug, self.application.pk, step])

    def aside(self, current: str) -> dict[str, Any]:
        """The card beside every step: code, request, tasks, when it was saved and until when it waits."""
        return {
            "application": self.application,
            "code": self.code,
            "summary": self._summary(),
            "tasks": [self._task(step, current) for step in self.steps],
            "at_counter": self.at_counter,
        }

    def _summary(self) -> list[dict[str, Any]]:
        application = self.application
        lines: list[dict[str, Any]] = [{"label": _("Código"), "value": self.code, "mono": True}]
        if application.amount is not None:
            lines.append({"label": _("Monto"), "value": format_soles(application.amount)})
        if application.term_months is not None:
            lines.append({"label": _("Plazo"), "value": _("%(count)s meses") % {"count": application.term_months}})
        if installment := self._installment():
            lines.append({"label": _("Cuota aproximada"), "value": format_money(installment)})
        return lines

    def _installment(self) -> Decimal | None:
        """What the simulator shows for the request, of the product wished for or the first that lends it."""
        amount, term = self.application.amount, self.application.term_months
        if amount is None or term is None:
            return None
        versions = published_products().filter(
            product__segment=self.segment, amount_min__lte=amount, amount_max__gte=amount,
            term_min__lte=term, term_max__gte=term,
        )  # fmt: skip
        fitting = sorted(versions, key=lambda one: one.product_id != self.application.product_id)
        if not fitting:
            return None
        on = today()
        policy = matching_policy(policy_in_force(), usury_cap(on))
        try:
            schedule = simulate(product_terms(fitting[0]), amount=amount, term_months=term, on=on, policy=policy)
        except DomainError:
            return None
        return schedule.installment

    def _task(self, step: Step, current: str) -> dict[str, Any]:
        task: dict[str, Any] = {"label": step.title, "url": "", "status": _("Falta"), "kind": "", "current": False}
        if step.name in self.saved or step.name == self.next_step():
            task["url"] = self.url(step.name)
        if self.is_done(step.name):
            task |= {"status": _("Listo"), "kind": "ok"}
        elif step.name in self.saved:
            task |= {"status": _("Por corregir"), "kind": "warn"}
        if step.name == current:
            task["current"] = True
            if not self.is_done(step.name):
                task |= {"status": _("En curso"), "kind": "info"}
        return task

    def declared(self) -> DeclaredApplication:
        """Everything declared, from what was saved; what is missing is left for the service to name."""
        cleaned: dict[str, Any] = {}
        facts: dict[str, Any] = {}
        for form in self.judged.values():
            form.is_valid()
            cleaned |= form.cleaned_data
            facts |= form.facts()
        asked = {name: facts.pop(name, None) for name in ("amount", "term_months", "purpose", "region")}
        return DeclaredApplication(
            **{name: cleaned.get(name) or "" for name in (*_IDENTITY, "ruc", "trade_name")},
            birth_on=cleaned.get("birth_on"),
            region=asked["region"] or "",
            amount=asked["amount"],
            term_months=asked["term_months"],
            purpose=asked["purpose"] or "",
            facts=facts,
        )
