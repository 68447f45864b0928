"""Child processes that cannot outlive the process that started them, and what is known of a process id."""

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(signum: int, parent: int) -> None:
    """Ask the kernel to send `signum` to this process when `parent` ends, `kill -9` included (Linux).

    Must run after a change of user, which would forget the request.
    """
    if _libc is None:
        return
    _libc.prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the request was made
        os.kill(os.getpid(), signum)


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path | None = None,
    output: int | IO[str] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: int | None = None,
    group: int | None = None,
    death_signal: int | None = signal.SIGTERM,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[str]:
    """Start `command` in a session of its own, so that a Ctrl-C meant for us does not reach it.

    Output goes to `log` (appended), else to `output`. With a `death_signal` it dies with the thread
    that called this; without, it outlives us.
    """
    parent = os.getpid()

    def prepare() -> None:
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(signum, signal.SIG_DFL)  # nohup and background shells leave some ignored
        if death_signal is not None:
            die_with_parent(death_signal, parent)

    file = open_log(log) if log else None
    try:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=file if file is not None else output,
            stderr=subprocess.STDOUT,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            user=user,
            group=group,
            extra_groups=[] if user is not None else None,
            start_new_session=True,
            preexec_fn=prepare,
            pass_fds=tuple(pass_fds),
            text=True,
        )
    finally:
        if file is not None:
            file.close()  # the child has its own


def open_log(path: Path, keep: int = 5_000_000) -> IO[str]:
    """`path` opened for appending; one that has grown past `keep` bytes starts anew beside its past."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        if path.stat().st_size > keep:
            path.replace(path.with_suffix(path.suffix + ".1"))
    return path.open("a", encoding="utf-8")


def last_lines(path: Path, count: int = 15) -> str:
    """The end of a log, to be shown with an error."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-count:])
    except OSError:
        return ""


def stop(process: subprocess.Popen[str], *signals: tuple[int, float]) -> None:
    """Send each signal in turn, waiting its seconds for an end, then kill the whole process group."""
    for signum, seconds in signals:
        if process.poll() is not None:
            break
        process.send_signal(signum)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)  # what it may have left behind
    process.wait()


def stop_pid(pid: int, *signals: tuple[int, float]) -> None:
    """The same for a process that is not our child."""
    for signum, seconds in (*signals, (signal.SIGKILL, 5.0)):
        try:
            os.kill(pid, signum)
        except ProcessLookupError:
            return
        if wait_until(lambda: not command_of(pid), seconds):
            return


def command_of(pid: int) -> list[str]:
    """The command line of a living process; empty for a dead, vanished or undead one."""
    try:
        process = psutil.Process(pid)
        return [] if process.status() == psutil.STATUS_ZOMBIE else process.cmdline()
    except psutil.Error:
        return []


def wait_until(condition: Callable[[], object], seconds: float, every: float = 0.02) -> bool:
    """Whether `condition` came true within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(every)
    return True


class FileLock:
    """A lock that the kernel gives back when its holder ends, however it ends."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def share(self, *, wait: bool = True) -> bool:
        """Hold it together with other sharers."""
        return self._flock(fcntl.LOCK_SH, wait)

    def take(self, *, wait: bool = True) -> bool:
        """Hold it alone."""
        return self._flock(fcntl.LOCK_EX, wait)

    def release(self) -> None:
        """Give it back; the object is of no further use."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _flock(self, kind: int, wait: bool) -> bool:
        if self._fd is None:
            raise ValueError("this lock has been released")
        try:
            fcntl.flock(self._fd, kind if wait else kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
