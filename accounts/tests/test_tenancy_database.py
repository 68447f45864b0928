"""What the database itself refuses, whatever Python forgets: the boundary seen through plain SQL."""

import io
import subprocess
import sys
from contextlib import nullcontext
from datetime import date, timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, InternalError, ProgrammingError, connection, connections, transaction
from django.db.migrations.state import ProjectState
from django.db.utils import NotSupportedError

from accounts.models import Institution, Membership, OutboxEvent
from accounts.tenancy import checks
from accounts.tenancy.operations import AddInstitutionKey
from accounts.tenancy.scope import institution_scope, regulator_scope
from accounts.tests.evidence import act, process_environment
from accounts.tests.factories import MandateFactory, MembershipFactory, UserFactory

REFUSED = (ProgrammingError, InternalError, NotSupportedError, IntegrityError)


def sql(statement, *parameters, using="default"):
    """The rows, or how many were touched."""
    with connections[using].cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else cursor.rowcount


def refused(statement, *parameters, using="default"):
    """Run it in a savepoint and expect a refusal; returns its words."""
    with pytest.raises(REFUSED) as caught, transaction.atomic(using=using):
        sql(statement, *parameters, using=using)
    return str(caught.value)


@pytest.fixture
def both(institution, other_institution):
    """A membership in each of two institutions: (mine, theirs)."""
    return MembershipFactory(institution=institution), MembershipFactory(institution=other_institution)


# --- 1. the serving role ----------------------------------------------------------------------------------------


def test_the_serving_role_has_no_privilege_that_passes_a_policy(database):
    assert checks.privilege_problems("default") == []
    assert checks.serving_role_is_unprivileged(None, ["default"]) == []


@pytest.mark.parametrize(
    "statement",
    [
        "SET ROLE lend_owner",
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION lend_owner",
        "TRUNCATE accounts_membership",
        "ALTER TABLE accounts_membership DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant ON accounts_membership",
        "CREATE POLICY mine ON accounts_membership USING (true)",
        "CREATE TABLE public.copy AS SELECT * FROM accounts_membership",
        "CREATE VIEW public.every AS SELECT * FROM accounts_membership",
        "CREATE FUNCTION public.peek() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE accounts_auditentry DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "COPY accounts_membership TO PROGRAM 'cat'",
        "SELECT pg_read_file('/etc/passwd')",
        "CREATE ROLE another SUPERUSER",
    ],
)
def test_the_serving_role_is_refused(institution, statement):
    refused(statement)


def test_the_serving_role_can_pass_no_right_on(institution):
    sql("GRANT SELECT ON accounts_membership TO lend_regulator")  # a warning, and nothing is granted
    assert sql("SELECT has_table_privilege('lend_regulator', 'accounts_membership', 'SELECT')") == [(False,)]


def test_switching_row_security_off_shows_an_error_instead_of_rows(both):
    sql("SET LOCAL row_security = off")
    assert "row-level security" in refused("SELECT * FROM accounts_membership")


@pytest.fixture
def privileged_roles(servers, superuser):
    """Sign-in roles that must not serve, with what is wrong with each."""
    roles = {
        "superuser": ("postgres", "superuser"),
        "owner": ("lend_owner", "owns tables"),
        "bypass": ("ayni_test_bypass", "BYPASSRLS"),
        "member": ("ayni_test_member", "owns tables"),
    }
    superuser.run("DROP ROLE IF EXISTS ayni_test_bypass; DROP ROLE IF EXISTS ayni_test_member")
    superuser.run("CREATE ROLE ayni_test_bypass LOGIN BYPASSRLS; CREATE ROLE ayni_test_member LOGIN IN ROLE lend_owner")
    superuser.run(f'GRANT CONNECT ON DATABASE "{superuser.database}" TO ayni_test_bypass, ayni_test_member')
    yield roles
    for role in ("ayni_test_bypass", "ayni_test_member"):
        superuser.run(f"DROP OWNED BY {role}; DROP ROLE {role}")


def start_serving(servers, database, role):
    """What a web worker does first, connected as `role`."""
    return subprocess.run(
        [sys.executable, "-c", "import portal.wsgi"],
        env=process_environment(servers, database, DATABASE_URL=servers.paths.database_url(role, database)),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.transactional
@pytest.mark.parametrize("kind", ["superuser", "owner", "bypass", "member"])
def test_a_privileged_role_is_not_allowed_to_serve(privileged_roles, servers, fresh_database, kind):
    role, words = privileged_roles[kind]
    started = start_serving(servers, fresh_database, role)
    assert started.returncode != 0
    assert "may not serve" in started.stderr
    assert words in started.stderr


@pytest.mark.transactional
def test_the_unprivileged_role_is_allowed_to_serve(servers, fresh_database):
    started = start_serving(servers, fresh_database, "lend_app")
    assert (started.returncode, started.stderr) == (0, "")


def test_the_refusal_names_the_role_and_the_remedy(database, monkeypatch):
    monkeypatch.setattr(checks, "privilege_problems", lambda alias: ["is a superuser"])
    with pytest.raises(ImproperlyConfigured, match=r"'lend_app' may not serve: it is a superuser.*DATABASE_URL"):
        checks.refuse_privileged_role()


# --- 2. no scope ------------------------------------------------------------------------------------------------


@pytest.mark.transactional
@pytest.mark.parametrize("kind", ["fresh", "reused"])
@pytest.mark.parametrize("inside", ["a transaction", "autocommit"])
def test_without_a_scope_rows_are_neither_seen_nor_touched_nor_added(both, kind, inside):
    connection.close()
    if kind == "reused":
        with institution_scope(both[0].institution_id):
            assert sql("SELECT count(*) FROM accounts_membership") == [(1,)]
        assert sql("SELECT current_setting('app.institution_id', true)") == [("",)]
    with transaction.atomic() if inside == "a transaction" else nullcontext():
        assert sql("SELECT count(*) FROM accounts_membership") == [(0,)]
        assert sql("UPDATE accounts_membership SET branch = 'x'") == 0
        assert sql("DELETE FROM accounts_membership") == 0
        refused(
            "INSERT INTO accounts_membership (institution_id, user_id, roles, job_title, branch, is_active, created_at)"
            " VALUES (%s, %s, '{}', '', '', true, now())",
            both[0].institution_id,
            both[0].user_id,
        )


@pytest.mark.transactional
def test_the_scope_is_gone_from_the_connection_after_commit_and_after_rollback(both):
    institution_id = both[0].institution_id
    with institution_scope(institution_id):
        assert sql("SELECT current_setting('app.institution_id')") == [(str(institution_id),)]
    assert sql("SELECT current_setting('app.institution_id')") == [("",)]
    with institution_scope(institution_id):
        transaction.set_rollback(True)
    assert sql("SELECT current_setting('app.institution_id')") == [("",)]
    with pytest.raises(ZeroDivisionError), institution_scope(institution_id):
        1 / 0  # noqa: B018
    assert sql("SELECT current_setting('app.institution_id')") == [("",)]


# --- 3. another institution's rows ------------------------------------------------------------------------------


def test_rows_cannot_be_put_into_another_institution(both, other_institution):
    mine = both[0]
    assert "row-level security" in refused(
        "INSERT INTO accounts_membership (institution_id, user_id, roles, job_title, branch, is_active, created_at)"
        " VALUES (%s, %s, '{}', '', '', true, now())",
        other_institution.pk,
        UserFactory().pk,
    )
    assert "row-level security" in refused("UPDATE accounts_membership SET institution_id = %s", other_institution.pk)
    with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        Membership(institution=other_institution, user=UserFactory(), roles=[]).save()
    with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        Membership.objects.bulk_create(
            Membership(institution=lender, user=UserFactory(), roles=[])
            for lender in (mine.institution, other_institution)
        )
    mine.institution = other_institution
    with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        mine.save()


def test_copy_into_an_isolated_table_is_refused_whatever_the_rows(both):
    with pytest.raises(Exception, match="row-level security"), transaction.atomic(), connection.cursor() as cursor:
        cursor.copy_expert("COPY accounts_membership (institution_id, user_id) FROM STDIN", io.StringIO("1\t1\n"))
    assert sql("SELECT count(*) FROM accounts_membership") == [(1,)]


def test_copy_by_way_of_a_temporary_table_is_checked_row_by_row(both, institution, other_institution):
    def copy_for(lender):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE arriving (institution_id bigint, user_id bigint) ON COMMIT DROP")
            cursor.copy_expert("COPY arriving FROM STDIN", io.StringIO(f"{lender.pk}\t{UserFactory().pk}\n"))
            cursor.execute(
                "INSERT INTO accounts_membership"
                " (institution_id, user_id, roles, job_title, branch, is_active, created_at)"
                " SELECT institution_id, user_id, '{}', '', '', true, now() FROM arriving"
            )
            cursor.execute("DROP TABLE arriving")

    copy_for(institution)
    assert Membership.objects.count() == 2
    with pytest.raises(ProgrammingError, match="row-level security"):
        copy_for(other_institution)


def test_a_foreign_id_behaves_like_a_missing_one(both):
    theirs = both[1]
    missing = theirs.pk + 1_000
    for key in (theirs.pk, missing):
        with pytest.raises(Membership.DoesNotExist):
            Membership.objects.get(pk=key)
        assert Membership.unscoped.filter(pk=key).count() == 0
        assert sql("UPDATE accounts_membership SET branch = 'x' WHERE id = %s", key) == 0
        assert sql("DELETE FROM accounts_membership WHERE id = %s", key) == 0
        assert sql("SELECT 1 FROM accounts_membership WHERE id = %s FOR UPDATE", key) == []
    with institution_scope(theirs.institution_id):
        assert Membership.objects.get(pk=theirs.pk).branch == ""


# --- 6. ways round ----------------------------------------------------------------------------------------------


@pytest.mark.transactional
def test_views_with_the_callers_rights_and_functions_show_the_callers_rows_only(both, superuser):
    superuser.run("CREATE VIEW careful WITH (security_invoker = true) AS SELECT * FROM accounts_membership")
    superuser.run(
        "CREATE FUNCTION members() RETURNS SETOF accounts_membership"
        " LANGUAGE sql AS 'SELECT * FROM accounts_membership'"
    )
    superuser.run("GRANT SELECT ON careful TO lend_app")
    mine = both[0]
    with institution_scope(mine.institution_id):
        assert sql("SELECT id FROM careful") == [(mine.pk,)]
        assert sql("SELECT id FROM members()") == [(mine.pk,)]
    assert sql("SELECT id FROM careful") == []
    assert sql("SELECT id FROM members()") == []


@pytest.mark.transactional
def test_a_temporary_table_leaves_nothing_for_the_next_client_of_the_connection(both):
    with institution_scope(both[0].institution_id):
        sql("CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT * FROM accounts_membership")
        assert sql("SELECT count(*) FROM kept") == [(1,)]
    with institution_scope(both[1].institution_id):
        assert "does not exist" in refused("SELECT * FROM kept")


@pytest.fixture
def planted(superuser, both):
    """Two isolated tables with a row in one that points to another institution's row."""
    mine, theirs = (row.institution_id for row in both)
    for table, columns in {"planted_parent": "", "planted_child": ", parent_id bigint"}.items():
        sql(
            f"CREATE TABLE {table} (id bigint PRIMARY KEY, institution_id bigint NOT NULL{columns},"
            f" UNIQUE (institution_id, id))",
            using="owner",
        )
    superuser.run("INSERT INTO planted_parent VALUES (1, %s), (2, %s)", mine, theirs)
    superuser.run("INSERT INTO planted_child VALUES (1, %s, 1), (2, %s, 2)", mine, mine)
    for table in ("planted_parent", "planted_child"):
        for statement in (
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant ON {table} TO lend_app, lend_owner USING (institution_id ="
            " (SELECT nullif(current_setting('app.institution_id', true), '')::bigint))",
        ):
            sql(statement, using="owner")
    return superuser


def add_key():
    operation = AddInstitutionKey("planted_child", "parent_id", "planted_parent")
    with connections["owner"].schema_editor(atomic=True) as editor:
        operation.database_forwards("accounts", editor, ProjectState(), ProjectState())


@pytest.mark.transactional
def test_a_planted_violating_row_makes_a_new_foreign_key_fail(planted):
    with pytest.raises(IntegrityError, match="planted_child_parent_id_within"):
        add_key()
    for table in ("planted_parent", "planted_child"):
        assert planted.run("SELECT relforcerowsecurity FROM pg_class WHERE relname = %s", table) == [(True,)]
    planted.run("DELETE FROM planted_child WHERE parent_id = 2")
    add_key()
    assert planted.run("SELECT convalidated FROM pg_constraint WHERE conname = 'planted_child_parent_id_within'") == [
        (True,)
    ]
    assert planted.run("SELECT relforcerowsecurity FROM pg_class WHERE relname = 'planted_child'") == [(True,)]


@pytest.mark.transactional
def test_the_trap_is_real_an_owner_under_force_does_not_see_the_violating_row(planted):
    sql(
        "ALTER TABLE planted_child ADD CONSTRAINT blind FOREIGN KEY (institution_id, parent_id)"
        " REFERENCES planted_parent (institution_id, id)",
        using="owner",
    )
    assert planted.run("SELECT convalidated FROM pg_constraint WHERE conname = 'blind'") == [(True,)]


# --- regulators -------------------------------------------------------------------------------------------------


@pytest.fixture
def supervised(institution, other_institution):
    """An audited act in two institutions, and a regulator who supervises the first."""
    act(institution)
    act(other_institution)
    return MandateFactory(institution=institution).regulator


def seen(regulator_id):
    with regulator_scope(regulator_id):
        return {row[0] for row in sql("SELECT institution_id FROM accounts_auditentry", using="regulator")}


@pytest.mark.transactional
def test_a_regulator_sees_mandated_institutions_only(supervised, institution, other_institution):
    assert seen(supervised.pk) == {institution.pk}
    assert seen(UserFactory().pk) == set()
    with transaction.atomic(using="regulator"):
        assert sql("SELECT * FROM accounts_auditentry", using="regulator") == []
        sql("SELECT set_config('app.institution_id', %s, true)", str(other_institution.pk), using="regulator")
        assert sql("SELECT * FROM accounts_auditentry", using="regulator") == []
    MandateFactory(institution=other_institution, regulator=supervised)
    assert seen(supervised.pk) == {institution.pk, other_institution.pk}


@pytest.mark.transactional
def test_a_mandate_begins_and_ends_at_midnight_in_lima(institution, supervised, superuser):
    today = superuser.run("SELECT (now() AT TIME ZONE 'America/Lima')::date")[0][0]

    def between(begins, ends):
        superuser.run("UPDATE accounts_regulatormandate SET valid_from = %s, valid_to = %s", begins, ends)
        return seen(supervised.pk) == {institution.pk}

    day = timedelta(days=1)
    assert between(today, today)
    assert between(today - day, None)
    assert not between(today - 10 * day, today - day)
    assert not between(today + day, None)


@pytest.mark.transactional
def test_a_mandate_over_some_days_shows_rows_of_those_days_alone(institution, supervised, superuser):
    today = superuser.run("SELECT (now() AT TIME ZONE 'America/Lima')::date")[0][0]
    day = timedelta(days=1)

    def over(data_from, data_to):
        superuser.run("UPDATE accounts_regulatormandate SET data_from = %s, data_to = %s", data_from, data_to)
        with regulator_scope(supervised.pk):
            ((entries, seals),) = sql(
                "SELECT (SELECT count(*) FROM accounts_auditentry), (SELECT count(*) FROM accounts_auditpending)",
                using="regulator",
            )
        return bool(entries), bool(seals)

    assert over(None, None) == (True, True)
    assert over(today, today) == (True, True)
    assert over(today - day, None) == (True, True)
    assert over(None, today - day) == (False, True)
    assert over(today + day, None) == (False, True)
    # Another mandate, over the right days or over all of them, shows what the first does not.
    past = {"valid_from": date(2025, 1, 1), "data_to": today}
    MandateFactory(institution=institution, regulator=supervised, **past)
    assert seen(supervised.pk) == {institution.pk}


@pytest.mark.transactional
def test_days_are_those_of_lima(institution, supervised, superuser):
    """An hour after midnight in London is still the day before in Peru."""
    with superuser.behind_their_backs():
        superuser.run(
            "UPDATE accounts_auditentry SET body = regexp_replace(body, %s, %s)",
            '"at_us":[0-9]+',
            '"at_us":1767229200000000',
        )
    superuser.run("UPDATE accounts_regulatormandate SET data_from = '2025-12-31', data_to = '2025-12-31'")
    assert seen(supervised.pk) == {institution.pk}
    superuser.run("UPDATE accounts_regulatormandate SET data_from = '2026-01-01', data_to = '2026-01-01'")
    assert seen(supervised.pk) == set()


@pytest.mark.transactional
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM accounts_membership",
        "SELECT * FROM accounts_user",
        "SELECT * FROM accounts_idempotencykey",
        "SELECT * FROM lending_applicant",
        "SELECT * FROM accounts_subjectkey",
        "INSERT INTO accounts_regulatormandate (regulator_id) VALUES (1)",
        "UPDATE accounts_auditentry SET body = ''",
        "CREATE TEMP TABLE mine (x int)",
        "SET ROLE lend_app",
    ],
)
def test_a_regulator_is_refused(supervised, statement):
    with regulator_scope(supervised.pk):
        refused(statement, using="regulator")


@pytest.mark.transactional
def test_the_system_role_sees_no_business_rows(both):
    for table in ("accounts_membership", "lending_application", "accounts_user", "accounts_subjectkey"):
        refused(f"SELECT * FROM {table}", using="system")
    assert OutboxEvent.unscoped.using("system").count() == 0
    assert Institution.objects.using("system").count() == 3
