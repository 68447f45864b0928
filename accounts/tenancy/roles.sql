-- The database roles of one Ayni database. Run as a superuser, connected to that database; safe to repeat.
-- Passwords are not set here: where connections need them, ALTER ROLE … PASSWORD … separately.

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['lend_owner', 'lend_app', 'lend_regulator', 'lend_system', 'lend_fairness'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I', name);
        END IF;
        EXECUTE format(
            'ALTER ROLE %I LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION', name);
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), name);
    END LOOP;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('ALTER DATABASE %I OWNER TO lend_owner', current_database());
    -- Imports copy to a temporary table first: COPY into a table under row-level security is refused.
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO lend_app', current_database());
END
$$;

ALTER SCHEMA public OWNER TO lend_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO lend_app, lend_regulator, lend_system, lend_fairness;

-- What the owner's migrations create, the application may read and write, never truncate. The other
-- three roles get what they need table by table, in the migration that makes the table.
ALTER DEFAULT PRIVILEGES FOR ROLE lend_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO lend_app;
ALTER DEFAULT PRIVILEGES FOR ROLE lend_owner IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO lend_app;

ALTER ROLE lend_regulator SET default_transaction_read_only = on;
