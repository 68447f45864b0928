"""Fair lending: answers people give of themselves, summaries made anew from frozen rows, institutions' replies."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import connections, transaction
from django.db.models import TextChoices
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.actors import Actor
from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from accounts.tenancy.scope import current_institution_id
from lending.disparity import ALL, COUNTED, DIMENSIONS, Counts
from lending.models import Application, DisparityMonth, DisparityReply, FairnessAnswer
from lending.selectors.applications import application_for
from lending.selectors.disparity import CASES, FIRST_MONTH, GROUPS, bounds, cases, month_of

FAIRNESS: Final = "fairness"  # the connection of lend_fairness
SHORTEST_REPLY: Final = 20
ANSWERS: Final[dict[str, type[TextChoices]]] = {
    "sex": FairnessAnswer.Sex,
    "area": FairnessAnswer.Area,
    "language": FairnessAnswer.Language,
    "ethnicity": FairnessAnswer.Ethnicity,
}
QUESTIONS: Final = tuple(ANSWERS)
KEY: Final = ("institution_id", "month", "segment", "product_id", "model_id", "dimension", "group")


# --- what people say of themselves ------------------------------------------------------------------------------


@transaction.atomic
def answer_fairness(*, application_id: UUID, actor: Actor, answers: Mapping[str, str]) -> bool:
    """Keep, in place of earlier ones, what the applicant says of themselves; without any, take them back.

    The product can't read them again. True when there are answers now. Raises NotFound, InvalidState before
    the application is sent, InvalidInput.
    """
    application = application_for(actor, application_id, lock=True)
    if application.owner_id is None or application.owner_id != actor.user_id:
        raise NotFound
    if application.status == Application.Status.DRAFT:
        raise InvalidState(_("Primero envía tu solicitud: estas preguntas no cuentan para la respuesta."))
    given = {name: answers.get(name) or "" for name in QUESTIONS}
    wrong = {
        name: [_("Elige una respuesta de la lista")]
        for name, value in given.items()
        if value and value not in ANSWERS[name].values
    }
    if wrong:
        raise InvalidInput(fields=wrong)
    removed, _rows = FairnessAnswer.objects.filter(application_id=application.pk).delete()
    answered = any(given.values())
    if answered:
        FairnessAnswer(
            institution_id=application.institution_id,
            application_id=application.pk,
            answered_at=timezone.now(),
            **given,
        ).save(force_insert=True)
    if answered or removed:
        audit.record(actor, "lending.fairness.answered" if answered else "lending.fairness.taken_back", application)
    return answered


@transaction.atomic
def reply_to_disparity(
    *, actor: Actor, dimension: str, group: str, since: date, until: date, text: str
) -> DisparityReply:
    """Attach the institution's written word to a difference. Raises NotAllowed, InvalidInput by field."""
    actor.require("lending.reply_to_disparity")
    if actor.user_id is None:  # a program's word is nobody's
        raise NotAllowed
    words = text.replace("\x00", "").strip()
    wrong = {}
    if dimension not in DIMENSIONS:
        wrong["dimension"] = [_("Elige los grupos de la lista")]
    if not SHORTEST_REPLY <= len(words) <= 4_000:
        wrong["text"] = [_("Escribe la explicación, en 20 a 4,000 letras")]
    if until < since:
        wrong["until"] = [_("El último mes no puede ser anterior al primero.")]
    if wrong:
        raise InvalidInput(fields=wrong)
    reply = DisparityReply.objects.create(
        institution_id=current_institution_id(),
        dimension=dimension,
        group=group[:12],
        since=month_of(since),
        until=month_of(until),
        text=words,
        written_by_id=actor.user_id,
        written_at=timezone.now(),
    )
    audit.record(
        actor, "lending.fairness.replied", reply, dimension=dimension, group=group, since=reply.since, until=reply.until
    )
    return reply


# --- summaries --------------------------------------------------------------------------------------------------

SUMMARISE: Final = f"""
{CASES}
INSERT INTO lending_disparitymonth (institution_id, month, segment, product_id, model_id, dimension, "group",
  cases, decided, approved, observed, defaulted, expected, good, good_approved, priced, tea_sum, tcea_sum, hours_sum,
  judged, raised, lowered, reviews, reviews_approved, reviews_declined)
SELECT c.institution_id, c.month, c.segment, c.product_id, c.model_id, g.dimension, g.name,
  count(*), count(c.outcome), count(*) FILTER (WHERE c.outcome = 'approve'),
  count(*) FILTER (WHERE c.defaulted IS NOT NULL AND c.pd IS NOT NULL),
  count(*) FILTER (WHERE c.defaulted AND c.pd IS NOT NULL),
  coalesce(sum(c.pd) FILTER (WHERE c.defaulted IS NOT NULL), 0),
  count(*) FILTER (WHERE NOT c.defaulted AND c.pd IS NOT NULL),
  count(*) FILTER (WHERE NOT c.defaulted AND c.pd IS NOT NULL AND c.program = 'approve'),
  count(c.tea), coalesce(sum(c.tea), 0), coalesce(sum(c.tcea), 0),
  coalesce(sum(c.hours) FILTER (WHERE c.outcome IS NOT NULL), 0),
  count(*) FILTER (WHERE c.program <> 'refer' AND c.person IS NOT NULL),
  count(*) FILTER (WHERE c.program = 'decline' AND c.person = 'approve'),
  count(*) FILTER (WHERE c.program = 'approve' AND c.person = 'decline'),
  count(c.review_closed),
  count(*) FILTER (WHERE c.review_closed AND c.outcome = 'approve'),
  count(*) FILTER (WHERE c.review_closed AND c.outcome = 'decline')
FROM cases c CROSS JOIN LATERAL (VALUES {GROUPS}) AS g (dimension, name)
GROUP BY 1, 2, 3, 4, 5, 6, 7
"""  # noqa: S608  (constants of ours)


def summarise(*, institution_id: int | None = None, since: date | None = None) -> int:
    """Make the summaries of all months from `since` anew (of everything without it), as lend_fairness.

    One transaction: readers see the old summaries or the new ones. Returns how many rows there are now.
    Raises ImproperlyConfigured where this process has no `fairness` connection.
    """
    require_connection()
    first = month_of(since) if since else FIRST_MONTH
    with transaction.atomic(using=FAIRNESS), connections[FAIRNESS].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('ayni disparity'))")
        months = DisparityMonth.unscoped.using(FAIRNESS).filter(month__gte=first)
        if institution_id is not None:
            months = months.filter(institution_id=institution_id)
        months._raw_delete(FAIRNESS)
        cursor.execute(SUMMARISE, {"institution": institution_id, **bounds(first, today())})
        return cursor.rowcount


def require_connection() -> None:
    if FAIRNESS not in connections:
        raise ImproperlyConfigured("DATABASE_FAIRNESS_URL is not set: fair-lending summaries are made as lend_fairness")


# --- the same once more, another way ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Difference:
    """A summary that the frozen rows do not give; `kept` or `worked_out` is None where there is none."""

    key: tuple[Any, ...]
    kept: Counts | None
    worked_out: Counts | None


def check(
    *,
    institution_id: int | None = None,
    since: date | None = None,
    progress: Callable[[int], object] = lambda count: None,
) -> tuple[int, list[Difference]]:
    """(cases, differences) of the summaries against sums over the frozen rows, worked out here and not in SQL."""
    require_connection()
    first = month_of(since) if since else FIRST_MONTH
    sums: dict[tuple[Any, ...], list[Any]] = defaultdict(lambda: [0] * len(COUNTED))
    count = 0
    for case in cases(FAIRNESS, institution_id, first, today()):
        values = _contribution(case)
        before = tuple(case[name] for name in KEY[:5])
        for dimension in (ALL, *DIMENSIONS):
            total = sums[(*before, dimension, "" if dimension == ALL else case[dimension])]
            for place, value in values:
                total[place] += value
        count += 1
        progress(1)
    months = DisparityMonth.unscoped.using(FAIRNESS).filter(month__gte=first)
    if institution_id is not None:
        months = months.filter(institution_id=institution_id)
    kept = {row[: len(KEY)]: Counts(*row[len(KEY) :]) for row in months.values_list(*KEY, *COUNTED)}
    worked_out = {key: Counts(*total) for key, total in sums.items()}
    differing = [
        Difference(key, kept.get(key), worked_out.get(key))
        for key in sorted({*kept, *worked_out}, key=str)
        if kept.get(key) != worked_out.get(key)
    ]
    return count, differing


def _contribution(case: Mapping[str, Any]) -> list[tuple[int, Any]]:
    """What one case adds, as (place in COUNTED, amount) of what is not zero."""
    outcome, program, person = case["outcome"], case["program"], case["person"]
    known = case["defaulted"] is not None and case["pd"] is not None
    good = known and not case["defaulted"]
    asked = case["review_closed"] is not None
    judged = program != "refer" and person is not None
    adds: dict[str, int | Decimal] = {
        "cases": 1,
        "decided": int(outcome is not None),
        "approved": int(outcome == "approve"),
        "observed": int(known),
        "defaulted": int(known and case["defaulted"]),
        "expected": case["pd"] if known else 0,
        "good": int(good),
        "good_approved": int(good and program == "approve"),
        "priced": int(case["tea"] is not None),
        "tea_sum": case["tea"] or 0,
        "tcea_sum": case["tcea"] or 0,
        "hours_sum": case["hours"] if outcome is not None else 0,
        "judged": int(judged),
        "raised": int(judged and program == "decline" and person == "approve"),
        "lowered": int(judged and program == "approve" and person == "decline"),
        "reviews": int(asked),
        "reviews_approved": int(bool(case["review_closed"]) and outcome == "approve"),
        "reviews_declined": int(bool(case["review_closed"]) and outcome == "decline"),
    }
    return [(place, adds[name]) for place, name in enumerate(COUNTED) if adds[name]]
