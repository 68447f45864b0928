"""What the machine is doing while something is measured: disk and load beside every figure."""

import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from portal.local.paths import CHECKOUT

_PROBE_SECONDS: Final = 0.4


def fdatasyncs() -> int:
    """How many 8 KiB writes a second reach the disk of the checkout."""
    with tempfile.NamedTemporaryFile(dir=CHECKOUT) as file:
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < _PROBE_SECONDS:
            os.pwrite(file.fileno(), bytes(8192), 0)
            os.fdatasync(file.fileno())
            count += 1
        return round(count / (time.perf_counter() - start))


def processor_seconds(pid: int) -> float:
    """Processor time that a process on this machine has used so far; zero where /proc does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured(act: Callable[[], Any], backend: int | None = None) -> dict[str, Any]:
    """Seconds that `act` took, with the disk before and after it, the load, and its backend's processor seconds."""
    disk, load = [fdatasyncs()], [round(os.getloadavg()[0], 2)]
    start, used = time.perf_counter(), processor_seconds(backend) if backend else 0.0
    act()
    seconds = time.perf_counter() - start
    used = processor_seconds(backend) - used if backend else 0.0
    disk.append(fdatasyncs())
    load.append(round(os.getloadavg()[0], 2))
    return {"seconds": round(seconds, 3), "processor": round(used, 2), "fdatasync": disk, "load": load}


def comparable(*runs: dict[str, Any]) -> bool:
    """Whether neither disk nor load doubled from one side to the other (a load under one is quiet)."""
    disks = [statistics.mean(run["fdatasync"]) for run in runs]
    loads = [max(1.0, *run["load"]) for run in runs]
    return max(disks) < 2 * min(disks) and max(loads) < 2 * min(loads)


def peak_megabytes() -> dict[str, int]:
    """Peak memory of this process and of the largest PostgreSQL backend, where /proc tells."""
    largest = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue
        if text.startswith("Name:\tpostgres"):
            fields = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
            largest = max(largest, int(fields.get("RssAnon", "0 kB").split()[0]))
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"this_process": own // 1024, "largest_backend_now": largest // 1024}
