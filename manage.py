#!/usr/bin/env python
"""Runs a command. Without DATABASE_URL it first attaches to the embedded servers, starting them if need be."""

import os
import sys
import warnings

# Commands that need no database, or (demo, doctor) that see to the servers themselves.
SERVERLESS = {
    *("check", "collectstatic", "compilemessages", "demo", "diffsettings", "doctor", "findstatic", "help"),
    *("makemessages", "makemigrations", "simulate_schedule", "spectacular", "version"),
}


def needs_servers(arguments: list[str]) -> bool:
    """Whether the command line asks for a command that opens the database."""
    command = next((word for word in arguments if not word.startswith("-")), "help")
    elsewhere = os.environ.get("DATABASE_URL") or os.environ.get("AYNI_ATTACHED")  # or our parent holds them
    if elsewhere or {"-h", "--help", "--version"} & set(arguments):
        return False
    return command not in SERVERLESS or (command == "check" and "--database" in arguments)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    from django.core.management import execute_from_command_line

    if not needs_servers(sys.argv[1:]):
        # makemigrations would also compare with a database; `make test` migrates one from nothing.
        warnings.filterwarnings("ignore", message=".*consistent migration history")
        execute_from_command_line(sys.argv)
        return

    from portal.local.paths import NoRuntimeFolder, paths
    from portal.local.postgres import ServerFailed
    from portal.local.servers import Servers

    servers = Servers(paths())
    try:
        servers.attach(progress=lambda text: sys.stderr.write(f"{text} …\n"))
    except (ServerFailed, NoRuntimeFolder, OSError) as error:
        sys.exit(f"error: {error}\n`manage.py doctor` says more.")
    try:
        execute_from_command_line(sys.argv)
    finally:
        servers.release()


if __name__ == "__main__":
    main()
