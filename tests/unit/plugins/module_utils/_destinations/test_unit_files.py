# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables of systemd units, as systemctl shows these; it is a script here that prints what systemd 257 prints."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations import (
    config_values,
    destination_interface,
    key_destinations,
    unit_files,
    units_reading_key_files,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations.config_formats import (
    CONFIG_FORMATS,
    InvalidText,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._system import child_processes

from .systemctl_script import write_systemctl

DROP_IN = """\
# keys
[Service]
Environment="OTHER=CANARY-old" K=CANARY-old \\
  'LAST=x y'
; Environment=K=comment
ExecStart=
ExecStart=/usr/bin/app --key CANARY-old
"""


@pytest.fixture
def units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A systemctl that shows these units: each the text of its drop-in and of its .env file, where it has one."""
    shown = write_systemctl(tmp_path)
    path = f"{tmp_path}:{os.environ['PATH']}"
    monkeypatch.setattr(child_processes, "_born_environment", lambda: {"PATH": path})
    monkeypatch.setenv("PATH", path)

    def make(
        name: str,
        *,
        drop_in: Path | None = None,
        drop_ins: tuple[Path, ...] = (),
        files: tuple[Path, ...] = (),
        optional: tuple[Path, ...] = (),
        user: str = "",
        state: str = "loaded",
        more: str = "",
    ) -> None:
        lines = [f"EnvironmentFiles={file} (ignore_errors=no)" for file in files]
        lines += [f"EnvironmentFiles={file} (ignore_errors=yes)" for file in optional]
        lines += [f"User={user}", f"Id={name}", f"LoadState={state}", f"FragmentPath={tmp_path}/none"]
        lines += [f"DropInPaths={' '.join(map(str, drop_ins or filter(None, [drop_in])))}"]
        (shown / name).write_text("\n".join(lines) + f"\n{more}")

    return make


def put(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def key(*names: str) -> dict[str, object]:
    return {"name": "K", "destination": {"unit": list(names)}}


def refused(*names: str) -> RotationError:
    with pytest.raises(RotationError) as told:
        key_destinations.read(None, [key(*names)])
    assert "CANARY" not in str(told.value)
    return told.value


def test_a_variable_of_a_drop_in_is_replaced_and_nothing_else(units: Callable[..., None], tmp_path: Path) -> None:
    drop_in = put(tmp_path / "keys.conf", DROP_IN)
    units("app.service", drop_in=drop_in)
    keys = [{"name": "K", "destination": {"unit": "app"}}]
    assert key_destinations.read(None, keys) == {"K": "CANARY-old"}
    assert [place.names for place in key_destinations.exported(keys)] == [["K"]]
    assert key_destinations.files(keys) == {}
    destination_interface.write(key_destinations.changes("", keys, {"K": "CANARY-new"}, "dotenv"))
    assert drop_in.read_text() == DROP_IN.replace(" K=CANARY-old", " K=CANARY-new")
    destination_interface.write(key_destinations.changes("", keys, {"K": "CANARY-old"}, "dotenv"))
    assert drop_in.read_text() == DROP_IN


def test_a_variable_of_an_environment_file_of_two_units(units: Callable[..., None], tmp_path: Path) -> None:
    file = put(tmp_path / "app.env", "OTHER=1\nK='CANARY-old'\n")
    for name in ("web.service", "worker.service"):
        units(name, files=(file,))
    keys = [key("web", "worker.service"), {"name": "OTHER", "destination": {"unit": ["web", "worker"]}}]
    assert key_destinations.read(None, keys) == {"K": "CANARY-old", "OTHER": "1"}
    changes = key_destinations.changes("", keys, {"K": "CANARY-new", "OTHER": "2"}, "dotenv")
    assert len(changes) == 1, "two keys of one file are one change"
    destination_interface.write(changes)
    assert file.read_text() == "OTHER=2\nK='CANARY-new'\n"


def test_a_file_that_another_unit_reads_is_refused(units: Callable[..., None], tmp_path: Path) -> None:
    file = put(tmp_path / "app.env", "K=CANARY\n")
    for name in ("web.service", "worker.service"):
        units(name, files=(file,))
    error = refused("web")
    assert (error.code, error.where["others"]) == ("E_UNIT_SHARED", "worker.service")
    link = tmp_path / "link.env"
    link.symlink_to(file)
    units("worker.service", files=(link,))
    assert refused("web").code == "E_UNIT_SHARED"


def test_the_units_that_read_a_file_of_keys_are_found(units: Callable[..., None], tmp_path: Path) -> None:
    file, other = put(tmp_path / "app.env", "K=CANARY\n"), put(tmp_path / "other.env", "O=1\n")
    units("web.service", files=(file,), more="PartOf=app.target\nNames=web.service site.service\n")
    units("job.service", optional=(tmp_path / "a*.env",), more="TriggeredBy=job.timer\n")
    units("db.service", files=(other,))
    readers = [
        {"path": str(file), "unit": "job.service", "stopped_by": ["job.service", "job.timer"]},
        {
            "path": str(file),
            "unit": "web.service",
            "stopped_by": ["web.service", "web.service", "site.service", "app.target"],
        },
    ]
    keys = [{"name": "K", "destination": {"file": str(file), "dialect": "systemd"}}]
    assert units_reading_key_files.find(None, keys, "dotenv") == readers
    assert units_reading_key_files.find(str(file), [{"name": "K"}], "systemd") == readers
    assert units_reading_key_files.find(str(file), [{"name": "K"}], "dotenv") == []


def test_a_host_without_systemd_has_no_unit_that_reads_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_processes, "_born_environment", lambda: {"PATH": str(tmp_path)})
    monkeypatch.setenv("PATH", str(tmp_path))
    file = put(tmp_path / "app.env", "K=CANARY\n")
    assert units_reading_key_files.find(str(file), [{"name": "K"}], "systemd") == []


def test_a_variable_that_another_file_overrides_is_refused(units: Callable[..., None], tmp_path: Path) -> None:
    drop_in, file = put(tmp_path / "keys.conf", DROP_IN), put(tmp_path / "app.env", "K=CANARY\n")
    units("app.service", drop_in=drop_in, files=(file,))
    error = refused("app")
    assert error.code == "E_UNIT_VARIABLE"
    assert f"is set in {drop_in}, and overridden in {file}" in str(error)


OVERRIDES = [
    pytest.param("[Service]\nno assignment\nEnvironment=K=CANARY-2\n", id="after a line that systemd passes over"),
    pytest.param("[Service]\nEnvironment=K=x K=CANARY-2\n", id="twice in a line"),
    pytest.param("[Service]\nEnvironment=\n", id="cleared"),
    pytest.param("[Service]\nEnvironment='O=1\" K=CANARY-2\n", id="quotes that do not close"),
    pytest.param("[Service]\nEnvironment=O=1 \\\n# K\n  K=CANARY-2 \\", id="at the end, going on"),
    pytest.param("[Service]\nEnvironment=O=1 \\ \nEnvironment=K=CANARY-2\n", id="after a backslash and a blank"),
    pytest.param("[Service]\nEnvironment=O=1 \\\n\nEnvironment=K=CANARY-2\n", id="after an empty line"),
    pytest.param("[Service]\n# \u2028[Install]\nEnvironment=K=CANARY-2\n", id="after what is no line end to systemd"),
]


@pytest.mark.parametrize("text", OVERRIDES)
def test_an_override_in_any_drop_in_is_seen(units: Callable[..., None], tmp_path: Path, text: str) -> None:
    first, second = put(tmp_path / "10.conf", "[Service]\nEnvironment=K=CANARY-1\n"), put(tmp_path / "20.conf", text)
    units("app.service", drop_ins=(first, second))
    error = refused("app")
    assert (error.code, error.where["fault"]) == ("E_UNIT_VARIABLE", f"is set in {first}, and overridden in {second}")


@pytest.mark.parametrize(
    "text",
    [
        "[Service]\nEnvironment=\nUnsetEnvironment=K\nUnsetEnvironment=\n",
        "[Service]\nno assignment K\n#Environment=K=CANARY\nEnvironment=OTHER_K=K=1 'O=a K=b'\n",
        "[Install]\nEnvironment=K=CANARY-2\n[Service]\nUnsetEnvironment=O\nExecStart=/bin/app --key K=1\n",
    ],
)
def test_what_is_no_override_does_not_count(units: Callable[..., None], tmp_path: Path, text: str) -> None:
    first, second = put(tmp_path / "10.conf", text), put(tmp_path / "20.conf", "[Service]\nEnvironment=K=CANARY-1\n")
    units("app.service", drop_ins=(first, second), optional=(tmp_path / "no.env", tmp_path / "no" / "*.env"))
    assert key_destinations.read(None, [key("app")]) == {"K": "CANARY-1"}


@pytest.mark.parametrize("words", ["K", "O K=CANARY-1"])
def test_a_variable_that_is_unset_is_refused(units: Callable[..., None], tmp_path: Path, words: str) -> None:
    file = put(tmp_path / "app.env", "K=CANARY-1\n")
    drop_in = put(tmp_path / "10.conf", f"[Service]\nUnsetEnvironment=\nUnsetEnvironment={words}\n")
    units("app.service", drop_in=drop_in, files=(file,))
    error = refused("app")
    assert (error.code, error.where["fault"]) == (
        "E_UNIT_VARIABLE",
        f"is removed by UnsetEnvironment= in {drop_in}",
    )


def test_environment_files_are_found_by_their_pattern(units: Callable[..., None], tmp_path: Path) -> None:
    folder = tmp_path / "c"
    folder.mkdir()
    first = put(folder / "a.env", "K=CANARY-1\n")
    units("app.service", files=(folder / "*.env",))
    assert key_destinations.read(None, [key("app")]) == {"K": "CANARY-1"}
    second = put(folder / "b.env", "K=CAN'ARY\n")
    assert f"is set in {first}, and overridden in {second}" in str(refused("app"))
    second.unlink()
    units("other.service", optional=(folder / "?.env",))
    assert refused("app").code == "E_UNIT_SHARED"


def test_an_environment_file_that_cannot_be_read_may_set_it(units: Callable[..., None], tmp_path: Path) -> None:
    drop_in = put(tmp_path / "keys.conf", "[Service]\nEnvironment=K=CANARY-1\n")
    unreadable, missing = tmp_path / "folder", tmp_path / "missing.env"
    unreadable.mkdir()
    damaged = tmp_path / "damaged.env"
    damaged.write_bytes(b"K=CANARY\xff\n")
    for files, optional, file in (
        ((missing,), (), missing),
        ((), (unreadable,), unreadable),
        ((), (damaged,), damaged),
    ):
        units("app.service", drop_in=drop_in, files=files, optional=optional)
        error = refused("app")
        assert (error.code, f"may be set in {file}, which " in str(error)) == ("E_UNIT_VARIABLE", True)
    units("app.service", drop_ins=(drop_in, unreadable))
    assert f"may be set in {unreadable}, which " in str(refused("app"))


def test_units_that_take_it_from_different_files_are_refused(units: Callable[..., None], tmp_path: Path) -> None:
    for name in ("web", "worker"):
        units(f"{name}.service", files=(put(tmp_path / f"{name}.env", "K=CANARY\n"),))
    assert refused("web", "worker").code == "E_UNIT_VARIABLE"


def test_a_unit_that_does_not_exist_or_does_not_set_it_is_refused(units: Callable[..., None]) -> None:
    error = refused("nobody")
    assert (error.code, "key_rotation_keys" in str(error)) == ("E_UNIT_NOT_LOADED", True)
    units("app.service")
    error = refused("app")
    assert (error.code, "is not set by it" in str(error)) == ("E_UNIT_VARIABLE", True)


@pytest.mark.parametrize(
    ("state", "fault"),
    [
        ("not-found", "does not exist on this host"),
        ("masked", "is masked on this host"),
        ("bad-setting", "has a setting on this host that systemd does not accept"),
        ("error", "cannot be loaded by systemd on this host"),
        ("merged", "is not loaded by systemd on this host"),
    ],
)
def test_a_unit_that_is_not_loaded_is_refused_by_its_state(units: Callable[..., None], state: str, fault: str) -> None:
    units("app.service", state=state)
    error = refused("app")
    assert (error.code, error.where["fault"]) == ("E_UNIT_NOT_LOADED", fault)
    assert "app.service, which key_rotation_keys names, " in str(error)


def test_a_unit_that_podman_generated_is_refused(units: Callable[..., None], tmp_path: Path) -> None:
    file = put(tmp_path / "app.env", "K=CANARY\n")
    units("app.service", files=(file,), more="SourcePath=/etc/containers/systemd/app.container\n")
    error = refused("app")
    assert (error.code, error.where["path"]) == ("E_QUADLET", "/etc/containers/systemd/app.container")
    assert "{file: PATH, dialect: compose} in key_rotation_keys" in str(error)
    units("app.service", files=(file,), more="SourcePath=/etc/init.d/app\n")
    assert key_destinations.read(None, [key("app")]) == {"K": "CANARY"}


QUADLET = """\
[Container]
Image=localhost/shop
Environment=K=CANARY-old "L=two words"
[Service]
Environment=K=of-podman
"""


def test_a_variable_of_a_quadlet_is_a_value_in_a_file(tmp_path: Path) -> None:
    file = put(tmp_path / "app.container", QUADLET)
    place = {"file": str(file), "format": "unit", "path": ["Container", "Environment", "K"], "exported": True}
    keys = [{"name": "K", "destination": place}]
    assert key_destinations.read(None, keys) == {"K": "CANARY-old"}
    assert [place.names for place in key_destinations.exported(keys)] == [["K"]]
    destination_interface.write(key_destinations.changes("", keys, {"K": "CANARY-new"}, "dotenv"))
    assert file.read_text() == QUADLET.replace("CANARY-old", "CANARY-new")


@pytest.mark.parametrize("program", ["exit 1", None])
def test_a_host_without_systemd_is_named_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str | None
) -> None:
    if program:
        (tmp_path / "systemctl").write_text(f"#!/bin/sh\n{program}\n")
        (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setattr(child_processes, "_born_environment", lambda: {"PATH": str(tmp_path)})
    monkeypatch.setenv("PATH", str(tmp_path))
    error = refused("app")
    assert (error.code, error.where) == ("E_SYSTEMCTL", {"unit": "app.service", "option": "O(keys)"})


def test_a_unit_of_another_user_is_refused(
    units: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    units("app.service", files=(put(tmp_path / "app.env", "K=CANARY\n"),), user="somebody-else")
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    monkeypatch.setattr(unit_files.users, "own_name", lambda: "me")
    assert "the unit runs as somebody-else" in str(refused("app"))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[Service]\nEnvironment=K=a 'CANARY\n", 2),
        ("[Service]\nEnvironment=K=CANARY K=b\n", 2),
        ("[Service]\nno assignment CANARY\n", 2),
        ("[Service]\n\nEnvironment=K=CANARY \\\n", 3),
    ],
)
def test_an_invalid_unit_file_is_refused_by_its_line(text: str, line: int) -> None:
    with pytest.raises(InvalidText) as told:
        config_values.read(CONFIG_FORMATS["unit"], text, ["Service", "Environment", "K"])
    assert told.value.line == line
    assert told.value.__suppress_context__ or told.value.__context__ is None


def test_the_last_line_of_a_unit_counts_and_an_empty_one_resets() -> None:
    text = '[Service]\nEnvironment=K=a\nEnvironment=\nEnvironment="K=b"\n'
    form, path = CONFIG_FORMATS["unit"], ["Service", "Environment", "K"]
    assert config_values.read(form, text, path) == "b"
    assert config_values.rewritten(form, text, path, "cc") == text.replace("K=b", "K=cc")


def test_another_file_of_variables_is_read_in_its_dialect(tmp_path: Path) -> None:
    profile = put(tmp_path / "profile", "export K='CANARY-old' # set by hand\n")
    other = put(tmp_path / "other.env", "M=CANARY-m\n")
    keys = [
        {"name": "K", "destination": {"file": str(profile), "dialect": "shell"}},
        {"name": "M", "destination": {"file": str(other), "dialect": "dotenv"}},
    ]
    assert key_destinations.read(None, keys) == {"K": "CANARY-old", "M": "CANARY-m"}
    assert [place.names for place in key_destinations.exported(keys)] == [["K"]]
    assert key_destinations.files(keys) == {"M": str(other)}
    destination_interface.write(key_destinations.changes("", keys, {"K": "CANARY-new", "M": "n"}, "dotenv"))
    assert profile.read_text() == "export K='CANARY-new' # set by hand\n"
    assert other.read_text() == "M=n\n"
    assert key_destinations.together([*keys, key("web"), {"name": "E"}]) == [["E"], ["K"], ["M"], ["K"]]
