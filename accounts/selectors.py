"""Reads about people and institutions."""

from collections.abc import Iterable
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models import QuerySet

from accounts.clock import today
from accounts.models import ApiClient, Institution, Membership, RegulatorMandate
from accounts.tenancy.scope import person_scope


def open_institutions() -> QuerySet[Institution]:
    """The lenders a visitor may choose from, by name."""
    return Institution.objects.filter(is_active=True).exclude(kind=Institution.Kind.PLATFORM)


def memberships_of(user_id: int) -> list[Membership]:
    """A person's active memberships in open institutions, newest first, each with its institution."""
    with person_scope(user_id), transaction.atomic():
        return list(
            Membership.unscoped.filter(user_id=user_id, is_active=True, institution__is_active=True)
            .select_related("institution")
            .order_by("-created_at")
        )


def mandates_of(user_id: int) -> list[RegulatorMandate]:
    """A regulator's mandates in force today, each with its institution, by name."""
    return list(
        RegulatorMandate.objects.running_on(today())
        .filter(regulator_id=user_id)
        .select_related("institution")
        .order_by("institution__name")
    )


def staff_members() -> list[Membership]:
    """Everybody of the institution in scope who is more than an applicant, by name; inactive ones last."""
    return list(
        Membership.objects.exclude(roles__contained_by=["applicant"])
        .select_related("user")
        .order_by("-is_active", "user__full_name")
    )


def api_clients() -> list[ApiClient]:
    """The programs of the institution in scope, active ones first."""
    return list(ApiClient.objects.select_related("created_by").order_by("-is_active", "name"))


def staff_member(membership_id: int) -> Membership | None:
    """One of `staff_members`, or None."""
    return (
        Membership.objects.exclude(roles__contained_by=["applicant"])
        .select_related("user")
        .filter(pk=membership_id)
        .first()
    )


def with_second_step(user_ids: Iterable[int]) -> set[int]:
    """Those of these people who have an authenticator app set up."""
    found = Authenticator.objects.filter(type=Authenticator.Type.TOTP, user_id__in=list(user_ids))
    return set(found.values_list("user_id", flat=True))


def api_client(client_id: UUID) -> ApiClient | None:
    """One of `api_clients`, or None."""
    return ApiClient.objects.filter(pk=client_id).first()
