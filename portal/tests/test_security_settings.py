"""Production settings, as a process of their own reads them: nothing to warn of, nothing made up."""

import base64
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from accounts.crypto import new_key_document


def production(tmp_path: Path, **changes: str) -> dict[str, str]:
    """The environment of a production process whose servers need not answer."""
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(new_key_document()))
    names = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    return names | {
        "DATABASE_URL": "postgres://lend_app@127.0.0.1:1/ayni",
        "DATABASE_SSLMODE": "verify-full",
        "REDIS_URL": "rediss://127.0.0.1:1/0",
        "SECRET_KEY": base64.b64encode(secrets.token_bytes(48)).decode(),
        "FIELD_KEYS_FILE": str(keys),
        "ALLOWED_HOSTS": "ayni.example",
        "SITE_URL": "https://ayni.example",
        **changes,
    }


def manage(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_deployment_check_has_nothing_to_say(tmp_path: Path) -> None:
    answer = manage(production(tmp_path), "check", "--deploy", "--fail-level", "WARNING")
    assert answer.returncode == 0, answer.stderr
    assert "no issues" in answer.stdout


def test_it_would_say_so_if_cookies_travelled_in_the_open(tmp_path: Path) -> None:
    answer = manage(production(tmp_path, DEBUG="1"), "check", "--deploy", "--fail-level", "WARNING")
    assert answer.returncode != 0
    assert "security.W" in answer.stderr


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"DATABASE_SSLMODE": ""}, "accounts.W001"),
        ({"DATABASE_SSLMODE": "require"}, "accounts.W001"),
        ({"DATABASE_URL": "postgres://lend_app@127.0.0.1:1/ayni?sslmode=disable"}, "accounts.W001"),
        ({"REDIS_URL": "redis://127.0.0.1:1/0"}, "accounts.W002"),
    ],
)
def test_it_would_say_so_if_links_were_open(tmp_path: Path, changes: dict[str, str], words: str) -> None:
    answer = manage(production(tmp_path, **changes), "check", "--deploy", "--fail-level", "WARNING")
    assert answer.returncode != 0
    assert words in answer.stderr


def test_cookies_are_bound_to_their_host(tmp_path: Path) -> None:
    answer = manage(production(tmp_path), "diffsettings", "--output", "unified")
    for line in (
        "+ SESSION_COOKIE_NAME = '__Host-session'",
        "+ CSRF_COOKIE_NAME = '__Host-csrf'",
        "+ SESSION_COOKIE_SECURE = True",
        "+ CSRF_COOKIE_SECURE = True",
    ):
        assert line in answer.stdout, line
    for name in ("SESSION_COOKIE_DOMAIN", "CSRF_COOKIE_DOMAIN", "SESSION_COOKIE_PATH", "CSRF_COOKIE_PATH"):
        assert f"+ {name}" not in answer.stdout  # as Django has them: this host, the whole site


@pytest.mark.parametrize("missing", ["SECRET_KEY", "FIELD_KEYS_FILE"])
def test_no_secret_is_made_up_in_production(tmp_path: Path, missing: str) -> None:
    answer = manage(production(tmp_path, **{missing: ""}), "check")
    assert answer.returncode != 0
    assert "Set SECRET_KEY and FIELD_KEYS_FILE" in answer.stderr


def test_demo_codes_are_refused_where_debug_is_off(tmp_path: Path) -> None:
    answer = manage(production(tmp_path, DEMO="1"), "check")
    assert answer.returncode != 0
    assert "refused while DEBUG is off" in answer.stderr
