"""Village banks and guarantors: who answers for whose loan."""

from collections.abc import Iterable
from datetime import date, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import audit
from accounts.actors import Actor
from accounts.clock import today
from accounts.crypto import lookup_hash
from accounts.errors import InvalidInput, InvalidState, NotFound
from accounts.models import Institution
from accounts.tenancy.scope import current_institution_id
from lending.identity import BadIdentity, clean_document
from lending.models import Applicant, Contract, ContractGuarantor, Group, GroupLoan, GroupMember, Guarantee, Loan

OPEN_LOANS = (Loan.Status.APPROVED, Loan.Status.ACTIVE)


@transaction.atomic
def form_group(
    *, actor: Actor, name: str, meets_at: str, weekday: int, meets_from: time, every_weeks: int = 4,
    formed_on: date | None = None,
) -> Group:  # fmt: skip
    """A group without members yet, in the hands of the officer who forms it. Raises NotAllowed, InvalidInput."""
    actor.require("lending.manage_groups")
    errors = {}
    name, meets_at = " ".join(name.split()), " ".join(meets_at.split())
    if not name:
        errors["name"] = [_("Escribe el nombre del grupo")]
    if not meets_at:
        errors["meets_at"] = [_("Escribe dónde se reúne")]
    if weekday not in Group.Weekday.values:
        errors["weekday"] = [_("Elige el día de reunión")]
    if not 1 <= every_weeks <= 12:
        errors["every_weeks"] = [_("De 1 a 12 semanas")]
    if Group.objects.filter(name=name).exists():
        errors["name"] = [_("Ya hay un grupo con ese nombre")]
    if errors:
        raise InvalidInput(fields=errors)
    assert actor.user_id is not None  # only people may
    group = Group.objects.create(
        name=name[:80], meets_at=meets_at[:120], weekday=weekday, meets_from=meets_from, every_weeks=every_weeks,
        formed_on=formed_on or today(), officer_id=actor.user_id,
    )  # fmt: skip
    audit.record(actor, "lending.group.formed", group, weekday=weekday)
    return group


@transaction.atomic
def add_member(
    *, group_id: UUID, actor: Actor, document_type: str, document_number: str, role: str = GroupMember.Role.MEMBER
) -> GroupMember:
    """Somebody this institution knows joins a group. Repeating it changes their office only.

    Raises NotAllowed, NotFound, InvalidInput, InvalidState once the group is closed.
    """
    actor.require("lending.manage_groups")
    group = _open_group(group_id)
    if role not in GroupMember.Role.values:
        raise InvalidInput(fields={"role": [_("Elige un cargo")]})
    person = _known(document_type, document_number)
    here = GroupMember.objects.filter(applicant_id=person.pk, left_on=None).first()
    if here and here.group_id != group.pk:
        raise InvalidInput(fields={"document_number": [_("Ya integra otro grupo: primero debe salir de ese")]})
    member = here or GroupMember(group=group, applicant=person, joined_on=today(), institution_id=group.institution_id)
    member.role = role
    try:
        with transaction.atomic():
            member.save()
    except IntegrityError as error:
        raise InvalidInput(fields={"role": [_("Ese cargo ya lo tiene otra persona del grupo")]}) from error
    audit.record(actor, "lending.group.joined", group, applicant=person.pk, role=role)
    return member


@transaction.atomic
def leave_group(*, member_id: int, actor: Actor) -> GroupMember:
    """End a membership; nobody leaves while the group answers for a loan of theirs. Safe to repeat.

    Raises NotAllowed, NotFound, InvalidState.
    """
    actor.require("lending.manage_groups")
    group_id = GroupMember.objects.filter(pk=member_id).values_list("group_id", flat=True).first()
    if group_id is None:
        raise NotFound
    group = Group.objects.select_for_update().get(pk=group_id)
    member = GroupMember.objects.select_for_update().get(pk=member_id)
    if member.left_on is not None:
        return member
    owing = GroupLoan.objects.filter(
        group_id=member.group_id, loan__applicant_id=member.applicant_id, loan__status__in=OPEN_LOANS
    )
    if owing.exists():
        raise InvalidState(_("Tiene un crédito por el que responde el grupo: sale cuando lo termine de pagar."))
    member.left_on = today()
    member.save(update_fields=["left_on"])
    audit.record(actor, "lending.group.left", group, applicant=member.applicant_id)
    return member


@transaction.atomic
def take_loan_in(*, group_id: UUID, actor: Actor, number: int, new_cycle: bool = False) -> GroupLoan:
    """The whole group answers for a member's loan from now on. Safe to repeat.

    Raises NotAllowed, NotFound, InvalidInput, InvalidState.
    """
    actor.require("lending.manage_groups")
    loan = Loan.objects.select_for_update().filter(number=number, status__in=OPEN_LOANS).first()
    group = _open_group(group_id)
    if loan is None:
        raise InvalidInput(fields={"number": [_("No hay un crédito por desembolsar o vigente con ese número")]})
    if not GroupMember.objects.filter(group_id=group.pk, applicant_id=loan.applicant_id, left_on=None).exists():
        raise InvalidInput(fields={"number": [_("Ese crédito no es de una persona del grupo")]})
    kept = GroupLoan.objects.filter(loan_id=loan.pk).first()
    if kept and kept.group_id != group.pk:
        raise InvalidInput(fields={"number": [_("Por ese crédito ya responde otro grupo")]})
    if kept:
        return kept
    last = GroupLoan.objects.filter(group_id=group.pk).aggregate(last=Max("cycle"))["last"] or 0
    taken = GroupLoan.objects.create(group=group, loan=loan, cycle=last + 1 if new_cycle or not last else last)
    audit.record(actor, "lending.group.loan_added", group, loan=loan.pk, cycle=taken.cycle)
    return taken


def answering_group(loan_id: UUID) -> str:
    """The name of the open group that answers for a loan; empty without one."""
    kept = GroupLoan.objects.filter(loan_id=loan_id, group__closed_on=None)
    return kept.values_list("group__name", flat=True).first() or ""


def answer_on(old: Loan, new: Loan, actor: Actor) -> None:
    """The group of a loan that was refinanced answers for the new one, in the same round; in the caller's transaction,
    who holds the old loan."""
    kept = GroupLoan.objects.filter(loan_id=old.pk, group__closed_on=None).first()
    if kept is None:
        return
    group = Group.objects.select_for_update().get(pk=kept.group_id)
    GroupLoan.objects.create(group=group, loan=new, cycle=kept.cycle)
    audit.record(actor, "lending.group.loan_added", group, loan=new.pk, cycle=kept.cycle, refinances=old.pk)


@transaction.atomic
def close_group(*, group_id: UUID, actor: Actor) -> Group:
    """End a group and everybody's place in it, once it answers for no loan any more. Safe to repeat.

    Its name and what it did stay; its people may join another. Raises NotAllowed, NotFound, InvalidState.
    """
    actor.require("lending.manage_groups")
    group = Group.objects.select_for_update().filter(pk=group_id).first()
    if group is None:
        raise NotFound
    if group.closed_on is not None:
        return group
    owing = GroupLoan.objects.filter(group_id=group.pk, loan__status__in=(*OPEN_LOANS, Loan.Status.CHARGED_OFF)).count()
    if owing:
        raise InvalidState(
            ngettext(
                "El grupo todavía responde por %(count)s crédito: se cierra cuando se termine de pagar.",
                "El grupo todavía responde por %(count)s créditos: se cierra cuando se terminen de pagar.",
                owing,
            )
            % {"count": owing}
        )
    group.closed_on = today()
    group.save(update_fields=["closed_on"])
    left = GroupMember.objects.filter(group_id=group.pk, left_on=None).update(left_on=today())
    audit.record(actor, "lending.group.closed", group, members=left)
    return group


@transaction.atomic
def give_guarantee(
    *, loan_id: UUID, actor: Actor, document_type: str, document_number: str, kind: str, limit: Decimal | None = None
) -> Guarantee:
    """Somebody this institution knows answers for a loan, for all of it or up to `limit` soles.

    Raises NotAllowed, NotFound, InvalidInput, InvalidState once the loan has ended.
    """
    actor.require("lending.manage_guarantees")
    loan = _open_loan(loan_id)
    given_already = Guarantee.objects.filter(loan_id=loan.pk, released_on=None).values_list("guarantor_id", flat=True)
    person = checked_guarantor(
        loan.applicant_id, given_already, document_type=document_type, document_number=document_number, kind=kind,
        limit=limit,
    )  # fmt: skip
    assert actor.user_id is not None  # only people may
    given = Guarantee.objects.create(
        loan=loan, guarantor=person, kind=kind, limit=limit, given_on=today(), recorded_by_id=actor.user_id
    )
    audit.record(actor, "lending.guarantee.given", given, loan=loan.pk, guarantor=person.pk, kind=kind, limit=limit)
    return given


def checked_guarantor(
    borrower_id: UUID, others: Iterable[UUID], *, document_type: str, document_number: str, kind: str,
    limit: Decimal | None,
) -> Applicant:  # fmt: skip
    """The known person who may answer for the borrower beside the `others`. Raises InvalidInput by field."""
    person = _known(document_type, document_number)
    errors: dict[str, Any] = {}
    if kind not in Guarantee.Kind.values:
        errors["kind"] = [_("Elige cómo responde")]
    if limit is not None and limit <= 0:
        errors["limit"] = [_("Debe ser mayor que cero")]
    if person.pk == borrower_id:
        errors["document_number"] = [_("Quien recibe el crédito no puede ser su propio garante")]
    elif person.pk in set(others):
        errors["document_number"] = [_("Esa persona ya responde por este crédito")]
    if errors:
        raise InvalidInput(fields=errors)
    return person


def take_guarantees(contract: Contract, loan: Loan, actor: Actor, on: date) -> None:
    """The people who signed the contract answer for its loan, in the caller's transaction."""
    if not contract.summary.get("guarantors"):
        return
    for one in ContractGuarantor.objects.filter(contract_id=contract.pk):
        given = Guarantee.objects.create(
            loan=loan, guarantor_id=one.guarantor_id, kind=one.kind, limit=one.limit, given_on=on,
            recorded_by_id=one.named_by_id,
        )  # fmt: skip
        audit.record(
            actor, "lending.guarantee.given", given, loan=loan.pk, guarantor=one.guarantor_id, kind=one.kind,
            limit=one.limit, contract=contract.pk,
        )  # fmt: skip


@transaction.atomic
def release_guarantee(*, guarantee_id: UUID, actor: Actor) -> Guarantee:
    """Let a guarantor go. Safe to repeat. Raises NotAllowed, NotFound."""
    actor.require("lending.manage_guarantees")
    given = Guarantee.objects.select_for_update().filter(pk=guarantee_id).first()
    if given is None:
        raise NotFound
    if given.released_on is None:
        given.released_on = today()
        given.save(update_fields=["released_on"])
        audit.record(actor, "lending.guarantee.released", given, loan=given.loan_id)
    return given


def _open_group(group_id: UUID) -> Group:
    group = Group.objects.select_for_update().filter(pk=group_id).first()
    if group is None:
        raise NotFound
    if group.closed_on is not None:
        raise InvalidState(_("Este grupo está cerrado."))
    return group


def _open_loan(loan_id: UUID) -> Loan:
    loan = Loan.objects.select_for_update().filter(pk=loan_id).first()
    if loan is None:
        raise NotFound
    if loan.status not in OPEN_LOANS:
        raise InvalidState(_("Este crédito ya terminó."))
    return loan


def _known(document_type: str, document_number: str) -> Applicant:
    """The person of a document, as this institution knows them. Raises InvalidInput."""
    try:
        number = clean_document(document_type, document_number)
    except BadIdentity as problem:
        raise InvalidInput(fields={"document_number": [problem.message]}) from problem
    institution = Institution.objects.get(pk=current_institution_id())
    digest = lookup_hash(institution.uuid, f"document:{document_type}", number)
    person = Applicant.objects.filter(document_type=document_type, document_hash=digest).first()
    if person is None:
        message = _("No conocemos ese documento: primero registra a la persona con una solicitud en el mostrador")
        raise InvalidInput(fields={"document_number": [message]})
    return person
