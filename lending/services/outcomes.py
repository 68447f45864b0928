"""Telling the models how the loans they scored went."""

from datetime import date

from accounts.actors import Actor
from lending.selectors.outcomes import loan_outcomes
from scoring.services.outcomes import record_outcomes


def tell_outcomes(*, on: date, actor: Actor) -> int:
    """Push what is known at the end of `on` into `scoring.Outcome`; returns how many were new or changed.

    In the scope of an institution; telling again does no harm. Raises NotAllowed.
    """
    return sum(record_outcomes(outcomes=batch, actor=actor) for batch in loan_outcomes(on))
