"""The catalogue that anybody may read: terms copied when they are published, closed when they are withdrawn."""

from datetime import date
from typing import Final

from lending.models import CatalogueOffer, LendingPolicy, ProductVersion
from lending.models.products import LoanTermsFields
from lending.selectors.products import policy_in_force

TERMS: Final = tuple(field.name for field in LoanTermsFields._meta.get_fields())
FROM_POLICY: Final = (
    *("installment_to_surplus", "installment_to_stressed", "installments_to_income"),
    *("income_stress", "offer_days"),
)


def list_version(version: ProductVersion) -> None:
    """Copy published terms, in the publishing transaction."""
    policy = policy_in_force()
    assert version.published_on is not None
    CatalogueOffer.objects.update_or_create(
        pk=version.pk,
        defaults={
            "lender_id": version.institution_id,
            "product_code": version.product.code,
            "name": version.product.name,
            "segment": version.product.segment,
            "published_on": version.published_on,
            "withdrawn_on": None,
            **{name: getattr(version, name) for name in TERMS},
            **{name: getattr(policy, name) for name in FROM_POLICY},
        },
    )


def close_version(version: ProductVersion, on: date) -> None:
    """Offer the terms to nobody from `on`, in the withdrawing transaction."""
    CatalogueOffer.objects.filter(pk=version.pk, lender_id=version.institution_id).update(withdrawn_on=on)


def follow_policy(policy: LendingPolicy) -> None:
    """What the lender holds applicants against changed: so it does for terms on offer."""
    CatalogueOffer.objects.filter(lender_id=policy.institution_id, withdrawn_on=None).update(
        **{name: getattr(policy, name) for name in FROM_POLICY}
    )
