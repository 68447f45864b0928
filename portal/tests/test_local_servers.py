"""The embedded servers on their own: started, shared, killed, found again; nothing left behind."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from portal.local import postgres, reset
from portal.local.paths import CHECKOUT, Paths, memory_folder
from portal.local.postgres import PostgresServer, ServerFailed
from portal.local.processes import command_of, wait_until
from portal.local.redis import RedisServer
from portal.local.servers import Servers
from portal.tests import machine

AS_ROOT = os.getuid() == 0
USER = """
import sys, time
from portal.local.paths import paths
from portal.local.servers import Servers
servers = Servers(paths(), durable=False).attach()
print(servers.postgres.query("SELECT current_user")[0][0], flush=True)
sys.stdin.read()
servers.release()
"""


def processes_of(home: Path) -> list[psutil.Process]:
    """Every process whose command line names `home` or its sockets."""
    names = (str(home), str(Paths(home, home).runtime), str((home / "postgres").resolve()))
    found = psutil.process_iter(["pid", "cmdline"])
    return [p for p in found if any(name in part for name in names for part in p.info["cmdline"] or [])]


def forget(home: Path) -> None:
    """As `make reset` does, after everything has stopped."""
    reset_now(home)
    shutil.rmtree(home)


def reset_now(home: Path) -> None:
    assert wait_until(lambda: not processes_of(home), 10), processes_of(home)
    env = os.environ | {"AYNI_LOCAL": str(home)}
    subprocess.run([sys.executable, "-m", reset.__name__], cwd=CHECKOUT, env=env, check=True, capture_output=True)


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty local folder; at the end no process may be left of it."""
    folder = Path(tempfile.mkdtemp(prefix="ayni-home-"))
    folder.chmod(0o755)
    yield folder
    forget(folder)


@pytest.fixture
def place(home: Path) -> Paths:
    return Paths(home, home)


@pytest.fixture
def user(home: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that uses the servers until its input ends."""
    env = {name: value for name, value in os.environ.items() if name != "AYNI_TEST_SLOT"}
    process = subprocess.Popen(
        [sys.executable, "-c", USER],
        cwd=CHECKOUT,
        env=env | {"AYNI_LOCAL": str(home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "postgres\n"
    yield process
    process.__exit__(None, None, None)  # closes its pipes and waits


def test_servers_start_stop_and_keep_their_data(place):
    servers = Servers(place).attach()
    servers.postgres.query("CREATE TABLE kept (words text)")
    servers.redis.command("SET kept here")
    servers.release()
    assert not processes_of(place.home)
    servers.attach()
    try:
        assert servers.postgres.query("SELECT count(*) FROM kept") == [(0,)]
        assert servers.redis.command("GET kept", replies=2) == b"$4\r\nhere\r\n"
    finally:
        servers.release()


def test_serving_roles_are_unprivileged_and_nothing_listens_on_the_network(place):
    servers = Servers(place, durable=False).attach()
    try:
        roles = servers.postgres.query(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'lend_%' AND rolcanlogin"
            " AND NOT (rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication) ORDER BY 1"
        )
        assert [name for (name,) in roles] == [
            "lend_app",
            "lend_fairness",
            "lend_owner",
            "lend_regulator",
            "lend_system",
        ]
        assert servers.postgres.query("SHOW listen_addresses") == [("",)]
        assert place.runtime.stat().st_mode & 0o777 == 0o700
        for server in processes_of(place.home):
            assert not server.net_connections(kind="inet")
    finally:
        servers.release()


def test_the_last_user_stops_the_servers(place, user):
    servers = Servers(place, durable=False).attach()
    user.stdin.close()
    user.wait(30)
    assert servers.ready()
    servers.release()
    assert not processes_of(place.home)


def test_servers_stop_when_their_only_user_is_killed(place, user):
    user.kill()
    user.wait()
    assert wait_until(lambda: not processes_of(place.home), 10)


def test_a_killed_postgres_is_started_again_and_never_handed_out_dead(place, user):
    servers = Servers(place, durable=False)
    pid = int((place.postgres / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    servers.attach()
    try:
        assert servers.postgres.query("SELECT 1") == [(1,)]
    finally:
        servers.release()


def test_a_killed_redis_is_started_again(place, user):
    servers = Servers(place, durable=False)
    os.kill(int((place.redis / "redis.pid").read_text()), signal.SIGKILL)
    assert wait_until(lambda: not servers.redis.answers(), 5)
    assert wait_until(servers.ready, 10)


def test_servers_die_with_their_keeper_and_start_anew(place, user):
    servers = Servers(place, durable=False)
    os.kill(servers.state()["pid"], signal.SIGKILL)
    assert wait_until(lambda: not servers.kept(), 5)  # until then its servers still answer
    servers.attach()
    try:
        assert servers.ready()
    finally:
        servers.release()


def test_a_pid_file_whose_number_is_now_another_programs_is_forgotten(place):
    Servers(place, durable=False).attach().release()
    ours = f"{os.getpid()}\n{place.postgres}\n"
    postgres.make_private(place.runtime, postgres.server_account())
    pid_file, lock = place.postgres / "postmaster.pid", place.runtime / ".s.PGSQL.5432.lock"
    for file in (pid_file, lock):
        file.write_text(ours)
        if AS_ROOT:
            os.chown(file, *postgres.server_account())
    (place.redis / "redis.pid").write_text(str(os.getpid()))
    servers = Servers(place, durable=False).attach()
    servers.release()
    assert command_of(os.getpid())


def test_an_interrupted_first_start_begins_again(place):
    server = PostgresServer(place, durable=False)
    server.prepare()
    (place.home / "postgres-unfinished").touch()
    (place.postgres / "pg_hba.conf").unlink()
    server.start()
    try:
        assert server.answers()
    finally:
        server.stop()


def test_two_local_folders_do_not_meet(place, user):
    other_home = Path(tempfile.mkdtemp(prefix="ayni-home-"))
    other_home.chmod(0o755)
    mine, other = Servers(place, durable=False).attach(), Servers(Paths(other_home, other_home), durable=False)
    try:
        other.attach()
        other.postgres.query("CREATE TABLE only_there ()")
        assert mine.postgres.query("SELECT to_regclass('only_there')") == [(None,)]
    finally:
        other.release()
        mine.release()
        forget(other_home)


def test_a_server_that_cannot_start_says_why(place):
    servers = Servers(place, durable=False)
    servers.attach().release()
    with (place.postgres / "postgresql.conf").open("a") as configuration:
        configuration.write("no_such_setting = 1\n")
    with pytest.raises(ServerFailed, match="no_such_setting"):
        servers.attach()


def test_clones_live_in_memory_which_a_restart_of_the_machine_forgets(place, user):
    folder = memory_folder(place.home)
    if folder is None:
        assert machine.tablespace_in_memory(Servers(place)) is None
        return
    for _ in range(2):
        servers = Servers(place)  # another process, as far as it knows
        with machine.cloned_database(servers, "template0", "cloned"):
            assert servers.postgres.query("SELECT current_database()", "cloned") == [("cloned",)]
            assert any(folder.glob("PG_*/*"))
            servers.postgres.create_database("left", "template0", machine.IN_MEMORY)
        shutil.rmtree(folder)
    folder.mkdir()
    user.stdin.close()
    user.wait()
    reset_now(place.home)
    assert not folder.exists()


def test_reset_refuses_while_the_servers_are_used(place, user):
    assert reset.in_use(place.home)
    env = os.environ | {"AYNI_LOCAL": str(place.home)}
    refused = subprocess.run(
        [sys.executable, "-m", "portal.local.reset"], cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 1
    assert "is in use" in refused.stderr
    assert place.postgres.exists()


@pytest.mark.skipif(not AS_ROOT, reason="only root runs PostgreSQL as another user")
def test_as_root_a_private_parent_stays_private_and_the_data_goes_outside(home):
    private = home / "private"
    private.mkdir(mode=0o700)
    place = Paths(private / "local", private / "local")
    accounts = Path("/etc/passwd").read_bytes()
    servers = Servers(place, durable=False).attach()
    try:
        assert servers.postgres.query("SELECT 1") == [(1,)]
        assert place.postgres.is_symlink()
        outside = place.postgres.resolve().parent
        assert outside.stat().st_mode & 0o777 == 0o700
        assert private.stat().st_mode & 0o777 == 0o700
        assert Path("/etc/passwd").read_bytes() == accounts
    finally:
        servers.release()
    subprocess.run(
        [sys.executable, "-m", "portal.local.reset"],
        cwd=CHECKOUT,
        env=os.environ | {"AYNI_LOCAL": str(place.home)},
        check=True,
    )
    assert not outside.exists()


@pytest.mark.skipif(not AS_ROOT, reason="only root can try it as another user")
def test_it_works_without_root(home):
    uid, gid = postgres.server_account()
    os.chown(home, uid, gid)
    if subprocess.run(["test", "-x", postgres.wheel_binaries() / "postgres"], user=uid, check=False).returncode:
        pytest.skip("another user cannot come to this checkout")
    child = os.fork()
    if child == 0:  # nothing of pytest may run here
        status = 1
        try:
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
            place = Paths(home, home)
            database, queues = PostgresServer(place, durable=False), RedisServer(place, durable=False)
            database.start()
            queues.start()
            database.create_database("ayni")
            status = 0 if database.answers() and queues.answers() else 2
            queues.stop()
            database.stop()
            shutil.rmtree(place.runtime)
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (home / "postgres").stat().st_uid == uid
