"""The boundary as the database holds it, table by table: a new table that is left outside fails here."""

import re

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection, models

from accounts.models.base import InstitutionForeignKey, InstitutionOwned
from accounts.tenancy.managers import InstitutionManager

pytestmark = pytest.mark.usefixtures("database")

OURS = ("accounts", "scoring", "lending", "portal")
# Tables of ours that belong to no institution, and why.
GLOBAL = {
    "accounts_institution": "anybody may see which lenders there are",
    "accounts_user": "one person, known to the whole platform; rights come from memberships",
    "accounts_auditcheckpoint": "signed and published heads of all chains",
    "lending_holiday": "national holidays",
    "lending_parameter": "legal rates and limits",
    "lending_classrule": "the norm's classes by days late",
    "lending_provisionrate": "the norm's provision rates",
    "scoring_signal": "market prices, yields and weather",
}
# What lenders publish: all may read, each writes its own.
PUBLISHED = {
    "lending_catalogueoffer": "published terms, copied on publishing",
    "lending_opportunity": "programmes of others that a lender tells people about",
}
# Rows of one person across institutions, reached under app.user_id alone.
PERSONAL = {
    "lending_marketrequest": "answers for many lenders",
    "lending_marketconsent": "which lenders' terms they may be compared with",
    "lending_marketoffer": "what those terms give",
}
# Tables that name an institution but are the platform's.
PLATFORM = {"accounts_regulatormandate": "who supervises whom; a regulator sees only their own"}
# Rows that one statement works out of the rows they name, a million at a time: no constraint at all.
DERIVED = {("lending_loanspan", "loan_id")}
# Keys to rows that may belong to all institutions (no institution named), which no composite key can follow.
TO_SHARED = {
    ("scoring_scoringmodel", "dataset_id"),
    ("scoring_scoringmodel", "replaces_id"),
    ("scoring_trainingrun", "dataset_id"),
    *(
        (f"scoring_{table}", "model_id")
        for table in ("alarm", "monitoringreport", "score", "scoredfile", "shadowscore", "trainingrun")
    ),
}

ISOLATED = """
SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
  AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'institution_id')
ORDER BY 1
"""


def rows(sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return cursor.fetchall()


def isolated_tables():
    return {name for name, *_ in rows(ISOLATED)}


def our_models():
    return [model for app in OURS for model in apps.get_app_config(app).get_models(include_auto_created=True)]


def is_owned(model):
    return any(field.column == "institution_id" for field in model._meta.local_concrete_fields)


def test_every_table_with_an_institution_has_its_security_enabled_and_forced():
    unprotected = [name for name, enabled, forced in rows(ISOLATED) if not (enabled and forced)]
    assert unprotected == []
    assert len(isolated_tables()) > 20


def test_every_other_table_of_ours_is_known_to_be_global():
    ours = {model._meta.db_table for model in our_models()}
    assert ours - isolated_tables() == {*GLOBAL, *PUBLISHED, *PERSONAL}


def test_what_belongs_to_a_person_or_is_published_has_its_policies():
    secured = "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity AND relname = ANY (%s)"
    assert {name for (name,) in rows(secured, [*PUBLISHED, *PERSONAL])} == {*PUBLISHED, *PERSONAL}
    found = rows(
        "SELECT p.polrelid::regclass::text, p.polname, p.polcmd, pg_get_expr(p.polqual, p.polrelid),"
        " pg_get_expr(p.polwithcheck, p.polrelid), p.polroles = '{0}'"
        " FROM pg_policy p WHERE p.polrelid::regclass::text = ANY (%s)",
        [*PUBLISHED, *PERSONAL],
    )
    for table, name, command, sees, writes, for_all_roles in found:
        assert not for_all_roles
        if table in PERSONAL:
            assert name == "own"
            assert "app.user_id" in sees
            assert "app.user_id" in writes
        elif name == "tenant":
            assert "app.institution_id" in writes
        else:
            assert (name, command) == ("readable", "r")
    assert len(found) == 2 * len(PUBLISHED) + len(PERSONAL)


def test_policies_check_what_is_written_and_are_for_named_roles():
    found = rows(
        "SELECT p.polrelid::regclass::text, p.polname, p.polcmd, p.polwithcheck IS NOT NULL, p.polroles = '{0}',"
        " p.polpermissive, pg_get_expr(p.polqual, p.polrelid)"
        " FROM pg_policy p WHERE p.polrelid::regclass::text = ANY (%s)",
        list(isolated_tables()),
    )
    for table, name, command, checks, for_all_roles, permissive, _condition in found:
        assert checks or command == "r", f"{table}: policy {name} would let anything be written"
        assert not for_all_roles, f"{table}: policy {name} is for PUBLIC"
        assert permissive or name == "period", f"{table}: {name}"
    by_table = {}
    for table, name, *_, condition in found:
        by_table.setdefault(table, {})[name] = condition
    for table in isolated_tables() - set(PLATFORM):
        assert "app.institution_id" in by_table[table]["tenant"], table
        # Evaluated once a statement, and closed when the setting is the empty text a reused connection shows.
        assert re.search(r"SELECT \(?NULLIF\(current_setting\('app\.institution_id'", by_table[table]["tenant"]), table


def test_the_serving_role_passes_only_through_policies_on_the_scope():
    for table, name, condition in rows(
        "SELECT p.polrelid::regclass::text, p.polname, pg_get_expr(p.polqual, p.polrelid) FROM pg_policy p"
        " WHERE 'lend_app'::regrole = ANY (p.polroles) AND p.polrelid::regclass::text <> ALL (%s)",
        [*PLATFORM, *PUBLISHED],
    ):
        expected = {
            "tenant": "app.institution_id",
            "own": "app.user_id",
            "shared": "institution_id IS NULL",
        }
        assert expected[name] in condition, f"{table}: {name}"


def test_unique_keys_begin_with_the_institution():
    found = rows(
        "SELECT i.indrelid::regclass::text, c.relname, i.indisprimary,"
        " a.attname, a.atttypid::regtype::text"
        " FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
        " WHERE i.indisunique AND i.indrelid::regclass::text = ANY (%s)",
        list(isolated_tables() - set(PLATFORM)),
    )
    for table, index, primary, column, kind in found:
        if primary:
            assert kind in ("uuid", "bigint"), f"{table}: a primary key that people choose reveals others' rows"
        else:
            assert column == "institution_id", f"{table}: {index} would reveal other institutions' rows"


def test_keys_between_institution_tables_are_composite_and_validated():
    found = rows(
        "SELECT k.conrelid::regclass::text, k.confrelid::regclass::text, k.convalidated,"
        " (SELECT array_agg(a.attname::text ORDER BY u.n) FROM unnest(k.conkey) WITH ORDINALITY u (num, n)"
        "  JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num),"
        " (SELECT array_agg(a.attname::text ORDER BY u.n) FROM unnest(k.confkey) WITH ORDINALITY u (num, n)"
        "  JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.num)"
        " FROM pg_constraint k WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace"
    )
    isolated = isolated_tables()
    composite = set()
    for table, target, validated, columns, target_columns in found:
        assert validated, f"{table}: a key on {columns} was never checked"
        if target not in isolated:
            continue
        assert table in isolated, f"{table} points into {target} and names no institution"
        if (table, columns[0]) in TO_SHARED:
            continue
        assert (columns[0], target_columns[0]) == ("institution_id", "institution_id"), f"{table}: {columns}"
        composite.add((table, columns[1]))
    declared = {
        (model._meta.db_table, field.column)
        for model in our_models()
        for field in model._meta.local_concrete_fields
        if isinstance(field, InstitutionForeignKey)
    }
    assert declared <= composite, "declared, but the migration has no IsolateTable or AddInstitutionKey for it"
    assert len(declared) > 10


# Derived rows of the nightly close: read from the loans they name, under the policy, and held by no key.
UNHELD = {"lending_loanspan", "lending_latestspan", "lending_debtorspan", "lending_portfolioday"}
# Filled by triggers from the rows they name: the sealer's queue, and what the next close must look at.
QUEUE = {"accounts_auditpending", "lending_loanchange"}


def test_every_rows_institution_exists_by_one_key_and_by_no_second_one():
    """Its own key to the institution, or a composite one that may not be empty to a row of which the same holds."""
    found = rows(
        "SELECT k.conrelid::regclass::text, k.confrelid::regclass::text, bool_and(a.attnotnull), count(*)"
        " FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)"
        " WHERE k.contype = 'f' AND k.convalidated AND EXISTS (SELECT FROM pg_attribute i WHERE i.attrelid = k.conrelid"
        "  AND i.attnum = ANY (k.conkey) AND i.attname = 'institution_id') GROUP BY k.oid, 1, 2"
    )
    own = {table for table, target, _filled, _columns in found if target == "accounts_institution"}
    hangs_on = {
        table: target for table, target, filled, columns in found if filled and columns == 2 and table != target
    }
    for table in isolated_tables() - UNHELD - QUEUE:
        at = table
        while at in hangs_on and at not in own:
            at = hangs_on[at]
        assert at in own, f"{table}: nothing says that its institution exists"
    assert own & set(hangs_on) == set(), "checked twice, row by row: the migration has no LeaveOutImplied for these"


def test_no_index_of_a_key_is_covered_by_another_of_the_same_table():
    found = rows(
        "SELECT i.indrelid::regclass::text, c.relname, i.indisunique, coalesce(pg_get_expr(i.indpred, i.indrelid), ''),"
        " (SELECT array_agg(a.attname::text ORDER BY u.n) FROM unnest(i.indkey::int[]) WITH ORDINALITY u (num, n)"
        "  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.num)"
        " FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid::regclass::text = ANY (%s)",
        [model._meta.db_table for model in our_models() if issubclass(model, InstitutionOwned)],
    )
    composite = {
        (model._meta.db_table, field.column)
        for model in our_models()
        for field in model._meta.local_concrete_fields
        if isinstance(field, InstitutionForeignKey)
    }
    whole = [
        (table, index, tuple(columns))
        for table, index, _unique, condition, columns in found
        if condition in ("", f"({columns[-1]} IS NOT NULL)")
    ]
    for table, index, unique, condition, columns in found:
        if unique or condition or (columns != ["institution_id"] and (table, columns[0]) not in composite):
            continue
        # The policies name the institution: an index that begins with it finds what one of the column alone does.
        wanted = ("institution_id", *columns) if (table, columns[0]) in composite else tuple(columns)
        wider = [
            name
            for owner, name, theirs in whole
            if (owner, theirs[: len(wanted)]) == (table, wanted) and name not in (index, f"{table}_institution_key")
        ]
        assert wider == [], f"{table}: {index} costs every row that is written, and {wider} finds what it finds"


def test_models_reach_their_rows_through_the_scoped_manager():
    for model in our_models():
        if not is_owned(model) or model._meta.db_table in PLATFORM:
            continue
        institution = model._meta.get_field("institution")
        if institution.null or not issubclass(model, InstitutionOwned):
            continue  # shared rows, and the sealer's queue: their selectors filter
        assert isinstance(model._default_manager, InstitutionManager), model
        assert model._base_manager.name == "unscoped", model
        for field in model._meta.local_concrete_fields:
            target = field.remote_field and field.remote_field.model
            if not isinstance(target, type) or (model._meta.db_table, field.column) in TO_SHARED | DERIVED:
                continue
            if is_owned(target):
                assert isinstance(field, InstitutionForeignKey), f"{model.__name__}.{field.name} is not composite"
        assert not model._meta.local_many_to_many, f"{model}: spell the link table out"


def test_models_of_an_institution_are_the_abstract_ones_children():
    """Those that may not be: rows shared by all, mandates, and the sealer's queue."""
    others = {model.__name__ for model in our_models() if is_owned(model) and not issubclass(model, InstitutionOwned)}
    assert others == {"RegulatorMandate", "AuditPending", "Dataset", "ScoringModel", "TrainingRun"}


def test_no_view_no_copy_of_rows_and_no_borrowed_rights():
    assert views_that_leak() == []
    assert rows("SELECT relname FROM pg_class WHERE relkind = 'm' AND relnamespace = 'public'::regnamespace") == []
    borrowed = rows("SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace")
    assert borrowed == [], "SECURITY DEFINER functions see what their owner sees"


def views_that_leak():
    return rows(
        "SELECT relname FROM pg_class WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace"
        " AND NOT coalesce(reloptions @> '{security_invoker=true}' OR reloptions @> '{security_invoker=on}', false)"
    )


@pytest.mark.transactional
def test_the_search_for_leaking_views_finds_one(superuser):
    superuser.run("CREATE VIEW every_membership AS SELECT * FROM accounts_membership")
    superuser.run("CREATE VIEW careful WITH (security_invoker = true) AS SELECT * FROM accounts_membership")
    assert views_that_leak() == [("every_membership",)]


def granted(role):
    """What `role` may do, by table."""
    return {
        table: set(rights)
        for table, rights in rows(
            "SELECT c.relname, array_agg(g.privilege_type) FROM pg_class c, aclexplode(c.relacl) g"
            " WHERE c.relkind IN ('r', 'p', 'v') AND c.relnamespace = 'public'::regnamespace"
            " AND g.grantee = %s::regrole GROUP BY 1",
            role,
        )
    }


def test_the_serving_role_may_change_rows_and_nothing_else():
    for table, rights in granted("lend_app").items():
        assert rights <= {"SELECT", "INSERT", "UPDATE", "DELETE"}, table
    assert granted("lend_app")["accounts_auditentry"] == {"SELECT", "INSERT"}
    assert granted("lend_app")["accounts_auditseal"] == {"SELECT"}


def test_the_system_role_reaches_the_outbox_and_the_evidence_only():
    assert granted("lend_system") == {
        "accounts_auditcheckpoint": {"INSERT", "SELECT"},
        "accounts_auditentry": {"SELECT"},
        "accounts_auditpending": {"DELETE", "SELECT"},
        "accounts_auditseal": {"INSERT", "SELECT"},
        "accounts_institution": {"SELECT"},
        "accounts_outboxevent": {"SELECT", "UPDATE"},
    }


def test_the_fairness_role_reads_what_summaries_are_made_of_and_writes_only_them():
    assert granted("lend_fairness") == {  # of five more tables it reads some columns
        "accounts_institution": {"SELECT"},
        "lending_disparitymonth": {"DELETE", "INSERT", "SELECT"},
        "lending_fairnessanswer": {"SELECT"},
        "lending_offer": {"SELECT"},
        "lending_productversion": {"SELECT"},
        "scoring_outcome": {"SELECT"},
    }


def test_regulators_only_read_and_only_under_a_policy_of_their_own():
    found = granted("lend_regulator")
    assert all(rights == {"SELECT"} for rights in found.values())
    supervised = {
        table
        for (table,) in rows(
            "SELECT polrelid::regclass::text FROM pg_policy WHERE 'lend_regulator'::regrole = ANY (polroles)"
        )
    }
    assert set(found) - supervised <= set(GLOBAL) - {"accounts_user"}


# Supervised whole, whatever days a mandate is over, and why.
OF_NO_DAY = {
    "accounts_auditseal": "hashes and instants, which the links of the chain need",
    "accounts_auditpending": "keys of entries that wait for a seal",
    "accounts_regulatormandate": "the mandate itself",
    "scoring_dataset": "what models came from, of whatever year",
    "scoring_scoringmodel": "what decides, put in force long before",
    "lending_product": "what is offered",
    "lending_productversion": "terms in force, published long before",
    "lending_lendingpolicy": "rules in force, written long before",
}


def test_every_supervised_table_is_limited_to_the_days_of_a_mandate_or_says_why_not():
    supervised = {table for table in granted("lend_regulator") if table not in GLOBAL}
    limited = {
        table
        for table, permissive, condition in rows(
            "SELECT polrelid::regclass::text, polpermissive, pg_get_expr(polqual, polrelid) FROM pg_policy"
            " WHERE polname = 'period' AND polroles = ARRAY['lend_regulator'::regrole::oid]"
        )
        if not permissive and "data_from" in condition
    }
    assert supervised - limited == set(OF_NO_DAY)
    assert limited <= supervised


def test_temporary_tables_of_ours_end_with_their_transaction():
    """A temporary table that outlives its transaction would show one client's rows to the next."""
    for app in OURS:
        for path in (settings.BASE_DIR / app).rglob("*.py"):
            if "tests" in path.parts:
                continue
            text = path.read_text(encoding="utf-8")
            for found in re.finditer(r"CREATE\s+TEMP\w*\s+TABLE", text, re.IGNORECASE):
                statement = text[found.start() : found.start() + 400]
                assert re.search(r"ON\s+COMMIT\s+DROP", statement, re.IGNORECASE), f"{path}: add ON COMMIT DROP"


def test_shared_models_are_the_only_ones_with_an_open_institution():
    shared = {
        model.__name__
        for model in our_models()
        for field in model._meta.local_concrete_fields
        if field.column == "institution_id" and isinstance(field, models.ForeignKey) and field.null
    }
    assert shared == {"Dataset", "ScoringModel", "TrainingRun"}
