"""A superuser with the triggers switched off: what was done is found and the first bad entry is named.

Each case works on its own clone of the database with eight sealed entries, a checkpoint after the fifth and
nothing published since, unless it says otherwise.
"""

import json

import psycopg2
import pytest
from django.db import connections

from accounts.audit import checkpoints, sealer
from accounts.audit.verify import verify
from accounts.models import AuditSeal
from accounts.tenancy.scope import institution_scope
from accounts.tests.evidence import act, manage
from accounts.tests.factories import InstitutionFactory

pytestmark = [pytest.mark.transactional, pytest.mark.usefixtures("outbox")]


@pytest.fixture
def chain(institution):
    """Ids of eight sealed entries, in order; the first five are under a checkpoint."""
    other = InstitutionFactory(slug="otra")
    act(other, 3)
    ids = act(institution, 5)
    sealer.seal_all()
    checkpoints.make()
    ids += act(institution, 3)
    sealer.seal_all()
    assert verify().ok
    return [str(key) for key in ids]


def first_bad(**how):
    found = verify(**how).first_bad
    return (found.institution, found.seq, found.entry_id, found.reason)


def test_an_edited_body_is_named(chain, superuser):
    with superuser.behind_their_backs():
        superuser.edit(chain[2], '"step":3', '"step":9')
    assert first_bad() == ("qori", 3, chain[2], "content_changed")


def test_an_edited_and_resealed_body_is_named_because_only_the_product_can_write(chain, superuser, institution):
    with superuser.behind_their_backs():
        superuser.edit(chain[6], '"step":2', '"step":9')
        superuser.rehash(institution.pk)
    assert first_bad() == ("qori", 7, chain[6], "not_ours")


def test_a_changed_instant_with_consistent_hashes_is_found_by_the_checkpoint(chain, superuser, institution):
    with superuser.behind_their_backs():
        superuser.run(
            "UPDATE accounts_auditentry SET body = regexp_replace(body, '\"at_us\":\\d+', '\"at_us\":1700000000000000')"
            " WHERE id = %s",
            chain[1],
        )
        superuser.rehash(institution.pk)
    assert first_bad() == ("qori", 5, chain[4], "rewritten")


def test_a_deleted_entry_is_named(chain, superuser):
    with superuser.behind_their_backs():
        superuser.delete(chain[3])
    assert first_bad() == ("qori", 4, chain[3], "entry_missing")


def test_an_entry_deleted_with_its_seal_leaves_a_gap(chain, superuser):
    with superuser.behind_their_backs():
        superuser.delete(chain[3], seals=True)
    assert first_bad() == ("qori", 4, None, "seal_missing")


def test_an_entry_deleted_and_the_rest_hashed_anew_is_found_by_the_checkpoint(chain, superuser, institution):
    with superuser.behind_their_backs():
        superuser.delete(chain[3], seals=True)
        superuser.rehash(institution.pk)
    assert first_bad() == ("qori", 5, chain[5], "rewritten")


def test_a_tail_cut_off_below_the_checkpoint_is_named(chain, superuser, institution):
    with superuser.behind_their_backs():
        superuser.delete(*chain[3:], seals=True)
    assert first_bad() == ("qori", 4, None, "cut_off")


def test_a_deleted_chain_is_named(chain, superuser, institution):
    with superuser.behind_their_backs():
        superuser.run("DELETE FROM accounts_auditseal WHERE institution_id = %s", institution.pk)
        superuser.run("DELETE FROM accounts_auditentry WHERE institution_id = %s", institution.pk)
    assert first_bad() == ("qori", 1, None, "cut_off")


APPEND = (
    "INSERT INTO accounts_auditentry (id, institution_id, body)"
    ' SELECT v.id, %s, \'{"v":1,"at_us":1790000000000000,"mac":"\' || repeat(\'0\', 64)'
    ' || \'","id":"\' || v.id || \'","institution":\' || %s || \',"event":"lending.application.decided",\''
    ' || \'"actor":{"kind":"user","user":1},"subject":{"type":"x","id":"1"},"facts":{}}\''
    " FROM (SELECT gen_random_uuid() AS id) v RETURNING id::text"
)


def test_an_entry_added_with_the_triggers_off_is_named(chain, superuser, institution):
    with superuser.behind_their_backs():
        ((added,),) = superuser.run(APPEND, institution.pk, institution.pk)
    assert first_bad() == ("qori", None, added, "not_sealed")


def test_an_entry_added_by_sql_is_named_even_once_it_is_sealed(chain, superuser, institution):
    ((added,),) = superuser.run(APPEND, institution.pk, institution.pk)
    assert first_bad() == ("qori", None, added, "not_ours")
    sealer.seal_all()
    assert first_bad() == ("qori", 9, added, "not_ours")


def test_an_entry_put_in_the_middle_and_hashed_in_is_named(chain, superuser, institution):
    with superuser.behind_their_backs():
        ((added,),) = superuser.run(APPEND, institution.pk, institution.pk)
        superuser.run("UPDATE accounts_auditseal SET seq = -seq WHERE institution_id = %s AND seq > 6", institution.pk)
        superuser.run(
            "UPDATE accounts_auditseal SET seq = 1 - seq WHERE institution_id = %s AND seq < 0", institution.pk
        )
        superuser.run(
            "INSERT INTO accounts_auditseal (institution_id, seq, entry_id, prev_hash, hash)"
            " VALUES (%s, 7, %s, '', '')",
            institution.pk,
            added,
        )
        superuser.rehash(institution.pk)
    assert first_bad() == ("qori", 7, added, "not_ours")


def test_reordered_entries_are_named(chain, superuser, institution):
    with superuser.behind_their_backs():
        superuser.run(
            "UPDATE accounts_auditseal SET seq = -seq WHERE institution_id = %s AND seq IN (2, 3)", institution.pk
        )
        superuser.run(
            "UPDATE accounts_auditseal SET seq = 5 + seq WHERE institution_id = %s AND seq < 0", institution.pk
        )
    assert first_bad() == ("qori", 2, chain[2], "content_changed")


def test_reordered_and_rehashed_entries_are_found_by_the_checkpoint(chain, superuser, institution):
    with superuser.behind_their_backs():
        superuser.run(
            "UPDATE accounts_auditseal SET seq = -seq WHERE institution_id = %s AND seq IN (2, 3)", institution.pk
        )
        superuser.run(
            "UPDATE accounts_auditseal SET seq = 5 + seq WHERE institution_id = %s AND seq < 0", institution.pk
        )
        superuser.rehash(institution.pk)
    assert first_bad() == ("qori", 5, chain[4], "rewritten")


def test_an_entry_moved_to_another_institution_is_named(chain, superuser, institution):
    other = superuser.run("SELECT id FROM accounts_institution WHERE slug = 'otra'")[0][0]
    with superuser.behind_their_backs():
        superuser.run(
            "UPDATE accounts_auditentry SET institution_id = %s,"
            " body = replace(body, '\"institution\":' || %s, '\"institution\":' || %s) WHERE id = %s",
            other,
            institution.pk,
            other,
            chain[7],
        )
    assert first_bad() == ("qori", 8, chain[7], "entry_missing")


def test_a_forged_checkpoint_is_named(chain, superuser):
    with superuser.behind_their_backs():
        superuser.run(
            "UPDATE accounts_auditcheckpoint"
            " SET document = replace(document, '\"institutions\":2', '\"institutions\":3')"
        )
    found = verify().first_bad
    assert (found.reason, found.detail) == ("checkpoint_differs", "checkpoint 1")
    checkpoints.path_of(1).unlink()
    assert verify().first_bad.reason == "checkpoint_signature"


def test_a_checkpoint_signed_with_another_key_is_named(chain, superuser, settings, tmp_path):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    stranger = Ed25519PrivateKey.generate()
    statement = next(checkpoints.stored_all()).statement
    with superuser.behind_their_backs():
        superuser.run(
            "UPDATE accounts_auditcheckpoint SET signature = %s, public_key = %s",
            psycopg2.Binary(stranger.sign(statement.encode())),
            psycopg2.Binary(stranger.public_key().public_bytes_raw()),
        )
    assert verify().first_bad.reason == "checkpoint_foreign_key"


def test_a_database_rolled_back_to_yesterday_is_found_by_what_was_published(chain, superuser, institution):
    checkpoints.make()  # of all eight, published
    with superuser.behind_their_backs():
        superuser.run("DELETE FROM accounts_auditcheckpoint WHERE number = 2")
        superuser.delete(*chain[5:], seals=True)
    assert first_bad() == ("qori", 6, None, "cut_off")
    with pytest.raises(checkpoints.CheckpointConflict):
        checkpoints.make()


def test_a_deleted_institution_is_named_by_what_was_published(chain, superuser, institution):
    with superuser.behind_their_backs():
        for table in ("accounts_auditseal", "accounts_auditentry", "accounts_institution"):
            column = "id" if table == "accounts_institution" else "institution_id"
            superuser.run(f"DELETE FROM {table} WHERE {column} = %s", institution.pk)
    assert first_bad() == (f"#{institution.pk}", 1, None, "cut_off")


@pytest.fixture
def yesterday(chain, servers, fresh_database):
    """`yesterday()` puts the whole database back to what it was when the fixture was made: a copy of every file."""
    postgres, backup = servers.postgres, f"{fresh_database}_backup"

    def copy(source, target):
        connections.close_all()
        postgres.drop_database(target)
        postgres.create_database(target, template=source)

    copy(fresh_database, backup)
    yield lambda: copy(backup, fresh_database)
    postgres.drop_database(backup)


def test_yesterdays_backup_restored_is_found_by_what_was_published(chain, yesterday, institution):
    act(institution, 4)
    sealer.seal_all()
    checkpoints.make()
    yesterday()
    assert first_bad() == ("qori", 9, None, "cut_off")
    with pytest.raises(checkpoints.CheckpointConflict):
        checkpoints.make()


def test_yesterdays_backup_is_found_by_a_held_checkpoint_after_life_went_on(chain, yesterday, institution, tmp_path):
    act(institution, 4)
    sealer.seal_all()
    checkpoints.make()
    held = checkpoints.read(checkpoints.path_of(2))
    yesterday()
    checkpoints.path_of(2).unlink()  # the folder was put back as well
    act(institution, 6)
    sealer.seal_all()
    checkpoints.make()
    assert verify().ok, "to the database alone all is well"
    assert first_bad(held=[held]) == ("qori", 12, first_of(institution, 12), "rewritten")


def first_of(institution, seq):
    with institution_scope(institution.pk):
        return str(AuditSeal.objects.get(seq=seq).entry)


def test_a_held_checkpoint_counts_when_nothing_else_is_left(chain, superuser, institution, tmp_path):
    checkpoints.make()
    mine = tmp_path / "held.json"
    mine.write_text(checkpoints.to_json(checkpoints.read(checkpoints.path_of(2))))
    for number in (1, 2):
        checkpoints.path_of(number).unlink()
    with superuser.behind_their_backs():
        superuser.run("DELETE FROM accounts_auditcheckpoint")
        superuser.delete(*chain[6:], seals=True)
    assert verify().ok  # what happened since the last checkpoint anybody holds stays unseen
    assert first_bad(held=[checkpoints.read(mine)]) == ("qori", 7, None, "cut_off")


def test_a_switched_off_guard_is_named(chain, superuser):
    superuser.run("ALTER TABLE accounts_auditentry DISABLE TRIGGER audit_queue")
    found = verify().first_bad
    assert (found.reason, found.detail) == ("guard_missing", "trigger audit_queue on accounts_auditentry")


def test_another_institutions_damage_does_not_spoil_ones_own_verification(chain, superuser, institution):
    other = superuser.run("SELECT id FROM accounts_institution WHERE slug = 'otra'")[0][0]
    with superuser.behind_their_backs():
        superuser.run("DELETE FROM accounts_auditentry WHERE institution_id = %s", other)
    assert verify(institution_id=institution.pk).ok
    assert first_bad()[0] == "otra"


def test_the_command_answers_with_its_exit_status_and_one_document(chain, superuser, servers, fresh_database, tmp_path):
    intact = manage(servers, fresh_database, "verify_audit", "--json")
    assert (intact.returncode, intact.stderr) == (0, "")
    document = json.loads(intact.stdout)
    assert (document["ok"], document["entries"], document["first_bad"]) == (True, 11, None)

    with superuser.behind_their_backs():
        superuser.delete(chain[4])
    for arguments in ([], ["--institution", "qori"], ["--checkpoint", str(checkpoints.path_of(1))]):
        broken = manage(servers, fresh_database, "verify_audit", "--json", *arguments)
        assert broken.returncode == 1
        assert json.loads(broken.stdout)["first_bad"] == {
            "institution": "qori",
            "seq": 5,
            "entry_id": chain[4],
            "reason": "entry_missing",
        }
        assert "the entry was deleted" in broken.stderr
    unharmed = manage(servers, fresh_database, "verify_audit", "--json", "--institution", "otra")
    assert unharmed.returncode == 0
    for nonsense in (["--institution", "nadie"], ["--checkpoint", str(tmp_path / "none.json")]):
        refused = manage(servers, fresh_database, "verify_audit", *nonsense)
        assert refused.returncode == 1
        assert nonsense[0] in refused.stderr
