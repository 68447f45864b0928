"""Keeping no longer than a duty lasts: until when, what restriction means, and what a purge takes away.

A purge blanks or deletes whatever is personal, column by column as `RULES` says, deletes the files and destroys the
subject's key. What stays are figures and codes of which nobody can tell whose they were, and the chain of evidence,
which never held a personal word and still verifies.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from django.apps import apps
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import audit
from accounts.actors import Actor
from accounts.audit.subjects import destroy_subject_key
from accounts.clock import LIMA, years_after
from accounts.models import DataRequest, Membership
from accounts.tenancy.scope import institution_scope
from lending.models import Applicant, Application, Contract, ContractGuarantor, Guarantee, Loan
from lending.parameters import Parameter, term
from lending.selectors.held import Section, held_of_applicant
from lending.services.store import forget_sealed

DELETE: Final = "delete"
Rule = Mapping[str, Any] | str
# The loan is owed or about to be paid out: its data are needed for the contract itself.
RUNNING: Final = (Loan.Status.APPROVED, Loan.Status.ACTIVE, Loan.Status.CHARGED_OFF)
AGREEING: Final = (Contract.Status.OPEN, Contract.Status.SIGNED)

# Frozen figures of the program and the ledger: amounts and codes, no name, no document, no address.
FIGURES: Final = (
    *("lending.Assessment", "lending.Offer", "scoring.Score", "scoring.ShadowScore", "scoring.Outcome"),
    *("lending.Installment", "lending.Allocation", "lending.LedgerEntry"),
    *("lending.LoanSpan", "lending.LatestSpan", "lending.LoanChange", "lending.DebtorSpan", "lending.GroupLoan"),
    *("lending.GroupMember", "lending.Guarantee", "lending.MarketEcho"),
    "lending.PrepaymentRequest",
)
# Every table that can be reached from a person, and what a purge does with its rows; {}: nothing personal in it.
RULES: Final[dict[str, Rule]] = {
    "lending.Applicant": {
        "user_id": None,
        **dict.fromkeys(("full_name", "document_number", "ruc", "phone", "email", "district"), ""),
        "birth_on": date(1900, 1, 1),
        "region": "00",
    },
    "lending.HouseholdProfile": DELETE,
    "lending.EnterpriseProfile": DELETE,
    "lending.FarmProfile": DELETE,
    "lending.Application": {
        "owner_id": None, "purpose": "", "draft": {}, "facts": {}, "facts_sha256": "", "verified_facts": {},
    },
    "lending.Document": DELETE,
    "lending.AccountStatement": DELETE,
    "lending.Notification": DELETE,
    "lending.SigningCode": DELETE,
    "lending.SigningLink": DELETE,
    "lending.FairnessAnswer": DELETE,
    "lending.OfferFeedback": DELETE,
    "lending.ExternalClass": DELETE,
    "lending.ReviewRequest": {"message": "", "requested_by_id": None},
    "lending.Decision": {"rationale": ""},
    "lending.ContactNote": {"note": ""},
    "lending.Contract": {"summary": {}, "signature": {}, "signed_by_id": None, "stored_name": ""},
    "lending.Loan": {"external_ref": "", "given_up_reason": ""},
    "lending.PromiseToPay": {"cancel_reason": ""},
    "lending.ContractGuarantor": {"signature": {}},
    "lending.Disbursement": {"account": "", "external_ref": "", "own_receipt": ""},
    "lending.Repayment": {"external_ref": "", "reversal_reason": ""},
    "lending.Restructure": {"reason": ""},
    "accounts.Consent": {"ip": None, "given_by_id": None},
    "accounts.DataRequest": {"asked": {}, "answer": ""},
    "accounts.BureauCorrection": {"reference": ""},
    "accounts.Membership": {},  # ended by `_leave`
    "accounts.Complaint": {},  # the book has a term of its own (`purge_complaints`)
    **{label: {} for label in FIGURES},
}  # fmt: skip
FILES: Final = {"lending.Document": "stored_name", "lending.Contract": "stored_name"}


def has_running_loan(applicant: Applicant) -> bool:
    """Whether a loan that the person took or answers for still runs or is owed."""
    answered_for = Guarantee.objects.filter(guarantor_id=applicant.pk, released_on=None, loan__status__in=RUNNING)
    named = ContractGuarantor.objects.filter(guarantor_id=applicant.pk, contract__status__in=AGREEING)
    if named.exclude(contract__status=Contract.Status.SIGNED, contract__loans__isnull=False).exists():
        return True
    return Loan.objects.filter(applicant_id=applicant.pk, status__in=RUNNING).exists() or answered_for.exists()


def kept_until(applicant: Applicant) -> date | None:
    """The last day of the duty to keep this person's records; None when nothing has to be kept.

    The years begin with the last thing that was decided, signed or paid. What was never sent obliges to nothing.
    """
    ends = [
        instant.astimezone(LIMA).date()
        for pair in Application.objects.filter(applicant_id=applicant.pk, submitted_at__isnull=False).values_list(
            "submitted_at", "decided_at"
        )
        for instant in pair
        if instant
    ]
    theirs = Q(applicant_id=applicant.pk) | Q(guarantees__guarantor_id=applicant.pk)
    for pair in Loan.objects.filter(theirs).values_list("disbursed_on", "closed_on"):
        ends += [day for day in pair if day]
    return years_after(max(ends), term(Parameter.Code.RECORDS_YEARS)) if ends else None


def purge_applicant(applicant: Applicant, actor: Actor) -> None:
    """Take everything personal of an applicant away for good, in the caller's transaction.

    The caller has made sure that no duty to keep it is left.
    """
    user_id = applicant.user_id
    for section in held_of_applicant(applicant):
        _apply(section)
    applicant.document_hash = f"purged-{applicant.pk.hex}"
    applicant.purged_at, applicant.restricted_at = timezone.now(), applicant.restricted_at or timezone.now()
    Applicant.objects.filter(pk=applicant.pk).update(
        document_hash=applicant.document_hash, purged_at=applicant.purged_at, restricted_at=applicant.restricted_at
    )
    if user_id is not None:
        _leave(user_id)
    destroy_subject_key(applicant.pk, actor)
    audit.record(actor, "lending.applicant.purged", applicant)


@transaction.atomic
def purge_due(*, institution_id: int) -> int:
    """Purge those whose erasure waited for a duty that has ended; returns how many. Safe to repeat."""
    actor = Actor.system("purge", institution_id=institution_id)
    with institution_scope(institution_id):
        actor.require("accounts.purge")
        waiting = Applicant.objects.select_for_update(skip_locked=True).filter(
            restricted_at__isnull=False, purged_at__isnull=True
        )
        purged = 0
        for applicant in waiting:
            until = kept_until(applicant)
            if has_running_loan(applicant) or (until is not None and until >= timezone.now().astimezone(LIMA).date()):
                continue
            purge_applicant(applicant, actor)
            DataRequest.objects.filter(subject_id=applicant.pk, effect=DataRequest.Effect.RESTRICTED).update(
                effect=DataRequest.Effect.ERASED, purged_at=timezone.now()
            )
            purged += 1
        return purged


def _apply(section: Section) -> None:
    model = apps.get_model(section.label)
    rule = RULES[section.label]
    keys = [row.pk for row in section.rows]
    column = FILES.get(section.label)
    for row in section.rows if column else ():
        if name := getattr(row, column or ""):
            forget_sealed(name)
    rows = model._default_manager.filter(pk__in=keys)
    if rule == DELETE:
        rows.delete()
    elif rule:
        assert not isinstance(rule, str)
        rows.update(**rule)


def _leave(user_id: int) -> None:
    """The person is no applicant here any more; whoever works here keeps that."""
    membership = Membership.objects.filter(user_id=user_id).first()
    if membership is None:
        return
    if set(membership.roles) <= {"applicant"}:
        membership.delete()
    else:
        membership.roles = [role for role in membership.roles if role != "applicant"]
        membership.save(update_fields=["roles"])
