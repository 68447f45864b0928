"""Where the embedded servers and the local files live. Standard library only: settings import this.

Everything hangs on one folder, `$AYNI_LOCAL` (default: `.local` in the checkout). Sockets are the
exception: their paths may not exceed 107 bytes, so they live in a short runtime folder named by a
hash of that folder, which also keeps two checkouts apart.
"""

import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

CHECKOUT = Path(__file__).resolve().parents[2]
SUPERUSER = "postgres"
ROLES = ("lend_app", "lend_owner", "lend_regulator", "lend_system", "lend_fairness")
OUTSIDE = (Path("/var/lib"), Path("/var/tmp"))  # noqa: S108 - where root's PostgreSQL may put its data
MEMORY = Path("/dev/shm")  # noqa: S108
LONGEST_SOCKET_PATH = 107
POSTGRES_PORT = 5432  # only names the socket file; nothing listens on the network
POSTGRES_SOCKET = f".s.PGSQL.{POSTGRES_PORT}"


class NoRuntimeFolder(RuntimeError):
    """No folder of this machine can hold the servers' sockets."""


@dataclass(frozen=True)
class Paths:
    """The files, sockets and addresses of one set of embedded servers.

    `database` and `slot` differ only between the parallel processes of a test run, which share
    servers; `files` is where that process keeps what is not in the servers.
    """

    home: Path
    files: Path
    database: str = "ayni"
    slot: int = 0

    @property
    def postgres(self) -> Path:
        """The PostgreSQL data folder; as root it may be a link to a folder elsewhere."""
        return self.home / "postgres"

    @property
    def redis(self) -> Path:
        """The Redis data folder."""
        return self.home / "redis"

    @property
    def logs(self) -> Path:
        """Logs of servers and children."""
        return self.home / "logs"

    @property
    def locks(self) -> Path:
        """Lock files: who keeps the servers, who uses them."""
        return self.home / "locks"

    @property
    def keys(self) -> Path:
        """Signing and field keys of this machine (made on first use, never in the checkout's history)."""
        return self.files / "keys"

    @property
    def media(self) -> Path:
        """Uploaded documents."""
        return self.files / "media"

    @property
    def outbox(self) -> Path:
        """Mail and messages written instead of sent."""
        return self.files / "outbox"

    @property
    def runtime(self) -> Path:
        """The short folder that holds both sockets.

        A link beside the data remembers the choice, so that a later process with another
        environment finds the same sockets; a copied checkout does not follow it.
        """
        if self.runtime_link.is_symlink():
            remembered = Path(os.readlink(self.runtime_link))
            if remembered.name == folder_name(self.home):
                return remembered
        return runtime_folder(self.home)

    @property
    def runtime_link(self) -> Path:
        """The link that remembers `runtime`."""
        return self.home / "run"

    @property
    def postgres_socket(self) -> Path:
        return self.runtime / POSTGRES_SOCKET

    @property
    def redis_socket(self) -> Path:
        return self.runtime / "redis.sock"

    def database_url(self, role: str, database: str | None = None) -> str:
        """The address of the database for `role` (one of ROLES, or SUPERUSER), for libpq and Django alike."""
        host = quote(str(self.runtime), safe="")
        return f"postgres://{role}@/{database or self.database}?host={host}"

    def redis_url(self) -> str:
        """The address of the cache's Redis database. Clearing the cache must not empty the queues."""
        return f"unix://{self.redis_socket}?db={2 * self.slot + 1}"

    def celery_broker_url(self) -> str:
        """The address of the queues' Redis database."""
        return f"redis+socket://{self.redis_socket}?virtual_host={2 * self.slot}"


def paths(test: bool | None = None) -> Paths:
    """The paths of this process: of the demo, or of the test run when `AYNI_TEST_SLOT` is set."""
    home = local_folder()
    slot = os.environ.get("AYNI_TEST_SLOT", "")
    if not (bool(slot) if test is None else test):
        return Paths(home=home, files=home)
    number = int(slot or 0)
    home = home / "test"
    return Paths(home=home, files=home / f"files-{number}", database=f"test_ayni_{number}", slot=number)


def local_folder() -> Path:
    """The folder named by `AYNI_LOCAL`, absolute; `.local` in the checkout when it is not set."""
    named = os.environ.get("AYNI_LOCAL")
    return Path(named).expanduser().resolve() if named else CHECKOUT / ".local"


def folder_name(home: Path) -> str:
    """A short name that belongs to `home` and to the user who runs this."""
    mark = hashlib.sha256(f"{os.getuid()}:{home}".encode()).hexdigest()
    return f"ayni-{mark[:12]}"


def runtime_folder(home: Path) -> Path:
    """The folder that shall hold the sockets of `home`. Raises NoRuntimeFolder when none is fit."""
    named = (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp", "/var/tmp")  # noqa: S108
    for base in (Path(name) for name in named if name):
        folder = base / folder_name(home)
        fits = len(os.fsencode(folder / POSTGRES_SOCKET)) <= LONGEST_SOCKET_PATH
        reachable = os.getuid() != 0 or searchable_by_all(base)
        if fits and reachable and os.access(base, os.W_OK | os.X_OK):
            return folder
    raise NoRuntimeFolder(
        "no folder can hold the servers' sockets: set XDG_RUNTIME_DIR or TMPDIR to a writable folder "
        f"with a short name (the socket's path may have {LONGEST_SOCKET_PATH} bytes)"
    )


def outside_folders(home: Path) -> list[Path]:
    """Where the data of `home` may be when PostgreSQL's user cannot come to `home`, best first."""
    fit = [base for base in OUTSIDE if os.access(base, os.W_OK) and searchable_by_all(base)]
    return [base / folder_name(home) for base in fit]


def memory_folder(home: Path) -> Path | None:
    """Where the tests of `home` keep databases in memory; None where the machine has no such folder."""
    return MEMORY / folder_name(home) if os.access(MEMORY, os.W_OK) else None


def searchable_by_all(folder: Path) -> bool:
    """Whether any user may pass through `folder` and every folder above it."""
    try:
        return all(os.stat(part).st_mode & stat.S_IXOTH for part in (folder.resolve(), *folder.resolve().parents))
    except OSError:
        return False
