"""The audit chain's rules, kept by the database: bodies composed here, nothing changed or removed, ever."""

from django.db import migrations

# The act arrives with its keyed hash; the instant is the database's. Text, not jsonb: these bytes are hashed.
COMPOSE = """
CREATE FUNCTION audit_body(act text, mac text) RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT '{"v":1,"at_us":' || (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
    || ',"mac":"' || mac || '",' || substr(act, 2)
$$;
"""
# A chain's hashes as a window aggregate: each from the one before it, the first from the head so far.
CHAIN = """
CREATE FUNCTION audit_link(state bytea, head bytea, payload bytea) RETURNS bytea LANGUAGE sql IMMUTABLE
  AS $$ SELECT sha256(coalesce(state, head) || payload) $$;
CREATE AGGREGATE audit_chain(bytea, bytea) (SFUNC = audit_link, STYPE = bytea);
"""
QUEUE = """
CREATE FUNCTION audit_queue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO accounts_auditpending (entry_id, institution_id)
  SELECT id, institution_id FROM added;
  RETURN NULL;
END $$;
CREATE TRIGGER audit_queue AFTER INSERT ON accounts_auditentry
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION audit_queue();
ALTER TABLE accounts_auditentry ENABLE ALWAYS TRIGGER audit_queue;
"""
# Every role is refused, the owner included; a superuser who switches triggers off is caught by the chain.
REFUSE = """
CREATE FUNCTION evidence_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rows of % are evidence: they are added, never changed or removed', TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$;
"""


def keep(table: str) -> str:
    return f"""
CREATE TRIGGER evidence_is_kept BEFORE UPDATE OR DELETE ON {table}
  FOR EACH ROW EXECUTE FUNCTION evidence_is_kept();
CREATE TRIGGER evidence_is_not_emptied BEFORE TRUNCATE ON {table}
  FOR EACH STATEMENT EXECUTE FUNCTION evidence_is_kept();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER evidence_is_kept;
ALTER TABLE {table} ENABLE ALWAYS TRIGGER evidence_is_not_emptied;
REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM lend_app;
"""


def let_go(table: str) -> str:
    return f"DROP TRIGGER evidence_is_kept ON {table}; DROP TRIGGER evidence_is_not_emptied ON {table};"


# The sealer and the relay: they see all institutions' rows of these tables, and no others.
SYSTEM = """
REVOKE INSERT, UPDATE, DELETE ON accounts_auditseal, accounts_auditcheckpoint FROM lend_app;
REVOKE SELECT, UPDATE, DELETE ON accounts_auditpending FROM lend_app;
GRANT SELECT ON accounts_auditpending TO lend_app;
GRANT SELECT ON accounts_institution TO lend_system;
GRANT SELECT ON accounts_auditentry TO lend_system;
GRANT SELECT, INSERT ON accounts_auditseal, accounts_auditcheckpoint TO lend_system;
GRANT SELECT, DELETE ON accounts_auditpending TO lend_system;
GRANT SELECT, UPDATE ON accounts_outboxevent TO lend_system;
GRANT USAGE, SELECT ON SEQUENCE accounts_auditseal_id_seq TO lend_system;
CREATE POLICY system ON accounts_auditentry FOR SELECT TO lend_system USING (true);
CREATE POLICY system ON accounts_auditseal TO lend_system USING (true) WITH CHECK (true);
CREATE POLICY system ON accounts_outboxevent TO lend_system USING (true) WITH CHECK (true);
"""

TABLES = ("accounts_auditentry", "accounts_auditseal", "accounts_auditcheckpoint")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_isolation")]

    operations = [
        migrations.RunSQL(
            COMPOSE + CHAIN + QUEUE + REFUSE,
            "DROP TRIGGER audit_queue ON accounts_auditentry; DROP FUNCTION audit_queue();"
            " DROP AGGREGATE audit_chain(bytea, bytea); DROP FUNCTION audit_link(bytea, bytea, bytea);"
            " DROP FUNCTION audit_body(text, text); DROP FUNCTION evidence_is_kept();",
        ),
        *(migrations.RunSQL(keep(table), let_go(table)) for table in TABLES),
        migrations.RunSQL(
            SYSTEM,
            "DROP POLICY system ON accounts_auditentry; DROP POLICY system ON accounts_auditseal;"
            " DROP POLICY system ON accounts_outboxevent;",
        ),
    ]
