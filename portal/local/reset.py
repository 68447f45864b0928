"""`make reset`: forget the data of this checkout, wherever it is. Standard library only."""

import fcntl
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

from portal.local.paths import Paths, local_folder, memory_folder, outside_folders


def homes(local: Path) -> list[Path]:
    """Every folder below `local` that may have servers of its own: the demo's, the tests'."""
    return [local, local / "test", *(entry for entry in (local / "test").glob("*") if entry.is_dir())]


def in_use(home: Path) -> bool:
    """Whether a process uses the servers of `home` now."""
    try:
        with (home / "locks" / "users.lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def main() -> int:
    local = local_folder()
    if not local.exists():
        sys.stdout.write(f"{local} holds nothing.\n")
        return 0
    for home in homes(local):
        if in_use(home):
            sys.stderr.write(f"error: {home} is in use; stop `make demo` or the tests first\n")
            return 1
    for home in homes(local):
        with suppress(OSError):
            shutil.rmtree(Paths(home, home).runtime)
        for folder in (*outside_folders(home), memory_folder(home)):
            if folder:
                shutil.rmtree(folder, ignore_errors=True)
    for entry in local.iterdir():  # the folder itself may be a mount or a link
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else os.unlink(entry)
    sys.stdout.write(f"Forgotten: everything in {local}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
