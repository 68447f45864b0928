"""Which candidate a validator is asked to look at: one stated rule for every run, so that nobody picks by taste."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from scoring.comparison import Difference, log_loss_gain
from scoring.evaluation import ece, ece_noise_limit, log_loss
from scoring.fairness import FOUR_FIFTHS

ECE_LIMIT: Final = 0.015
SIMPLEST_FIRST: Final = ("scorecard", "additive-xgboost")
# Why a candidate is not proposed, in the order in which they are looked at.
NOT_LIVE, CALIBRATION, FAIRNESS, NOT_BETTER = "not_live", "calibration", "fairness", "not_better"


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the rule looks at. `predicted` float64[n] are PDs of rows the model had not seen, the same rows for all;
    `approval_ratio` is that of the group served least on them, None where no group is known."""

    name: str
    algorithm: str
    live: bool
    predicted: np.ndarray
    approval_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate's figures; `gain` is how much lower its log loss is than the champion's; `failed` says why not."""

    name: str
    algorithm: str
    log_loss: float
    ece: float
    ece_limit: float
    approval_ratio: float | None
    gain: Difference | None
    failed: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        told = {name: getattr(self, name) for name in self.__slots__}
        return told | {"gain": self.gain and self.gain.as_json(), "failed": list(self.failed)}


def propose(
    outcomes: np.ndarray, candidates: Sequence[Candidate], champion: Candidate | None
) -> tuple[str | None, list[Judged]]:
    """The name of the candidate to propose, or None, and how each was judged, lowest log loss first.

    The rule. A candidate is fit when

    1. it may decide live: its reasons are exact;
    2. its calibration error (ECE) is within what chance gives, or within 0.015;
    3. its least served group is approved at least four fifths as often as the one most served, or no less often than
       with the model in force;
    4. its log loss on rows it had not seen is lower than that of the model in force beyond the 95 % interval of the
       paired difference (nothing to beat where no model is in force).

    Of those fit, the one with the lowest log loss leads; those whose distance to it may be chance are its equals, and
    the simplest of these is proposed: a scorecard before the additive trees, then the lower log loss, then the name.
    """
    by_name = {one.name: one for one in candidates}
    judged = sorted((_judge(outcomes, one, champion) for one in candidates), key=lambda one: (one.log_loss, one.name))
    fit = [one for one in judged if not one.failed]
    if not fit:
        return None, judged
    best = by_name[fit[0].name].predicted
    equals = [one for one in fit if not log_loss_gain(outcomes, by_name[one.name].predicted, best).real]
    return min(equals, key=lambda one: (SIMPLEST_FIRST.index(one.algorithm), one.log_loss, one.name)).name, judged


def _judge(outcomes: np.ndarray, one: Candidate, champion: Candidate | None) -> Judged:
    error, limit = ece(outcomes, one.predicted), max(ece_noise_limit(one.predicted), ECE_LIMIT)
    gain = log_loss_gain(outcomes, champion.predicted, one.predicted) if champion else None
    floor = min(FOUR_FIFTHS, champion.approval_ratio or FOUR_FIFTHS) if champion else FOUR_FIFTHS
    failed = (
        (NOT_LIVE, not one.live),
        (CALIBRATION, error > limit),
        (FAIRNESS, one.approval_ratio is not None and one.approval_ratio < floor),
        (NOT_BETTER, gain is not None and gain.low <= 0),
    )
    return Judged(
        one.name,
        one.algorithm,
        log_loss(outcomes, one.predicted),
        error,
        limit,
        one.approval_ratio,
        gain,
        tuple(why for why, so in failed if so),
    )
