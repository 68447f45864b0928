"""Whether what an offer returns to the institution may move it ahead of a cheaper one, and by how much.

Cheapest for the applicant first. Where the policy states a bound, the dearest an offer may be over the cheapest,
the offers inside it, among the five cheapest, go by what they are expected to return. Numbers and arrays
give the very same order.
"""

from typing import Any, Final

import numpy as np

from lending.matching.products import MatchingPolicy

WEIGHED: Final = 5  # of the cheapest offers of the full amount
_SCALE: Final = 10**8  # of TEA and probability of default
_MILLION: Final = 10**6
_BOUND_SCALE: Final = 10**4


def expected_return(tea: Any, pd: Any, policy: MatchingPolicy) -> Any:
    """Yearly return over funding and operating costs after expected losses, in millionths. Ints or int64[n].

    `tea` and `pd` in units of 1e-8; an unknown pd (-1) counts as certain default.
    """
    risk = np.where(np.asarray(pd) < 0, 1.0, np.asarray(pd) / _SCALE)
    costs = 1 + float(policy.funding + policy.operating)
    returned = (1 + np.asarray(tea) / _SCALE) * (1 - risk * float(policy.loss_given_default)) - costs
    return np.floor(returned * _MILLION).astype(np.int64)


def inside_bound(cost: Any, cheapest: Any, policy: MatchingPolicy) -> Any:
    """Whether a cost is at most the bound above the cheapest; céntimos, ints or int64 arrays."""
    return cost * _BOUND_SCALE <= cheapest * (_BOUND_SCALE + int(policy.return_bound * _BOUND_SCALE))
