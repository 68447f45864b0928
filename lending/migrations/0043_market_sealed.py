"""Answers typed between lenders are sealed, kept until a day, and what became of offers belongs to its lender."""

import json

from django.db import migrations

from accounts.crypto import decrypt, encrypt
from accounts.tenancy.operations import IsolateTable
from lending.parameters import market_values


def fill(apps, schema_editor):
    parameters = apps.get_model("lending", "Parameter").objects.using(schema_editor.connection.alias)
    parameters.bulk_create([parameters.model(**row) for row in market_values()], ignore_conflicts=True)


def _rewrite(schema_editor, change):
    """Under FORCE the owner would see no row and change none, silently."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("ALTER TABLE lending_marketrequest NO FORCE ROW LEVEL SECURITY")
        cursor.execute("SELECT id, draft FROM lending_marketrequest")
        changed = [(change(draft), key) for key, draft in cursor.fetchall()]
        cursor.executemany("UPDATE lending_marketrequest SET draft = %s WHERE id = %s", changed)
        assert cursor.rowcount in (-1, len(changed))


def _force(schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("ALTER TABLE lending_marketrequest FORCE ROW LEVEL SECURITY")


def seal(apps, schema_editor):
    _rewrite(schema_editor, lambda draft: encrypt(json.dumps(json.loads(draft), ensure_ascii=False).encode()).decode())
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "UPDATE lending_marketrequest SET kept_until ="
            " (coalesce(answered_at, submitted_at, created_at) AT TIME ZONE 'America/Lima')::date + 90"
        )
        cursor.execute(
            "INSERT INTO lending_marketretention (institution_id, request_id, user_id, kept_until)"
            " SELECT i.id, r.id, r.user_id, r.kept_until FROM lending_marketrequest r, accounts_institution i"
            " WHERE i.kind = 'platform' ON CONFLICT DO NOTHING"
        )
    _force(schema_editor)


def unseal(apps, schema_editor):
    _rewrite(schema_editor, lambda draft: decrypt(draft.encode()).decode())
    _force(schema_editor)


class Migration(migrations.Migration):
    dependencies = [("lending", "0042_market_feedback")]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RunPython(seal, unseal),
        IsolateTable("MarketEcho"),
        IsolateTable("MarketRetention"),
    ]
