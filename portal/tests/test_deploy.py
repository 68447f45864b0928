"""What `deploy/` gives an administrator names parts that exist, and gives each process only the secrets it needs."""

import os
import re
import shlex
import subprocess

import pytest
from django.core.management import get_commands

from portal.local.paths import CHECKOUT, Paths
from portal.local.secrets import make_keys
from portal.local.site import Site, manage

DEPLOY = CHECKOUT / "deploy"
UNITS = DEPLOY / "systemd"
ROLES = {"ayni": ("", "_REGULATOR"), "system": ("_SYSTEM",), "fairness": ("_FAIRNESS",), "owner": ("_OWNER",)}


def variables(part):
    """Names and values of an env file, as systemd and the shell read it."""
    lines = (DEPLOY / f"{part}.env").read_text().splitlines()
    pairs = (line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {name: "".join(shlex.split(value)) for name, value in pairs}


def commands():
    """What every unit runs, and as whom: {unit: (words of the command, user, env files)}."""
    found = {}
    for path in UNITS.glob("*.service"):
        lines = [line.partition("=") for line in path.read_text().replace("\\\n", " ").splitlines()]
        values = {name: value for name, _equals, value in lines}
        files = [value for name, _equals, value in lines if name == "EnvironmentFile"]
        found[path.stem] = (shlex.split(values["ExecStart"]), values["User"], files)
    return found


@pytest.fixture
def site(tmp_path):
    site = Site(Paths(tmp_path, tmp_path))
    yield site
    site.close()


def test_every_program_of_the_product_has_a_unit(site):
    units = {name.removeprefix("ayni-").removesuffix("@"): words for name, (words, _user, _files) in commands().items()}
    for name, program in site.programs.items():
        words = program.command[2:] if program.command[1] == "-m" else ("manage.py", *program.command[2:])
        ours = [word.rpartition("/")[2] if word.startswith("/opt/ayni") else word for word in units[name]]
        assert [word for word in words if not word.startswith("-")][:2] == [
            word for word in ours if not word.startswith("-") and word != "python"
        ][:2]
    assert set(units) == {*site.programs, "fairness", "backup"}


def test_the_target_wants_a_worker_for_every_queue_and_all_other_units(site):
    wanted = set(" ".join(re.findall(r"^Wants=(.*)$", (UNITS / "ayni.target").read_text(), re.M)).split())
    queues = next(word for word in site.programs["worker"].command if "assessment" in word).split(",")
    timed = {path.stem for path in UNITS.glob("*.timer")}
    others = {name for name in commands() if "@" not in name and name not in timed}
    assert wanted == (
        {f"ayni-worker@{queue}.service" for queue in queues}
        | {f"{name}.service" for name in others}
        | {f"{name}.timer" for name in timed}
    )


def test_no_process_holds_the_password_of_another_role():
    for part, roles in ROLES.items():
        assert {name for name in variables(part) if name.startswith("DATABASE_")} == {
            f"DATABASE{role}_URL" for role in roles
        }
    for name, (_words, user, files) in commands().items():
        assert "/etc/ayni/owner.env" not in files, name
        assert (user == "ayni-system") == ("/etc/ayni/system.env" in files), name
        assert (user == "ayni-fairness") == ("/etc/ayni/fairness.env" in files), name


def test_every_variable_is_told_in_the_handbook():
    told = set(re.findall(r"`([A-Z_]+)`", (CHECKOUT / "docs" / "operations.md").read_text()))
    assert {name for part in ROLES for name in variables(part)} <= told


def test_the_settings_take_the_example(tmp_path):
    """Filled in, it passes the checks of a deployment but for TLS inside one machine."""
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    env |= variables("ayni") | make_keys(tmp_path / "keys") | {"CLAMD": ""}
    done = subprocess.run(
        manage("check", "--deploy"), env=env, cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert set(re.findall(r"\((\w+\.[EW]\d+)\)", done.stderr)) == {"accounts.W001", "accounts.W002"}


def test_the_handbook_names_files_and_commands_that_exist():
    text = (DEPLOY / "README.md").read_text()
    named = re.findall(r"deploy/manage \w+ (\w+)", text)
    assert {"migrate", "doctor", "verify_audit", "close_of_business"} <= set(named) <= set(get_commands())
    table = re.findall(r"^\| (`.*?) \|", text.split("## From nothing")[0], re.M)
    files = [name for cell in table for name in re.findall(r"`([\w./-]+)`", cell)]
    assert len(files) == 7
    assert all((DEPLOY / name).exists() for name in files), files
