"""Which products fit a person, for how much, at what price, and why.

`match(profile, products, policy)` answers for every product, eligible or not. Every figure comes from
`lending.schedules.build_schedule` on `loan_terms(...)`, the very terms of the simulator and the contract.
"""

from lending.matching.engine import Asked, Match, match, match_lenders
from lending.matching.products import (
    ApplicantProfile,
    MatchingPolicy,
    ProductAmortization,
    ProductTerms,
    disbursement_day,
    loan_terms,
    own_part_reason,
    price,
    publication_problems,
)

__all__ = [
    "ApplicantProfile",
    "Asked",
    "Match",
    "MatchingPolicy",
    "ProductAmortization",
    "ProductTerms",
    "disbursement_day",
    "loan_terms",
    "match",
    "match_lenders",
    "own_part_reason",
    "price",
    "publication_problems",
]
