"""Two models on the same people: on a data set, and on the applications they have both scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from django.db import connection

from accounts.clock import today
from accounts.errors import DomainError
from accounts.tenancy.scope import current_institution_id
from scoring import registry
from scoring.algorithms import LIVE_ALGORITHMS
from scoring.comparison import FEWEST_OF_EACH, agreement, compare, rows_needed
from scoring.models import Dataset, ScoringModel
from scoring.proposing import Candidate, propose
from scoring.services.datasets import load_table
from scoring.services.outcomes import DAYS_LATE, MONTHS

# Of each application the last attempt that both models scored, whichever decided, and how its loan went.
PAIRS = """
SELECT DISTINCT ON (s.application_id) s.model_id = %(challenger)s,
       CASE WHEN s.model_id = %(challenger)s THEN h.pd ELSE s.pd END,
       CASE WHEN s.model_id = %(challenger)s THEN s.pd ELSE h.pd END,
       CASE WHEN o.started_on + make_interval(months => %(months)s) <= %(as_of)s
             AND (o.first_late_on IS NOT NULL OR o.observed_until >= o.started_on + make_interval(months => %(months)s))
            THEN coalesce(o.first_late_on <= o.started_on + make_interval(months => %(months)s), false) END
FROM scoring_score s
JOIN scoring_shadowscore h
  ON h.institution_id = s.institution_id AND h.application_id = s.application_id AND h.attempt = s.attempt
LEFT JOIN scoring_outcome o
  ON o.institution_id = s.institution_id AND o.application_id = s.application_id AND o.days_late = %(days_late)s
 AND o.started_on >= (s.created_at AT TIME ZONE 'America/Lima')::date
WHERE s.institution_id = %(institution)s
  AND ((s.model_id = %(champion)s AND h.model_id = %(challenger)s)
    OR (s.model_id = %(challenger)s AND h.model_id = %(champion)s))
ORDER BY s.application_id, s.attempt DESC
"""


@dataclass(frozen=True)
class Pairs:
    """What two models said of the same applications: PDs float64[n], `outcomes` 0/1 or NaN, who decided bool[n]."""

    champion: np.ndarray
    challenger: np.ndarray
    outcomes: np.ndarray
    by_challenger: np.ndarray

    def __len__(self) -> int:
        return len(self.champion)


def live_pairs(champion: ScoringModel, challenger: ScoringModel, as_of: date | None = None) -> Pairs:
    """Every application of the institution in scope that both have scored."""
    with connection.cursor() as cursor:
        cursor.execute(
            PAIRS,
            {
                "champion": champion.pk,
                "challenger": challenger.pk,
                "institution": current_institution_id(),
                "months": MONTHS,
                "days_late": DAYS_LATE,
                "as_of": as_of or today(),
            },
        )
        rows = cursor.fetchall()
    return Pairs(
        champion=np.array([float(row[1]) for row in rows]),
        challenger=np.array([float(row[2]) for row in rows]),
        outcomes=np.array([np.nan if row[3] is None else float(row[3]) for row in rows]),
        by_challenger=np.array([row[0] for row in rows], dtype=bool),
    )


def compare_live(pairs: Pairs, cutoff: float) -> dict[str, Any]:
    """What the live comparison shows: `rows`, `by_challenger`, `agreement`, `finished`, and `result` (or None) on
    loans that have finished; `needed` says about how many are needed to tell the seen difference from chance."""
    told: dict[str, Any] = {"rows": len(pairs), "by_challenger": int(pairs.by_challenger.sum())}
    if not len(pairs):
        return told | {"agreement": None, "finished": 0, "result": None, "needed": None}
    known = ~np.isnan(pairs.outcomes)
    outcomes = pairs.outcomes[known]
    result = compare(outcomes, pairs.champion[known], pairs.challenger[known]) if known.any() else None
    gap = abs(result["auc_difference"]["value"]) if result else 0.01
    rate = float(outcomes.mean()) if known.any() and 0 < outcomes.mean() < 1 else float(pairs.champion.mean())
    return told | {
        "agreement": agreement(pairs.champion, pairs.challenger, cutoff),
        "finished": int(known.sum()),
        "result": result,
        "needed": rows_needed(gap, rate),
    }


def compare_on_dataset(dataset: Dataset, champion: ScoringModel, candidate: ScoringModel) -> dict[str, Any]:
    """The candidate, as it spoke of rows it had not seen, against the champion on the same rows.

    The champion's word is the one frozen before each loan began, where the data set keeps it, and otherwise said
    now; `champion_saw_rows` says that it may have been trained on some of them, which flatters it. `verdict` is
    `better`, `worse`, `open` or `unknown`.
    """
    table = load_table(dataset).known()
    unseen = registry.predictions(candidate)
    ours = champion_on(dataset, champion)
    if unseen is None or ours is None or len(unseen) != len(table.frame):
        return {"verdict": "unknown"}
    known = ~np.isnan(unseen) & ~np.isnan(ours)
    result = compare(table.outcomes[known], ours[known], unseen[known]) if known.any() else None
    if result is None:
        return {"verdict": "unknown"}
    saw = dataset.source.get("kind") != "outcomes" and champion.dataset.name == dataset.name
    return {**result, "champion_saw_rows": saw}


def propose_on_dataset(
    dataset: Dataset, models: Sequence[ScoringModel], champion: ScoringModel | None
) -> dict[str, Any]:
    """Which of these models, trained on the data set, the rule of `scoring.proposing` names, on the rows that none of
    them had seen: `model` (id or None), `name`, `rows`, and `judged`, one document per model.

    `known` is false where they cannot be held against the champion, or too few rows are left; nobody is named then.
    """
    from scoring.fairness import fairness
    from scoring.reports import CUTOFF, sensitive_facts

    nobody: dict[str, Any] = {"known": False, "model": None, "name": None, "rows": 0, "judged": []}
    table = load_table(dataset).known()
    said = {one.pk: found for one in models if (found := registry.predictions(one)) is not None}
    theirs = champion_on(dataset, champion) if champion else None
    if not said or (champion and theirs is None):
        return nobody
    every = [*said.values()] if theirs is None else [*said.values(), theirs]
    if any(len(one) != len(table.frame) for one in every):
        return nobody
    known = ~np.isnan(every).any(axis=0)
    outcomes = table.outcomes[known]
    if min(outcomes.sum(), len(outcomes) - outcomes.sum()) < FEWEST_OF_EACH:
        return nobody
    facts = sensitive_facts(table.frame[known], dataset.profile)

    def candidate(model: ScoringModel, pd: np.ndarray) -> Candidate:
        groups = fairness(outcomes, pd, facts, CUTOFF).values()
        ratios = [one["approval_ratio"] for one in groups if one["approval_ratio"] is not None]
        live = model.algorithm in LIVE_ALGORITHMS
        return Candidate(str(model.pk), model.algorithm, live, pd, min(ratios, default=None))

    names = {str(one.pk): one.name for one in models}
    chosen, judged = propose(
        outcomes,
        [candidate(one, said[one.pk][known]) for one in models if one.pk in said],
        candidate(champion, theirs[known]) if champion and theirs is not None else None,
    )
    return {
        "known": True,
        "model": chosen,
        "name": chosen and names[chosen],
        "rows": len(outcomes),
        "judged": [{**one.as_json(), "model": one.name, "name": names[one.name]} for one in judged],
    }


def champion_on(dataset: Dataset, champion: ScoringModel) -> np.ndarray | None:
    """The model's PD for each row of a data set, float64[n]; None where it cannot read it."""
    from scoring.recipe.transparent import facts_matrix, holds_facts

    table = load_table(dataset).known()
    if champion.dataset_id == dataset.pk and (held_out := registry.predictions(champion)) is not None:
        return held_out
    if dataset.source.get("kind") == "outcomes":
        return table.frame["pd"].to_numpy(dtype=np.float64)
    if dataset.segment != champion.segment or not holds_facts(champion.segment, list(table.frame.columns)):
        return None
    try:
        live = registry.live_model(champion)
    except DomainError:
        return None
    return live.score_matrix(facts_matrix(champion.segment, table.frame)).pd
