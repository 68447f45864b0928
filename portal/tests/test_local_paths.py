"""Where things live: short sockets, checkouts and users apart, nothing decided by what another one left."""

import environ
import pytest

from portal.local import paths as local
from portal.local.paths import LONGEST_SOCKET_PATH, Paths, paths


def socket_length(home) -> int:
    return len(bytes(Paths(home, home).postgres_socket))


def test_sockets_stay_short_however_deep_the_checkout(tmp_path):
    assert socket_length(tmp_path / "/".join(["far"] * 60)) <= LONGEST_SOCKET_PATH


def test_a_long_temporary_folder_is_passed_over(tmp_path, monkeypatch):
    deep = tmp_path / ("x" * 90)
    deep.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    assert socket_length(tmp_path) <= LONGEST_SOCKET_PATH


def test_no_folder_for_sockets_says_what_to_set(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "LONGEST_SOCKET_PATH", 10)
    with pytest.raises(local.NoRuntimeFolder, match="set XDG_RUNTIME_DIR or TMPDIR"):
        Paths(tmp_path, tmp_path).runtime.mkdir()


def test_two_checkouts_have_sockets_of_their_own(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    assert Paths(one, one).runtime != Paths(other, other).runtime


def test_the_chosen_folder_is_remembered_but_not_by_a_copy_of_the_checkout(tmp_path, monkeypatch):
    home, copy = tmp_path / "home", tmp_path / "copy"
    for folder in (home, copy):
        folder.mkdir()
    chosen = Paths(home, home).runtime
    for folder in (home, copy):
        (folder / "run").symlink_to(chosen)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert Paths(home, home).runtime == chosen
    assert Paths(copy, copy).runtime != chosen


def test_a_test_run_never_uses_the_demos_servers_or_files(monkeypatch):
    monkeypatch.setenv("AYNI_TEST_SLOT", "3")
    test, demo = paths(), paths(test=False)
    assert test.home == demo.home / "test"
    assert (test.database, demo.database) == ("test_ayni_3", "ayni")
    assert not {test.redis_url(), test.celery_broker_url()} & {demo.redis_url(), demo.celery_broker_url()}
    assert test.media != demo.media


def test_the_local_folder_can_be_named(tmp_path, monkeypatch):
    monkeypatch.setenv("AYNI_LOCAL", str(tmp_path))
    assert paths(test=False).home == tmp_path
    monkeypatch.delenv("AYNI_LOCAL")
    assert paths(test=False).home == local.CHECKOUT / ".local"


def test_django_and_libpq_read_the_same_address(tmp_path):
    place = Paths(tmp_path, tmp_path)
    settings = environ.Env.db_url_config(place.database_url("lend_app"))
    assert (settings["USER"], settings["NAME"]) == ("lend_app", "ayni")
    assert settings["OPTIONS"] == {"host": str(place.runtime)}
