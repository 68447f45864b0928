"""Migration operations that put a table behind the boundary."""

from typing import Any

from django.db.migrations.operations.base import Operation
from django.db.migrations.operations.special import RunSQL
from django.db.models import CompositePrimaryKey

from accounts.models.base import InstitutionForeignKey

SETTING = "(SELECT nullif(current_setting('app.{name}', true), '')::bigint)"
INSTITUTION = SETTING.format(name="institution_id")
PERSON = SETTING.format(name="user_id")
REGULATOR = SETTING.format(name="regulator_id")
TODAY = "(now() AT TIME ZONE 'America/Lima')::date"  # as accounts.clock.today(), whatever the server's zone
RUNNING = f"m.regulator_id = {REGULATOR} AND m.valid_from <= {TODAY} AND (m.valid_to IS NULL OR m.valid_to >= {TODAY})"
# The array form lets the policy use an index; IN (SELECT …) cannot.
MANDATED = f"(ARRAY(SELECT m.institution_id FROM accounts_regulatormandate m WHERE {RUNNING}))"  # noqa: S608  (fixed)
# Institutions of which the regulator may see every day: looked up once a statement, so they cost nothing.
OF_ANY_DAY = (
    f"(ARRAY(SELECT m.institution_id FROM accounts_regulatormandate m WHERE {RUNNING}"  # noqa: S608  (fixed text)
    " AND m.data_from IS NULL AND m.data_to IS NULL))"
)


class IsolateTable(Operation):
    """Row-level security, forced, and composite foreign keys for one institution-owned model.

    `person_field` names a foreign key to User whose owner may also read the row; `supervised` lets
    regulators with a mandate read it; `shared` lets everyone read rows that belong to no institution.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(
        self,
        model_name: str,
        *,
        person_field: str | None = None,
        supervised: bool = False,
        shared: bool = False,
    ) -> None:
        self.model_name, self.person_field = model_name, person_field
        self.supervised, self.shared = supervised, shared

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        kwargs: dict[str, Any] = {}
        for name in ("person_field", "supervised", "shared"):
            if getattr(self, name):
                kwargs[name] = getattr(self, name)
        return self.__class__.__name__, [self.model_name], kwargs

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The database changes; Django's picture of the models does not."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        for statement in self.statements(model):
            schema_editor.execute(statement)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = from_state.apps.get_model(app_label, self.model_name)
        table = model._meta.db_table
        for policy in ("tenant", "own", "shared", "supervised"):
            schema_editor.execute(f"DROP POLICY IF EXISTS {policy} ON {table}")
        schema_editor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        schema_editor.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        for field in institution_keys(model):
            schema_editor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_{field.column}_within")
        schema_editor.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {table}_institution_key")

    def describe(self) -> str:
        return f"Isolate {self.model_name} by institution"

    @property
    def migration_name_fragment(self) -> str:
        return f"isolate_{self.model_name.lower()}"

    def statements(self, model: Any) -> list[str]:
        """The SQL, in order: keys first, because an owner under FORCE would not see violating rows."""
        table, primary_key = model._meta.db_table, model._meta.pk
        sql = []
        if not isinstance(primary_key, CompositePrimaryKey):  # which begins with the institution by itself
            key = f"{table}_institution_key UNIQUE (institution_id, {primary_key.column})"
            sql.append(f"ALTER TABLE {table} ADD CONSTRAINT {key}")
        sql += [composite_key(table, field) for field in institution_keys(model)]
        sql += [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant ON {table} TO lend_app, lend_owner"
            f" USING (institution_id = {INSTITUTION}) WITH CHECK (institution_id = {INSTITUTION})",
        ]
        if self.person_field:
            column = model._meta.get_field(self.person_field).column
            sql.append(f"CREATE POLICY own ON {table} FOR SELECT TO lend_app USING ({column} = {PERSON})")
        if self.shared:
            sql.append(
                f"CREATE POLICY shared ON {table} TO lend_app, lend_owner"
                " USING (institution_id IS NULL) WITH CHECK (institution_id IS NULL)"
            )
        if self.supervised:
            sql += [
                f"GRANT SELECT ON {table} TO lend_regulator",
                f"CREATE POLICY supervised ON {table} FOR SELECT TO lend_regulator"
                f" USING (institution_id = ANY ({MANDATED}))",
            ]
        return sql


class LeaveOutImplied(Operation):
    """Indexes of foreign keys that wider ones cover go, and with `constraint` the check that the institution exists.

    For models made before `accounts.models.base.leave_out_what_is_implied`, which says when.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(self, model_name: str, *indexes: str, constraint: bool = False) -> None:
        self.model_name, self.indexes, self.constraint = model_name, indexes, constraint

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        kwargs = {"constraint": True} if self.constraint else {}
        return self.__class__.__name__, [self.model_name, *self.indexes], kwargs

    @property
    def fields(self) -> list[str]:
        return sorted({*self.indexes, *(["institution"] if self.constraint else [])})

    def state_forwards(self, app_label: str, state: Any) -> None:
        for name in self.fields:
            field = state.models[app_label, self.model_name.lower()].fields[name].clone()
            field.db_index = field.db_index and name not in self.indexes
            if name == "institution":
                field.db_constraint = not self.constraint
            state.alter_field(app_label, self.model_name.lower(), name, field, preserve_default=True)

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        before, after = (state.apps.get_model(app_label, self.model_name) for state in (from_state, to_state))
        for name in self.fields:
            schema_editor.alter_field(before, before._meta.get_field(name), after._meta.get_field(name))

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self.database_forwards(app_label, schema_editor, from_state, to_state)

    def describe(self) -> str:
        return f"Leave out what other keys of {self.model_name} imply"


class DropInstitutionKey(RunSQL):
    """For tables of very many rows to which no key leads: (institution_id, id) is unique by its second part."""

    def __init__(self, table: str) -> None:
        self.table = table
        key = f"{table}_institution_key"
        super().__init__(
            sql=f"ALTER TABLE {table} DROP CONSTRAINT {key}",
            reverse_sql=f"ALTER TABLE {table} ADD CONSTRAINT {key} UNIQUE (institution_id, id)",
        )

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return self.__class__.__name__, [self.table], {}


class LimitToPeriod(RunSQL):
    """Supervised rows that a mandate over some days shows only if they are of those days, all of them.

    `first` and `last` are SQL for the row's days. A row without a day of its own has its parent's: `parent` is
    (column, table), and the row shows where the parent's does.
    """

    def __init__(self, table: str, first: str = "", last: str = "", parent: tuple[str, str] | None = None) -> None:
        self.table, self.first, self.last, self.parent = table, first, last, parent
        if parent:
            fits = f"{parent[0]} IN (SELECT p.id FROM {parent[1]} p)"  # noqa: S608  (fixed text)
        else:
            fits = (
                "EXISTS (SELECT FROM accounts_regulatormandate m"
                f" WHERE m.institution_id = {table}.institution_id AND {RUNNING}"
                f" AND (m.data_from IS NULL OR m.data_from <= {first})"
                f" AND (m.data_to IS NULL OR m.data_to >= {last or first}))"
            )
        super().__init__(
            sql=f"CREATE POLICY period ON {table} AS RESTRICTIVE FOR SELECT TO lend_regulator"
            f" USING (institution_id = ANY ({OF_ANY_DAY}) OR {fits})",
            reverse_sql=f"DROP POLICY period ON {table}",
        )

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return self.__class__.__name__, [self.table, self.first, self.last, self.parent], {}


def lima_day(column: str) -> str:
    """SQL: the day of an instant, as people in Peru count it."""
    return f"({column} AT TIME ZONE 'America/Lima')::date"


class AddInstitutionKey(RunSQL):
    """A composite foreign key on a table that is already isolated, checked against every row.

    Runs between NO FORCE and FORCE: an owner under FORCE would mark the key valid over violating rows.
    """

    def __init__(self, table: str, column: str, target: str, target_key: str = "id") -> None:
        self.table, self.column, self.target, self.target_key = table, column, target, target_key
        name = f"{table}_{column}_within"
        super().__init__(
            sql=[
                f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
                f"ALTER TABLE {target} NO FORCE ROW LEVEL SECURITY",
                f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (institution_id, {column})"
                f" REFERENCES {target} (institution_id, {target_key})",
                f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
                f"ALTER TABLE {target} FORCE ROW LEVEL SECURITY",
            ],
            reverse_sql=[f"ALTER TABLE {table} DROP CONSTRAINT {name}"],
        )

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return self.__class__.__name__, [self.table, self.column, self.target, self.target_key], {}


class OwnByPerson(RunSQL):
    """A table whose rows belong to the person in `user_id`, across institutions: nobody else reaches them.

    `parent` is another such table that `column` points into: a row hangs on a row of the same person.
    """

    def __init__(self, table: str, column: str = "", parent: str = "") -> None:
        self.table, self.column, self.parent = table, column, parent
        sql: list[Any] = [
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_person_key UNIQUE (user_id, id)",
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY own ON {table} TO lend_app, lend_owner USING (user_id = {PERSON})"
            f" WITH CHECK (user_id = {PERSON})",
        ]
        if parent:
            sql.append(
                f"ALTER TABLE {table} ADD CONSTRAINT {table}_{column}_within FOREIGN KEY (user_id, {column})"
                f" REFERENCES {parent} (user_id, id)"
            )
        super().__init__(
            sql=sql,
            reverse_sql=[
                *([f"ALTER TABLE {table} DROP CONSTRAINT {table}_{column}_within"] if parent else []),
                f"DROP POLICY own ON {table}",
                f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
                f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
                f"ALTER TABLE {table} DROP CONSTRAINT {table}_person_key CASCADE",
            ],
        )

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return self.__class__.__name__, [self.table, self.column, self.parent], {}


class PublishTable(RunSQL):
    """A table that anybody may read and each institution (in `lender_id`) writes its own rows of."""

    def __init__(self, table: str) -> None:
        self.table = table
        super().__init__(
            sql=[
                f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
                f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
                f"CREATE POLICY readable ON {table} FOR SELECT TO lend_app, lend_owner USING (true)",
                f"CREATE POLICY tenant ON {table} TO lend_app, lend_owner USING (lender_id = {INSTITUTION})"
                f" WITH CHECK (lender_id = {INSTITUTION})",
            ],
            reverse_sql=[
                f"DROP POLICY readable ON {table}",
                f"DROP POLICY tenant ON {table}",
                f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
                f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
            ],
        )

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return self.__class__.__name__, [self.table], {}


def institution_keys(model: Any) -> list[InstitutionForeignKey]:
    """The model's keys to other institution-owned tables."""
    return [field for field in model._meta.local_fields if isinstance(field, InstitutionForeignKey)]


def composite_key(table: str, field: InstitutionForeignKey) -> str:
    """SQL that ties `field` to a row of the same institution."""
    target = field.remote_field.model._meta
    return (
        f"ALTER TABLE {table} ADD CONSTRAINT {table}_{field.column}_within"
        f" FOREIGN KEY (institution_id, {field.column})"
        f" REFERENCES {target.db_table} (institution_id, {target.pk.column})"
    )
