"""The evidence package: it verifies on a machine without the product, and every change to it is named."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from accounts.audit import checkpoints, export, sealer
from accounts.clock import LIMA, today
from accounts.models import AuditEntry
from accounts.tenancy.scope import institution_scope
from accounts.tests.evidence import act, manage
from accounts.tests.factories import InstitutionFactory

transactional = pytest.mark.transactional


@pytest.fixture
def package(institution, outbox, tmp_path):
    """An unzipped package of eight entries with two checkpoints, at the fifth and at the last."""
    act(InstitutionFactory(slug="otra"), 4)
    act(institution, 5)
    sealer.seal_all()
    checkpoints.make()
    act(institution, 3)
    sealer.seal_all()
    checkpoints.make()
    file = tmp_path / "evidence.zip"
    made = export.export(institution, today(), today(), file)
    assert (made.first_seq, made.last_seq, made.checkpoints) == (1, 8, 2)
    folder = tmp_path / "elsewhere"
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder)
    return folder


def verify_alone(folder, *arguments):
    """What the package's own program says, run without this product and without any installed library."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "verify.py", *arguments],
        cwd=folder,
        env={"PATH": os.defpath, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def change(path, change_lines):
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(change_lines(lines)))


@transactional
def test_an_intact_package_verifies_as_folder_and_as_file(package, tmp_path):
    status, said = verify_alone(package)
    assert status == 0, said
    assert "8 eventos, cada uno enlazado" in said
    assert "2 puntos de control firmados; 2 comparados" in said
    assert said.endswith("TODO SE CUMPLE.\n")
    shutil.copy(package / "verify.py", tmp_path)
    assert verify_alone(tmp_path, "evidence.zip")[0] == 0


@transactional
def test_a_package_says_nothing_of_other_institutions(package):
    text = "".join(path.read_text() for path in package.rglob("*") if path.is_file())
    assert "otra" not in {json.loads(line).get("institution") for line in (package / "entries.jsonl").open()}
    heads = [json.loads(path.read_text())["heads"] for path in (package / "checkpoints").iterdir()]
    assert all(len(one) == 1 for one in heads)
    assert "caja-" not in text


TAMPERING = {
    "a body edited": (
        "entries.jsonl",
        lambda all: [*all[:2], all[2].replace('"step":3', '"step":9'), *all[3:]],
        "evento 3",
    ),
    "an entry dropped": ("entries.jsonl", lambda all: [*all[:3], *all[4:]], "evento 4"),
    "a seal dropped": ("seals.jsonl", lambda all: [*all[:3], *all[4:]], "falta el evento 4"),
    "the tail dropped": ("seals.jsonl", lambda all: all[:6], "falta el evento 7"),
    "two entries swapped": ("entries.jsonl", lambda all: [all[1], all[0], *all[2:]], "evento 1"),
    "an entry added": ("entries.jsonl", lambda all: [*all, all[-1]], "contenidos de más"),
    "the other key": ("public-keys.txt", lambda all: ["00" * 32 + "\n"], "no es de confianza"),
    "nonsense": ("seals.jsonl", lambda all: ["{", *all[1:]], "no se puede leer seals.jsonl"),
}


@transactional
@pytest.mark.parametrize("what", TAMPERING)
def test_a_changed_package_is_refused_and_the_first_fault_named(package, what):
    name, changed, words = TAMPERING[what]
    change(package / name, changed)
    status, said = verify_alone(package)
    assert status == 1
    assert "NO SE CUMPLE" in said
    assert words in said


@transactional
def test_a_package_rehashed_as_a_whole_is_found_by_its_checkpoints(package):
    rehash(package, edited=2)
    status, said = verify_alone(package)
    assert status == 1
    assert "00000001.json: la huella del evento 5 era otra" in said


def rehash(package, edited):
    """What somebody does who knows the formula and has no signing key."""
    from hashlib import sha256

    bodies = (package / "entries.jsonl").read_bytes().splitlines()
    bodies[edited] = bodies[edited].replace(b'"step":3', b'"step":9')
    previous, seals = bytes(32), []
    for seq, body in enumerate(bodies, start=1):
        digest = sha256(previous + f"{seq}:".encode() + body).digest()
        seal = {"seq": seq, "entry_id": json.loads(body)["id"], "prev_hash": previous.hex(), "hash": digest.hex()}
        seals.append(json.dumps(seal))
        previous = digest
    (package / "entries.jsonl").write_bytes(b"\n".join(bodies) + b"\n")
    (package / "seals.jsonl").write_text("\n".join(seals) + "\n")


@transactional
def test_a_forged_checkpoint_is_refused(package):
    path = package / "checkpoints" / "00000002.json"
    document = json.loads(path.read_text())
    for field, value, words in (
        (
            "statement",
            document["statement"].replace('"number":2', '"number":3'),
            "la firma de checkpoints/00000002.json",
        ),
        ("heads", [document["heads"][0] | {"seq": 7}], "no lleva a la raíz firmada"),
    ):
        path.write_text(json.dumps(document | {field: value}))
        status, said = verify_alone(package)
        assert (status, words in said) == (1, True), said


@transactional
def test_a_held_key_and_a_held_receipt_count_more_than_the_package(package, institution, tmp_path):
    key = (package / "public-keys.txt").read_text().strip()
    assert verify_alone(package, "--key", key)[0] == 0
    status, said = verify_alone(package, "--key", "ab" * 32)
    assert (status, "no es la que tú guardas" in said) == (1, True)
    held = tmp_path / "held.json"
    shutil.copy(package / "checkpoints" / "00000002.json", held)
    assert "coincide en el evento 8" in verify_alone(package, "--held", str(held))[1]
    shorter = tmp_path / "shorter"
    shutil.copytree(package, shorter)
    for name in ("entries.jsonl", "seals.jsonl"):
        change(shorter / name, lambda lines: lines[:6])
    about = json.loads((shorter / "about.json").read_text()) | {"last_seq": 6, "head_seq": 6}
    (shorter / "about.json").write_text(json.dumps(about))
    (shorter / "checkpoints" / "00000002.json").unlink()
    assert verify_alone(shorter)[0] == 0  # a tail that nobody holds a checkpoint of …
    status, said = verify_alone(shorter, "--held", str(held))  # … is missed by whoever does
    assert (status, "llega hasta el evento 8 y el paquete no" in said) == (1, True)


@transactional
def test_the_command_writes_the_package_audits_it_and_refuses_in_words(
    institution, outbox, servers, fresh_database, tmp_path, actor_as
):
    act(institution, 3)
    sealer.seal_all()
    file = tmp_path / "out.zip"
    day = today().isoformat()
    arguments = ["export_evidence", "--institution", "qori", "--from", day, "--output", str(file), "--json"]
    auditor = actor_as("auditor", email="auditora@ejemplo.pe")
    actor_as("officer", email="analista@ejemplo.pe")
    done = manage(servers, fresh_database, *arguments, "--as", "auditora@ejemplo.pe")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"file": str(file), "first_seq": 1, "last_seq": 3, "checkpoints": 0, "entries": 3}
    assert file.stat().st_mode & 0o077 == 0
    with institution_scope(institution.pk):
        kept = AuditEntry.objects.get(event="accounts.evidence.exported")
    assert kept.actor_user_id == auditor.user_id
    for extra, words in (
        (["--as", "analista@ejemplo.pe"], "--as: this person may not see"),
        (["--as", "nadie@ejemplo.pe"], "--as: nobody signs in"),
        (["--to", "2020-01-01"], "--to: the period ends before it begins"),
        (["--from", "2020-01-01", "--to", "2020-01-02"], "no sealed entry"),
        (["--output", "/nonexistent/x.zip"], "--output: /nonexistent/x.zip cannot be written"),
    ):
        refused = manage(servers, fresh_database, *arguments, *extra)
        assert refused.returncode == 1
        assert words in refused.stderr


@pytest.fixture
def three_days(institution, outbox, superuser, tmp_path):
    """`three_days()`: the unzipped package of the second of three days with three entries each, on 9 March 2026."""
    monday = datetime(2026, 3, 8, 12, tzinfo=LIMA)
    ids = act(institution, 9)
    with superuser.behind_their_backs():
        for place, key in enumerate(ids):
            at = int((monday + timedelta(days=place // 3, minutes=place)).timestamp() * 1_000_000)
            superuser.run(
                "UPDATE accounts_auditentry SET body = regexp_replace(body, '\"at_us\":\\d+', '\"at_us\":' || %s)"
                " WHERE id = %s",
                at,
                str(key),
            )
    sealer.seal_all()
    checkpoints.make()

    def make(name="elsewhere-days"):
        made = export.export(institution, date(2026, 3, 9), date(2026, 3, 9), tmp_path / "day.zip")
        assert (made.first_seq, made.last_seq, made.entries) == (4, 6, 3)
        with zipfile.ZipFile(tmp_path / "day.zip") as archive:
            archive.extractall(tmp_path / name)
        return tmp_path / name

    return make


@transactional
def test_a_package_shows_that_its_period_is_whole(three_days):
    status, said = verify_alone(three_days())
    assert status == 0, said
    assert (
        "3 eventos son del período, del 2026-03-09 al 2026-03-09; el primero es el 4 y el anterior es de otro" in said
    )
    assert "el último del período es el 6; el siguiente es de otro día" in said


@transactional
def test_a_period_cut_at_its_beginning_is_named(three_days):
    folder = three_days()
    for name in ("entries.jsonl", "seals.jsonl"):
        change(folder / name, lambda lines: lines[2:])
    about = json.loads((folder / "about.json").read_text()) | {"first_seq": 5, "period_first_seq": 5}
    (folder / "about.json").write_text(json.dumps(about))
    status, said = verify_alone(folder)
    assert (status, "el período puede estar recortado: falta el evento 4" in said) == (1, True), said


@transactional
def test_a_period_cut_at_its_end_says_that_nothing_follows(three_days):
    folder = three_days()
    for name in ("entries.jsonl", "seals.jsonl"):
        change(folder / name, lambda lines: lines[:-2])
    about = json.loads((folder / "about.json").read_text()) | {"last_seq": 5, "period_last_seq": 5, "head_seq": 5}
    (folder / "about.json").write_text(json.dumps(about))
    status, said = verify_alone(folder)
    assert status == 0
    assert "Aviso: el evento 5 era el último de la cadena al exportar" in said
    held = checkpoints.path_of(1)  # the whole checkpoint, as regulators receive it by mail
    status, said = verify_alone(folder, "--held", str(held))
    assert (status, "llega hasta el evento 9 y el paquete no" in said) == (1, True), said
    document = json.loads(held.read_text())
    document["heads"][0]["seq"] = 5
    forged = folder / "forged.json"
    forged.write_text(json.dumps(document))
    status, said = verify_alone(folder, "--held", "forged.json")
    assert (status, "no lleva a la raíz firmada" in said) == (1, True), said


def test_the_packages_own_signature_check_agrees_with_the_library():
    path = Path(export.OFFLINE / "verify.py")
    spec = importlib.util.spec_from_file_location("offline_verify", path)
    offline = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(offline)
    for number in range(8):
        key = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        public, message = key.public_key().public_bytes_raw(), os.urandom(number * 7)
        signature = key.sign(message)
        assert offline.signed_by(public, signature, message)
        assert not offline.signed_by(public, signature, message + b"x")
        assert not offline.signed_by(public, signature[:32] + bytes(32), message)
        assert not offline.signed_by(bytes([255]) * 32, signature, message)
        tall = (int.from_bytes(signature[32:], "little") + offline.ORDER).to_bytes(32, "little")
        assert not offline.signed_by(public, signature[:32] + tall, message)  # the same point, written otherwise
