"""The close with real commits: on two connections, and killed at every step."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection

from accounts.clock import today
from accounts.tenancy.scope import institution_scope
from accounts.tests.factories import InstitutionFactory
from lending.services.closing import run as closing_run
from lending.services.generation import generate_portfolio
from lending.tests.test_close import SYSTEM, close, everything, small_chunks
from portal.tests import machine

__all__ = ["small_chunks"]


@pytest.fixture
def yesterday():
    return today() - timedelta(days=1)


STEPS = ("debtors", "chunks", "chunk 0", "chunk 1", "states", "summary", "journals", "flows", "reminders", "end")


def deadly(monkeypatch, victim, superuser_query, moment):
    """The connection is cut in the middle of `victim`: before its commit, or right after it."""
    armed = [True]

    def cut():
        if armed:
            armed.clear()
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                superuser_query(f"SELECT pg_terminate_backend({cursor.fetchone()[0]})")
                cursor.execute("SELECT 1")

    step, one_chunk = closing_run._Close._step, closing_run._Close._one_chunk
    chunks = []

    def dying_step(self, name, act):
        if name == victim and moment == "before":

            def act_and_die(act=act):
                found = act()
                cut()
                return found

            return step(self, name, act_and_die)
        step(self, name, act)
        if name == victim:
            cut()
        return None

    def dying_chunk(self):
        found = one_chunk(self)
        chunks.append(found)
        if f"chunk {len(chunks) - 1}" == victim:
            cut()
        return found

    monkeypatch.setattr(closing_run._Close, "_step", dying_step)
    monkeypatch.setattr(closing_run._Close, "_one_chunk", dying_chunk)
    return armed


def made_and_closed(on, connections=1, run=None):
    """A book in a fresh database, closed; its whole result."""
    institution = InstitutionFactory(slug="muerte")
    generate_portfolio(institution=institution, actor=SYSTEM, loans=150, seed=3, on=on)
    (run or (lambda where: close(where, on, connections=connections)))(institution)
    with institution_scope(institution.pk):
        return everything(on)


@pytest.mark.transactional
@pytest.mark.parametrize("night", ["yesterday", "month's end"])
def test_two_connections_leave_what_one_leaves(servers, template_database, yesterday, night, django_db_blocker):
    on = yesterday if night == "yesterday" else today().replace(day=1) - timedelta(days=1)
    results = []
    for connections in (1, 2):
        with machine.cloned_database(servers, template_database, f"{servers.paths.database}_c{connections}"):
            results.append(made_and_closed(on, connections))
    assert same(results[0]) == same(results[1])
    assert results[0]["flows"]
    assert bool(results[0]["reminded"]) == (on == yesterday)
    assert bool(results[0]["vintages"]) == bool(results[0]["rolls"]) == ((on + timedelta(days=1)).day == 1)


def same(result):
    """Without keys of products and officers, which differ from one database to the other."""
    return {
        **result,
        "summary": sorted(((row[0], row[2], *row[4:]) for row in result["summary"]), key=str),
        "ledger": sorted((row[:-1] for row in result["ledger"]), key=str),
    }


@pytest.mark.transactional
def test_a_close_killed_at_any_step_goes_on_to_the_same_result(
    servers, template_database, yesterday, monkeypatch, django_db_blocker
):
    whole = None
    deaths = [(victim, moment, 1) for victim in STEPS for moment in ("before", "after")]
    deaths += [(victim, "before", 2) for victim in ("debtors", "reminders", "flows", "chunk 0", "journals")]
    for victim, moment, connections in [("nobody", "after", 1), *deaths]:
        if moment == "after" and victim.startswith("chunk "):
            continue

        def run(institution, victim=victim, moment=moment, connections=connections):
            with monkeypatch.context() as patch:
                armed = deadly(patch, victim, servers.postgres.query, moment)
                if victim == "nobody":
                    close(institution, yesterday)
                    return
                with pytest.raises(OperationalError):
                    close(institution, yesterday, connections=connections)
                assert not armed, victim
            connection.close()
            close(institution, yesterday, connections=connections)

        with machine.cloned_database(servers, template_database, f"{servers.paths.database}_dead"):
            result = same(made_and_closed(yesterday, run=run))
        whole = whole or result
        assert result == whole, (victim, moment, connections)
        assert len(result["states"]) > 100
