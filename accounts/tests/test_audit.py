"""Entries, sealing, checkpoints, pseudonyms."""

import hashlib
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import ProgrammingError, connection, connections, transaction
from django.db.utils import InternalError
from django.utils import timezone

from accounts import audit, crypto
from accounts.actors import Actor
from accounts.audit import checkpoints, merkle, sealer, verify
from accounts.audit.entries import is_ours, witness_key
from accounts.audit.merkle import Head
from accounts.audit.subjects import destroy_subject_key, subject_hash
from accounts.models import AuditEntry, AuditPending, AuditSeal, SubjectKey
from accounts.models.base import uuid7
from accounts.tenancy.scope import NoInstitutionScope, institution_scope
from accounts.tests.evidence import act, manage, process_environment

EMPTY = b"\x00" * 32


def seals(institution):
    return list(AuditSeal.unscoped.using("system").filter(institution_id=institution.pk).order_by("seq"))


# --- entries ----------------------------------------------------------------------------------------------------


def test_an_entry_says_who_did_what_to_what_and_when(institution, officer):
    before = timezone.now()
    key = audit.record(officer, "accounts.test.done", institution, amount=3, code="x")
    entry = AuditEntry.objects.get(pk=key)
    body = json.loads(entry.body)
    assert (body["id"], body["institution"], body["facts"]) == (str(key), institution.pk, {"amount": 3, "code": "x"})
    assert (entry.event, entry.actor_user_id) == ("accounts.test.done", officer.user_id)
    assert (entry.subject_type, entry.subject_id) == ("accounts.institution", str(institution.pk))
    assert before.timestamp() * 1e6 <= entry.at_us <= timezone.now().timestamp() * 1e6
    assert AuditPending.objects.filter(entry_id=key).exists()


def test_an_entry_needs_a_scope(database, platform):
    with pytest.raises(NoInstitutionScope):
        audit.record(Actor.system("test"), "accounts.test.done", platform)


def test_an_undone_act_leaves_no_entry(institution, officer):
    with transaction.atomic():
        audit.record(officer, "accounts.test.done", institution)
        transaction.set_rollback(True)
    assert not AuditEntry.objects.exists()
    assert not AuditPending.objects.exists()


def test_many_entries_take_one_statement(institution, officer, django_assert_num_queries):
    with django_assert_num_queries(1):
        keys = audit.record_many(officer, "accounts.test.done", [(institution, {"n": n}) for n in range(3)])
    assert [json.loads(AuditEntry.objects.get(pk=key).body)["facts"]["n"] for key in keys] == [0, 1, 2]


def test_a_body_must_name_its_own_row_and_institution(institution, other_institution, officer):
    for wrong in ({"institution": other_institution.pk}, {"id": str(uuid7())}):
        key = uuid7()
        said = {"id": str(key), "institution": institution.pk, "event": "x", "actor": {}, "subject": {}} | wrong
        with pytest.raises(Exception, match="audit_entry_body_names_row"), transaction.atomic():
            AuditEntry(id=key, body=json.dumps(said)).save(force_insert=True)


def test_only_the_product_can_write_a_body(institution, officer):
    key = audit.record(officer, "accounts.test.done", institution, amount="10.00")
    body = AuditEntry.objects.get(pk=key).body
    secret = witness_key()
    assert is_ours(body, str(key), institution.pk, secret)
    assert not is_ours(body.replace("10.00", "90.00"), str(key), institution.pk, secret)
    assert not is_ours(body, str(uuid7()), institution.pk, secret)
    assert not is_ours(body, str(key), institution.pk + 1, secret)
    assert not is_ours(body, str(key), institution.pk, b"another key")


@pytest.mark.transactional
@pytest.mark.parametrize("table", ["accounts_auditentry", "accounts_auditseal", "accounts_auditcheckpoint"])
def test_evidence_cannot_be_changed_or_removed_by_any_role(institution, outbox, superuser, table):
    act(institution)
    sealer.seal_all()
    checkpoints.make()
    column = {"accounts_auditentry": "body", "accounts_auditseal": "hash", "accounts_auditcheckpoint": "document"}[
        table
    ]
    statements = (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE")
    for statement in statements:
        for alias in ("default", "owner", "system"):
            with (
                pytest.raises((ProgrammingError, InternalError)),
                institution_scope(institution.pk),
                transaction.atomic(using=alias),
                connections[alias].cursor() as cursor,
            ):
                cursor.execute(statement)
        with pytest.raises(Exception, match="evidence"):
            superuser.run(statement)
        with pytest.raises(Exception, match="evidence"):
            superuser.run(f"SET session_replication_role = replica; {statement}")
    assert verify.verify().ok


# --- sealing ----------------------------------------------------------------------------------------------------


@pytest.mark.transactional
def test_each_institution_has_a_chain_of_its_own(institution, other_institution, outbox):
    act(institution, 3)
    act(other_institution, 2)
    assert sealer.seal_all() == 5
    for lender, count in ((institution, 3), (other_institution, 2)):
        previous = EMPTY
        for seq, seal in enumerate(seals(lender), start=1):
            body = AuditEntry.unscoped.using("system").get(pk=seal.entry).body
            assert (seal.seq, bytes(seal.prev_hash)) == (seq, previous)
            assert bytes(seal.hash) == hashlib.sha256(previous + f"{seq}:{body}".encode()).digest()
            previous = bytes(seal.hash)
        assert seq == count
    assert verify.verify().as_dict()["entries"] == 5


@pytest.mark.transactional
def test_sealing_goes_on_where_it_stopped_and_a_batch_is_bounded(institution, outbox):
    keys = act(institution, 7)
    assert [sealer.seal_pending(limit=3) for _ in range(4)] == [3, 3, 1, 0]
    assert [seal.entry for seal in seals(institution)] == keys
    assert not AuditPending.objects.using("system").exists()
    assert verify.verify().ok


@pytest.mark.transactional
def test_an_entry_that_commits_late_is_sealed_late_not_lost(institution, outbox, superuser):
    with institution_scope(institution.pk):
        early = audit.record(Actor.system("test"), "accounts.test.done", institution)
        assert sealer.seal_all() == 0
    late = act(institution)
    assert sealer.seal_all() == 2
    assert {seal.entry for seal in seals(institution)} == {early, *late}


@pytest.mark.transactional
def test_one_process_seals_at_a_time(institution, outbox, superuser):
    act(institution)
    holder = superuser.servers.postgres.connect(superuser.database)
    try:
        with holder.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [checkpoints.LOCK])
            assert sealer.seal_pending() == 0
            cursor.execute("SELECT pg_advisory_unlock(%s)", [checkpoints.LOCK])
    finally:
        holder.close()
    assert sealer.seal_all() == 1


@pytest.mark.transactional
def test_a_bogus_queue_row_neither_stops_the_sealer_nor_passes_unseen(institution, outbox):
    sealed = act(institution)[0]
    sealer.seal_all()
    with institution_scope(institution.pk), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_auditpending (entry_id, institution_id) VALUES (%s, %s)", [sealed, institution.pk]
        )
    sealer.seal_all()
    assert len(seals(institution)) == 1
    assert verify.verify().ok
    nothing = uuid7()
    with institution_scope(institution.pk), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_auditpending (entry_id, institution_id) VALUES (%s, %s)", [nothing, institution.pk]
        )
    act(institution)
    sealer.seal_all()
    assert len(seals(institution)) == 2
    assert verify.verify().first_bad.entry_id == str(nothing)


@pytest.mark.transactional
def test_entries_without_a_seal_for_five_minutes_are_an_alarm(institution, outbox, superuser):
    assert sealer.waiting().count == 0
    act(institution, 2)
    assert (sealer.waiting().count, sealer.waiting().alarming) == (2, False)
    superuser.run("UPDATE accounts_auditpending SET queued_at = now() - interval '301 seconds'")
    assert sealer.waiting().alarming
    found = verify.verify()
    assert found.ok
    assert found.as_dict()["unsealed"]["alarm"] is True
    sealer.seal_all()
    assert not sealer.waiting().alarming


def sealed_count(superuser):
    return superuser.run("SELECT count(*) FROM accounts_auditseal")[0][0]


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.transactional
def test_the_sealer_runs_loses_its_connection_and_stops_when_told(
    institution, outbox, superuser, servers, fresh_database
):
    process = subprocess.Popen(
        [sys.executable, "manage.py", "seal_audit"],
        env=process_environment(servers, fresh_database),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        act(institution, 2)
        until(lambda: sealed_count(superuser) == 2)
        until(checkpoints.path_of(1).exists)
        superuser.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'lend_system'")
        act(institution, 3)
        until(lambda: sealed_count(superuser) == 5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=15) == 0
    finally:
        process.kill()
        said = process.communicate()[1]
    assert "the database is away" in said
    assert verify.verify().ok


@pytest.mark.transactional
def test_the_sealer_can_run_once_and_sign_on_demand(institution, outbox, servers, fresh_database):
    act(institution, 3)
    once = manage(servers, fresh_database, "seal_audit", "--once", "--json")
    assert (once.returncode, json.loads(once.stdout)) == (0, {"sealed": 3})
    again = manage(servers, fresh_database, "seal_audit", "--checkpoint", "--json")
    assert json.loads(again.stdout) == {"sealed": 0, "checkpoint": 1, "file": str(checkpoints.path_of(1))}
    keyless = manage(servers, fresh_database, "seal_audit", "--once", AUDIT_SIGNING_KEY_FILE="/nonexistent")
    assert keyless.returncode == 1
    assert "AUDIT_SIGNING_KEY_FILE" in keyless.stderr


# --- checkpoints ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13])
def test_a_receipt_leads_to_the_same_root_for_every_head_and_for_no_other(count):
    heads = [Head(n, n * 7, hashlib.sha256(bytes([n])).digest()) for n in range(1, count + 1)]
    for head in heads:
        steps = merkle.proof(heads, head.institution_id)
        assert merkle.climb(head, steps) == merkle.root(heads)
        assert merkle.climb(head._replace(seq=head.seq + 1), steps) != merkle.root(heads)
    with pytest.raises(KeyError):
        merkle.proof(heads, 99)


@pytest.mark.transactional
def test_checkpoints_follow_one_another_and_are_published(institution, other_institution, outbox):
    assert checkpoints.make() is None  # nothing to sign yet
    act(institution, 2)
    sealer.seal_all()
    first = checkpoints.stored(checkpoints.make())
    act(other_institution)
    sealer.seal_all()
    second = checkpoints.stored(checkpoints.make())
    assert (first.number, first.facts["previous"]) == (1, checkpoints.FIRST)
    assert (second.number, second.facts["previous"]) == (2, first.digest)
    assert [head.institution_id for head in second.heads] == [institution.pk, other_institution.pk]
    for checkpoint in (first, second):
        assert checkpoints.read(checkpoints.path_of(checkpoint.number)) == checkpoint
    assert verify.verify().as_dict()["checkpoints"] == 2


@pytest.mark.transactional
def test_a_checkpoint_is_due_once_an_hour(institution, outbox, superuser):
    act(institution)
    sealer.seal_all()
    assert checkpoints.make_if_due().number == 1
    assert checkpoints.make_if_due() is None
    with superuser.behind_their_backs():
        superuser.run("UPDATE accounts_auditcheckpoint SET created_at = now() - interval '61 minutes'")
    assert checkpoints.make_if_due().number == 2


@pytest.mark.transactional
def test_what_could_not_be_published_is_published_later(institution, outbox):
    act(institution)
    sealer.seal_all()
    checkpoints.make()
    checkpoints.path_of(1).unlink()
    checkpoints.make_if_due()
    assert checkpoints.path_of(1).exists()


@pytest.mark.transactional
def test_an_institutions_receipt_names_nobody_else_and_counts_as_a_checkpoint(
    institution, other_institution, outbox, tmp_path
):
    act(institution, 2)
    act(other_institution, 4)
    sealer.seal_all()
    made = checkpoints.stored(checkpoints.make())
    path = tmp_path / "receipt.json"
    path.write_text(checkpoints.to_json(checkpoints.receipt(made, institution.pk)))
    receipt = checkpoints.read(path)
    receipt.check()
    assert [(head.institution_id, head.seq) for head in receipt.heads] == [(institution.pk, 2)]
    assert not re.search(rf'"institution": ?{other_institution.pk}\b', path.read_text())
    assert verify.verify(held=[receipt]).ok
    path.write_text(path.read_text().replace('"seq": 2', '"seq": 1'))
    with pytest.raises(checkpoints.CheckpointInvalid, match="checkpoint_root"):
        checkpoints.read(path).check()


@pytest.mark.transactional
def test_an_older_signing_key_is_still_trusted_after_a_change_of_keys(institution, outbox, settings, tmp_path):
    act(institution)
    sealer.seal_all()
    checkpoints.make()
    keys = tmp_path / "keys"
    keys.write_text("aa" * 32 + "\n" + Path(settings.AUDIT_SIGNING_KEY_FILE).read_text())
    settings.AUDIT_SIGNING_KEY_FILE = str(keys)
    checkpoints.make()
    first, second = checkpoints.stored_all()
    assert first.public_key != second.public_key
    assert verify.verify().ok
    keys.write_text("aa" * 32)
    assert verify.verify().first_bad.reason == "checkpoint_foreign_key"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"statement": "x"}', "\x00", '{"statement": 1, "heads": []}'])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, text):
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(checkpoints.CheckpointInvalid, match="checkpoint_unreadable"):
        checkpoints.read(path)


# --- pseudonyms -------------------------------------------------------------------------------------------------


def test_a_pseudonym_is_stable_for_one_subject_and_says_nothing_about_another(institution, other_institution):
    subject, stranger = uuid7(), uuid7()
    assert subject_hash(subject, "40506070") == subject_hash(subject, " 40506070 ")
    assert subject_hash(subject, "40506070") != subject_hash(subject, "40506071")
    assert subject_hash(subject, "40506070") != subject_hash(stranger, "40506070")
    mine = subject_hash(subject, "40506070")
    with institution_scope(other_institution.pk):
        assert subject_hash(subject, "40506070") != mine
    assert bytes(SubjectKey.objects.get(subject_id=subject).key) != crypto.decrypt(
        bytes(SubjectKey.objects.get(subject_id=subject).key)
    )


@pytest.mark.transactional
def test_destroying_a_key_unlinks_the_pseudonym_and_the_chain_still_verifies(institution, outbox):
    subject = uuid7()
    with institution_scope(institution.pk):
        before = subject_hash(subject, "40506070")
    act(institution, document=before)
    with institution_scope(institution.pk):
        assert destroy_subject_key(subject, Actor.system("purge"))
        assert not destroy_subject_key(subject, Actor.system("purge"))
        assert AuditEntry.objects.filter(event="accounts.subject_key.destroyed").count() == 1
        assert subject_hash(subject, "40506070") != before
    sealer.seal_all()
    assert verify.verify().ok
