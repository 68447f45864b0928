"""One day after the other, step by step: what is done stays done, whoever dies in between."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from accounts import audit, outbox
from accounts.actors import Actor
from accounts.clock import today
from accounts.errors import InvalidInput, InvalidState
from accounts.tenancy.scope import institution_scope
from lending.models import CloseChunk, CloseRun, PortfolioDay
from lending.selectors.risk import risk_rules
from lending.services.closing import statements
from lending.services.closing.journals import post_levels
from lending.services.collections import settle_promises
from lending.services.ledger import BOOKS_LOCK
from lending.services.outcomes import tell_outcomes
from lending.services.portfolio import summarise_day
from lending.services.reminders import queue_reminders
from lending.services.servicing import use_advances

CHUNK_LOANS: Final = 25_000
_ATTEMPTS: Final = 3
_NOTE: Final = """
UPDATE lending_closerun SET step = %(step)s, progress = progress || %(note)s::jsonb,
  finished_at = CASE WHEN %(ends)s THEN now() END
WHERE institution_id = %(i)s AND "on" = %(on)s
"""
Progress = Callable[[int], None]
# What follows once the figures stand, by name: called with the day, in the institution's scope and a transaction of
# its own; returns how many rows it touched. Must tolerate being called again.
_followers: dict[str, Callable[[date], int]] = {}


def after_close(name: str, act: Callable[[date], int]) -> None:
    """Have `act` done once the figures of a day stand; each app does so when it is loaded."""
    _followers[name] = act


@dataclass(slots=True)
class CloseReport:
    """What the close of one day did; `steps` has rows and seconds of each."""

    on: date
    loans: int = 0
    seconds: float = 0.0
    already: bool = False
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)


def days_to_close(on: date) -> list[date]:
    """The days up to `on` that are not closed yet; only `on` itself in a book that was never closed."""
    last = CloseRun.objects.filter(finished_at__isnull=False).order_by("-on").values_list("on", flat=True).first()
    if last is None:
        begun = CloseRun.objects.order_by("on").values_list("on", flat=True).first()
        last = min(begun, on) - timedelta(days=1) if begun else on - timedelta(days=1)
    return [last + timedelta(days=n) for n in range(1, (on - last).days + 1)]


def close_through(
    *,
    institution_id: int,
    actor: Actor,
    on: date,
    connections: int = 1,
    progress: Progress | None = None,
    recount: bool = False,
) -> list[CloseReport]:
    """Close every day up to `on` that is not closed yet, oldest first. Raises as `close_day`."""
    with institution_scope(institution_id):
        days = days_to_close(on)
    how: dict[str, Any] = {"connections": connections, "progress": progress, "recount": recount}
    return [close_day(institution_id=institution_id, actor=actor, on=day, **how) for day in days or [on]]


def close_day(
    *,
    institution_id: int,
    actor: Actor,
    on: date,
    connections: int = 1,
    progress: Progress | None = None,
    recount: bool = False,
) -> CloseReport:
    """Close one day; of a day that is closed nothing changes, and a close that died goes on where it stopped.

    At a month's end, and with `recount`, the day's sums are held against the loans' spans; `recount` takes those of
    the spans where they differ, and says so in the audit log. `progress` hears how many loans were gone through, chunk
    by chunk. Raises NotAllowed, InvalidInput for a day to come, MissingRule, InvalidState where sums or books disagree.
    """
    actor.require("lending.close_day")
    if on > today():
        raise InvalidInput(fields={"date": [_("Ese día todavía no llega: se cierra hasta hoy.")]})
    close = _Close(institution_id, actor, on, connections, progress or (lambda _loans: None))
    started = time.monotonic()
    report = close.report
    close.use_advances()
    if not close.begin():
        report.already = True
        return report
    month_ends = (on + timedelta(days=1)).day == 1  # then every loan is looked at
    close.step("chunks", close.plan_chunks)
    close.work_out_loans(month_ends=month_ends)
    close.step("states", close.count_states)

    def levels() -> None:
        close.step("summary", close.sum_up)
        if month_ends or recount:
            close.step("proof", lambda: close.prove(recount=recount))
        close.step("journals", close.post)

    flows = [lambda: close.step("flows", lambda: summarise_day(on=on))] if month_ends else []
    close.beside(levels, *flows)
    teller = Actor.system("close_of_business", institution_id=institution_id)
    close.step("outcomes", lambda: tell_outcomes(on=on, actor=teller) if month_ends else 0)
    for name, act in _followers.items():
        close.step(name, lambda act=act: act(on))  # type: ignore[misc]
    close.step("end", close.finish)
    report.seconds = round(time.monotonic() - started, 3)
    return report


class _Close:
    """The close of one day of one institution."""

    def __init__(self, institution_id: int, actor: Actor, on: date, connections: int, progress: Progress) -> None:
        self.institution_id, self.actor, self.on = institution_id, actor, on
        self.connections, self.progress = connections, progress
        self.report = CloseReport(on)
        self.values: dict[str, Any] = {"i": institution_id, "on": on, "size": CHUNK_LOANS}
        self.whole = True  # every loan is worked out, not only those that something happened to

    # Steps

    def begin(self) -> bool:
        """Close the day's books to other postings; whether there is anything left to do."""
        with institution_scope(self.institution_id):
            run = CloseRun.objects.filter(on=self.on).first()
            if run is None:
                # Postings hold this lock until they commit: those of this day are in, later ones see the close.
                self.execute("SELECT pg_advisory_xact_lock(%(lock)s, %(i)s::int)", lock=BOOKS_LOCK)
                before = CloseRun.objects.filter(on__lt=self.on, finished_at__isnull=False).order_by("-on").first()
                if CloseRun.objects.filter(on__gt=self.on).exists():
                    raise InvalidInput(
                        fields={"date": [_("Hay un día posterior ya cerrado: este no se puede cerrar.")]}
                    )
                if (begun := CloseRun.objects.filter(on__lt=self.on, finished_at=None).first()) is not None:
                    words = _("El cierre del %(day)s quedó a medias: termínalo primero.")
                    raise InvalidInput(fields={"date": [words % {"day": f"{begun.on:%d/%m/%Y}"}]})
                run, _new = CloseRun.objects.get_or_create(
                    on=self.on, defaults={"previous_on": before.on if before else None}
                )
            self.rules = risk_rules(self.on)
            self._look_back(run)
            done = run.progress
            self.report.steps = dict(done)
            self.report.loans = done.get("summary", {}).get("loans", 0)
            return run.finished_at is None

    def _look_back(self, run: CloseRun) -> None:
        """What stands since the day closed last; of other rules, or where none was closed, nothing does."""
        before = run.previous_on or self.on - timedelta(days=1)
        days = (self.on - before).days
        known = CloseRun.objects.filter(on=before).values_list("progress__chunks", flat=True).first() or {}
        self.whole = run.progress.get("chunks", {}).get("whole", known.get("rules") != self.rules.key())
        self.values |= {
            "known": (bounds := known.get("bounds", [])),
            "counted": bounds[-1] if bounds else str(UUID(int=0)),
            "before": before,
            "ends": [before + timedelta(days=n) for n in range(days)],
            "days": days,
            "carried": None if self.whole else before,
        }

    def beside(self, *acts: Callable[[], None]) -> None:
        """Have all of it done, on as many connections as asked."""
        if self.connections == 1 or len(acts) == 1:
            for act in acts:
                act()
            return
        with ThreadPoolExecutor(self.connections) as pool:
            for done in [pool.submit(copy_context().run, self._apart, act) for act in acts]:
                done.result()

    def _apart(self, act: Callable[[], None]) -> None:
        try:
            act()
        finally:
            connection.close()

    def step(self, name: str, act: Callable[[], Any]) -> None:
        """Do a step unless it is done; it and the note that it is done are one transaction."""
        for attempt in range(_ATTEMPTS):
            try:
                self._step(name, act)
                return
            except OperationalError as error:
                if not _deadlocked(error) or attempt == _ATTEMPTS - 1:
                    raise

    def _step(self, name: str, act: Callable[[], Any]) -> None:
        started = time.monotonic()
        with institution_scope(self.institution_id), transaction.atomic():
            # Whoever else does this very step waits here; other steps of the day go on beside it.
            self.execute("SELECT pg_advisory_xact_lock(hashtextextended(%(step)s, %(i)s))", step=f"{self.on} {name}")
            if name in CloseRun.objects.get(on=self.on).progress:
                return
            with connection.cursor() as cursor:
                cursor.execute(statements.PLANNED)
            found = act()
            note = found if isinstance(found, dict) else {"rows": found}
            note = {**note, "seconds": round(time.monotonic() - started, 3)}
            self.execute(_NOTE, step=name, note=json.dumps({name: note}), ends=name == "end")
            self.report.steps[name] = note

    def use_advances(self) -> None:
        """Money paid in advance pays what fell due, while the day's books are open."""
        used = 1
        while used:
            with institution_scope(self.institution_id), transaction.atomic():
                used = 0 if CloseRun.objects.filter(on=self.on).exists() else use_advances(on=self.on)

    def class_debtors(self) -> int:
        with connection.cursor() as cursor:
            bounds = list(CloseChunk.objects.filter(on=self.on).order_by("n").values_list("since", flat=True))
            cursor.execute(statements.DEBTORS_PLANNED)
            cursor.execute(statements.debtors(self.rules, whole=self.whole), {**self.values, "bounds": bounds})
            return int(cursor.fetchone()[0])

    def plan_chunks(self) -> dict[str, Any]:
        self.execute(statements.CHUNKS)
        bounds = list(CloseChunk.objects.filter(on=self.on).order_by("n").values_list("until", flat=True))
        return {
            "rows": len(bounds),
            "bounds": [str(key) for key in bounds[:-1]],
            "rules": self.rules.key(),
            "whole": self.whole,
        }

    def work_out_loans(self, *, month_ends: bool) -> None:
        """Debtors, then all chunks; each chunk is a transaction. What needs no figure of the day goes beside them."""
        with institution_scope(self.institution_id):
            if "states" in CloseRun.objects.get(on=self.on).progress:
                return
        self.standing = statements.standing(whole=self.whole)
        self.chunk = statements.states(self.rules, whole=self.whole)

        def loans() -> None:
            self.step("debtors", self.class_debtors)  # who comes second waits here until it is done
            self._work()

        def others() -> None:
            if not month_ends:
                self.step("flows", lambda: summarise_day(on=self.on))
            self.step("promises", lambda: settle_promises(on=self.on))
            self.step("reminders", lambda: queue_reminders(self.on))
            loans()

        self.beside(others, *[loans] * (self.connections - 1))

    def _work(self) -> None:
        failed = 0
        while True:
            try:
                with institution_scope(self.institution_id), transaction.atomic():
                    found = self._one_chunk()
            except OperationalError as error:
                failed += 1
                if not _deadlocked(error) or failed == _ATTEMPTS:
                    raise
                continue
            if found is None:
                return
            self.progress(CHUNK_LOANS)

    def _one_chunk(self) -> int | None:
        """Loans worked out in the next chunk, now done; None when none is free."""
        with connection.cursor() as cursor:
            cursor.execute(statements.CLAIM, self.values)
            claimed = cursor.fetchone()
            if claimed is None:
                return None
            chunk = dict(zip(("key", "since", "until"), claimed, strict=True))
            cursor.execute(statements.TUNING)
            cursor.execute(self.standing, {**self.values, **chunk})
            cursor.execute(statements.CUT, {**self.values, "places": cursor.fetchone()[0]})
            cursor.execute(self.chunk, {**self.values, **chunk})
            loans = cursor.fetchone()[0]
            cursor.execute(statements.UNTUNED)
            cursor.execute(
                "UPDATE lending_closechunk SET done_at = now(), loans = %(loans)s"
                " WHERE institution_id = %(i)s AND id = %(key)s",
                {"i": self.institution_id, "loans": loans, "key": chunk["key"]},
            )
        return int(loans)

    def count_states(self) -> dict[str, int]:
        """Wait for chunks that others have claimed, and count."""
        found = CloseChunk.objects.filter(on=self.on).only("n", "loans", "done_at")  # without the keys: they are many
        chunks = list(found.select_for_update().order_by("n"))
        waiting = [chunk.n for chunk in chunks if chunk.done_at is None]
        if waiting:  # another process died with them
            for _chunk in waiting:
                self._one_chunk()
            chunks = list(found.all())
        return {"rows": sum(chunk.loans for chunk in chunks), "chunks": len(chunks)}

    def sum_up(self) -> dict[str, int]:
        rows = self.execute(statements.SUMMARY)
        self.report.loans = PortfolioDay.objects.filter(on=self.on).aggregate(sum=Sum("loans"))["sum"] or 0
        return {"rows": rows, "loans": self.report.loans}

    def prove(self, *, recount: bool) -> int:
        """Hold the sums carried from night to night against all spans; where they differ, stop or count anew."""
        differences = self.execute(statements.DIFFERENCES)
        if differences and not recount:
            raise InvalidState(
                f"{differences} sums of {self.on} are not those of the loans' spans; nothing was posted. See which in"
                " statements.DIFFERENCES, then `close_of_business --recount` takes those of the spans.",
                code="sums_disagree",
            )
        if differences:
            PortfolioDay.objects.filter(on=self.on).delete()
            self.execute(statements.RECOUNTED)
            run = CloseRun.objects.get(on=self.on)
            audit.record(self.actor, "lending.close.recounted", run, on=self.on, differences=differences)
        return differences

    def post(self) -> dict[str, Any]:
        return post_levels(self.on)

    def finish(self) -> int:
        """The chunks are forgotten, the close is evidence."""
        CloseChunk.objects.filter(on=self.on).delete()
        run = CloseRun.objects.get(on=self.on)
        audit.record(self.actor, "lending.close.done", run, on=self.on, loans=self.report.loans)
        outbox.publish("lending.close.done", run, on=self.on.isoformat())
        return 1

    # Small things

    def execute(self, sql: str, **more: Any) -> int:
        with connection.cursor() as cursor:
            cursor.execute(sql, {**self.values, **more})
            return cursor.rowcount


def _deadlocked(error: OperationalError) -> bool:
    return getattr(error.__cause__, "pgcode", None) in ("40P01", "40001")
