# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._services.service_environment import read
from ansible_collections.tetech.key_rotation.tests.expected_errors import expect_error
from ansible_collections.tetech.key_rotation.tests.host_fixtures import unit


@pytest.fixture
def write(tmp_path: Path):
    def written(name: str, text: str) -> str:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path / name)

    return written


def test_a_unit_sets_its_variables_first_and_then_reads_its_files_in_order(systemd, write):
    first, second = write("first", "A=first\nB=first\n"), write("second", "B=second\n")
    shown = f"{first} (ignore_errors=no)\n/nowhere (ignore_errors=yes)\n{second} (ignore_errors=no)"
    unit(systemd, "web.service", Environment='A=unit "C=two words" D=x=y', EnvironmentFiles=shown)
    assert read([{"unit": "web"}]).variables == {"A": "first", "B": "second", "C": "two words", "D": "x=y"}


def test_what_a_unit_reads_after_the_env_file_wins(systemd, write):
    env_file, override = write("env", "KEY=old\nOTHER=1\n"), write("override", "KEY=overridden\n")
    shown = f"{env_file} (ignore_errors=no)\n{override} (ignore_errors=no)"
    unit(systemd, "web.service", EnvironmentFiles=shown)
    assert read([{"unit": "web"}, {"file": env_file, "dialect": "systemd"}]).variables["KEY"] == "overridden"


def test_a_unit_reads_every_file_of_a_pattern_in_order(systemd, write, tmp_path):
    write("b.env", "KEY=b\n"), write("a.env", "KEY=a\nOTHER=1\n")
    shown = f"{tmp_path}/*.env (ignore_errors=no)\n{tmp_path}/no*.env (ignore_errors=yes)"
    unit(systemd, "web.service", EnvironmentFiles=shown)
    assert read([{"unit": "web"}]).variables == {"KEY": "b", "OTHER": "1"}


def test_a_file_that_others_may_read_is_read_as_its_reader_does(write):
    path = write("env", "# a comment\nexport A='one two'\nA=last\nB=\"three\"\nnot a line\n")
    Path(path).chmod(0o644)
    assert read([{"file": path, "dialect": "shell"}]).variables == {"A": "last", "B": "three"}


def test_sources_without_a_name_are_left_out(write):
    assert read([{"unit": ""}, {"file": "", "dialect": "systemd"}, {"file": None}]).variables == {}


def test_a_file_that_is_missing_is_refused_unless_it_may_be(tmp_path):
    source = {"file": str(tmp_path / "none"), "dialect": "systemd"}
    assert read([{**source, "optional": True}]).variables == {}
    with pytest.raises(RotationError, match="E_ENV_MISSING"):
        read([source])


def test_a_unit_that_systemd_does_not_know_is_refused(systemd):
    with expect_error("E_UNIT_NOT_LOADED", unit="nobody.service", option="O(environment_from)"):
        read([{"unit": "nobody"}])
    unit(systemd, "web.service", LoadState="masked")
    with expect_error("E_UNIT_NOT_LOADED", fault="is masked on this host") as refused:
        read([{"unit": "web"}])
    assert "Correct the name in key_rotation_environment_from" in str(refused.value)


def test_a_unit_that_podman_generated_is_refused(systemd):
    unit(systemd, "web.service", SourcePath="/etc/containers/systemd/web.container")
    with expect_error("E_QUADLET", unit="web.service", option="O(environment_from)"):
        read([{"unit": "web"}])


def test_a_host_without_systemd_is_named_as_such(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with expect_error("E_SYSTEMCTL", unit="web.service", option="O(environment_from)"):
        read([{"unit": "web"}])


def test_an_error_shows_no_value(write):
    path = write("env", "")
    Path(path).write_bytes(b"KEY=CANARY\xff\n")
    with pytest.raises(RotationError, match="E_ENV_ENCODING") as refused:
        read([{"file": path, "dialect": "systemd"}])
    assert "CANARY" not in str(refused.value)
