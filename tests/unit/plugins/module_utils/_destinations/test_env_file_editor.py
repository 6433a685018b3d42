# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import errno
import os
import pwd
import random
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations import (
    destination_interface,
    env_file_editor,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._system import atomic_file
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error

from ....conftest import NOBODY

OLD = {"SECRET_KEY": "old-CANARY-one", "ENCRYPTION_SALT": "old-CANARY-two"}
NEW = {"SECRET_KEY": "n3w_secret-value", "ENCRYPTION_SALT": "n3w_salt"}
DJANGO_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*(-_=+)"  # of get_random_secret_key


@pytest.fixture
def env_file(tmp_path: Path) -> Callable[..., str]:
    def make(content: bytes = b"SECRET_KEY=a\n", mode: int = 0o600) -> str:
        path = tmp_path / ".env"
        path.write_bytes(content)
        path.chmod(mode)
        return str(path)

    return make


@pytest.fixture
def no_python_dotenv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dotenv", None)


@pytest.fixture
def mounted(env_file, tmp_path) -> Iterator[str]:
    """A single file mounted over itself, as containers get theirs; its folder has a blank in its name."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts")
    (tmp_path / "a folder").mkdir()
    path = tmp_path / "a folder" / ".env"
    path.touch(mode=0o600)
    path.write_bytes(b"SECRET_KEY=a\n")
    if subprocess.run(["mount", "--bind", path, path], capture_output=True, check=False).returncode != 0:
        pytest.skip("no mounts are allowed here")
    yield str(path)
    subprocess.run(["umount", path], check=True)


@pytest.fixture
def flagged() -> Iterator[Callable[[Path, str], None]]:
    """Give a file or folder a flag that stops root too, until the test is over."""
    given: list[tuple[Path, str]] = []

    def flag(place: Path, letter: str) -> None:
        if os.geteuid() != 0 or not shutil.which("chattr"):
            pytest.skip("only root has chattr")
        if subprocess.run(["chattr", f"+{letter}", place], capture_output=True, check=False).returncode != 0:
            pytest.skip("this file system has no flags")
        given.append((place, letter))

    yield flag
    for place, letter in given:
        subprocess.run(["chattr", f"-{letter}", place], check=True)


def refusal(path: str, *names: str) -> RotationError:
    with pytest.raises(RotationError) as refused:
        env_file_editor.read(path, names or ["SECRET_KEY"])
    return refused.value


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        pytest.param(b"A=1\nSECRET_KEY=CANARY\xff\n", "E_ENV_ENCODING", 2, id="not UTF-8"),
        pytest.param(b"A=1\n\nSECRET_KEY=CANARY\0\n", "E_ENV_ENCODING", 3, id="NUL"),
        pytest.param(b"SECRET_KEY=CANARY\n\nSECRET_KEY=CANARY\n", "E_ENV_DUPLICATE", 3, id="set twice"),
        pytest.param(b"SECRET_KEY=CANARY\nexport SECRET_KEY='CANARY'", "E_ENV_DUPLICATE", 2, id="exported again"),
        pytest.param(b"A=1\nSECRET_KEY=\n", "E_ENV_KEY_EMPTY", 2, id="empty"),
        pytest.param(b"SECRET_KEY=   \n", "E_ENV_KEY_EMPTY", 1, id="blanks"),
        pytest.param(b"A='x\ny\n'\nSECRET_KEY=\n", "E_ENV_KEY_EMPTY", 4, id="empty after a value over lines"),
        pytest.param(b"\nSECRET_KEY=''\n", "E_ENV_KEY_EMPTY", 2, id="empty in single quotes"),
        pytest.param(b'\nSECRET_KEY=""\n', "E_ENV_KEY_EMPTY", 2, id="empty in double quotes"),
        pytest.param(b"\nSECRET_KEY='CANARY\n", "E_ENV_SYNTAX", 2, id="unterminated single quote"),
        pytest.param(b'\nSECRET_KEY="CANARY\n', "E_ENV_SYNTAX", 2, id="unterminated double quote"),
        pytest.param(b"SECRET_KEY='CANARY\nmore'\n", "E_ENV_SYNTAX", 1, id="value over two lines"),
        pytest.param(b"SECRET_KEY='CANARY' more\n", "E_ENV_SYNTAX", 1, id="text after the quote"),
        pytest.param(b"SECRET_KEY='CAN\\'ARY'\n", "E_ENV_SYNTAX", 1, id="escaped single quote"),
        pytest.param(b'SECRET_KEY="CAN\\nARY"\n', "E_ENV_SYNTAX", 1, id="escape in double quotes"),
        pytest.param(b"SECRET_KEY=#CANARY\n", "E_ENV_SYNTAX", 1, id="comment or value"),
        pytest.param(b"SECRET_KEY=CAN${A}ARY\n", "E_ENV_SYNTAX", 1, id="reference"),
        pytest.param(b"SECRET_KEY='CAN${A}ARY'\n", "E_ENV_SYNTAX", 1, id="reference in single quotes"),
        pytest.param(b'SECRET_KEY="CAN${A}ARY"\n', "E_ENV_SYNTAX", 1, id="reference in double quotes"),
    ],
)
def test_a_line_that_readers_disagree_on_is_refused_by_its_number(env_file, content, code, line):
    path = env_file(content)
    error = refusal(path)
    assert error.code == code
    assert error.where["line"] == line
    assert f"{path}:{line}" in str(error)
    assert "CANARY" not in str(error)


@pytest.mark.parametrize(
    "content", [b"", b"# SECRET_KEY=CANARY\n", b"SECRET_KEY_\n", b"SECRET_KEY: CANARY\n", b"secret_key=CANARY"]
)
def test_a_name_that_no_line_sets_is_missing(env_file, content):
    error = refusal(env_file(content))
    assert error.code == "E_ENV_KEY_MISSING"
    assert error.where["name"] == "SECRET_KEY"
    assert "CANARY" not in str(error)


def test_a_key_that_only_the_default_lists_is_said_to_be_listed_by_it(env_file):
    path = env_file(b"SECRET_KEY=CANARY\n")
    for names, listed in (
        (["SECRET_KEY", "ENCRYPTION_SALT"], "the default of O(keys) lists it"),
        (["SECRET_KEY", "OTHER"], "O(keys) lists it"),
    ):
        with expect_error("E_ENV_KEY_MISSING", path=path, name=names[1], listed=listed):
            env_file_editor.read(path, names)


def test_a_duplicate_is_reported_with_both_lines(env_file):
    assert refusal(env_file(b"A=1\nSECRET_KEY=a\n\nSECRET_KEY=b\n")).where["first"] == 2


@pytest.mark.parametrize("with_reader", [True, False], ids=["with python-dotenv", "without python-dotenv"])
@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_name_inside_another_value_is_not_set(env_file, request, quote, with_reader):
    if with_reader:
        pytest.importorskip("dotenv")
    else:
        request.getfixturevalue("no_python_dotenv")
    text = f"OTHER={quote}begin\nSECRET_KEY=CANARY\nend{quote}\n"
    error = refusal(env_file(text.encode()))
    assert error.code == "E_ENV_KEY_MISSING"
    assert "CANARY" not in str(error)
    assert env_file_editor.read(env_file(f"{text}SECRET_KEY=mine\n".encode()), ["SECRET_KEY"]) == {"SECRET_KEY": "mine"}


def test_an_escaped_quote_does_not_end_the_other_value(env_file):
    error = refusal(env_file(b'OTHER="begin \\"\nSECRET_KEY=CANARY\nend"\n'))
    assert error.code == "E_ENV_KEY_MISSING"
    assert "CANARY" not in str(error)


def test_other_lines_may_be_anything(env_file):
    content = b"SECRET_KEY=abc\nBROKEN='\nDOUBLE=1\nDOUBLE=2\nEMPTY=\nREF=${X}\nBROKEN2 = \"\n"
    assert env_file_editor.read(env_file(content), ["SECRET_KEY"]) == {"SECRET_KEY": "abc"}


@pytest.mark.parametrize(
    "path", ["relative/.env", ".env", "~/.env", "/srv/app/../.env", "//host/.env", "/srv/a\0/.env", ""]
)
def test_a_path_that_is_not_whole_is_refused(path):
    assert refusal(path).code == "E_ENV_PATH"


def test_a_missing_file_is_named(tmp_path):
    error = refusal(str(tmp_path / "none"))
    assert error.code == "E_ENV_MISSING"
    assert str(tmp_path / "none") in str(error)


def test_a_symbolic_link_is_refused(env_file, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(env_file())
    error = refusal(str(link))
    assert (error.code, error.where["kind"]) == ("E_ENV_UNSAFE", "a symbolic link")


def test_a_hard_link_is_refused(env_file, tmp_path):
    path = env_file()
    os.link(path, tmp_path / "second")
    error = refusal(path)
    assert (error.code, error.where["kind"]) == ("E_ENV_UNSAFE", "one of 2 hard links")


def test_a_fifo_is_refused_without_waiting_for_a_writer(tmp_path):
    os.mkfifo(tmp_path / ".env")
    error = refusal(str(tmp_path / ".env"))
    assert (error.code, error.where["kind"]) == ("E_ENV_UNSAFE", "not a regular file")


def test_a_folder_is_refused_and_nothing_stays_open(tmp_path):
    (tmp_path / ".env").mkdir()
    before = os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []
    error = refusal(str(tmp_path / ".env"))
    assert (error.code, error.where["kind"]) == ("E_ENV_UNSAFE", "not a regular file")
    assert (os.listdir("/proc/self/fd") if before else []) == before


def test_a_file_too_large_is_refused(env_file):
    assert refusal(env_file(b"#" * (env_file_editor.MAX_BYTES + 1))).code == "E_ENV_UNSAFE"


def test_a_file_of_too_many_lines_is_refused(env_file):
    assert refusal(env_file(b"\n" * (env_file_editor.MAX_LINES + 1))).code == "E_ENV_UNSAFE"
    assert refusal(env_file(b"\n" * env_file_editor.MAX_LINES)).code == "E_ENV_KEY_MISSING"


@pytest.mark.parametrize("mode", [0o666, 0o644, 0o604, 0o602, 0o601, 0o660, 0o620])
def test_a_file_that_is_open_to_others_is_refused_with_its_mode(env_file, mode):
    error = refusal(env_file(mode=mode))
    assert (error.code, error.where["mode"]) == ("E_ENV_MODE", f"{mode:04o}")
    assert "The mode must be 0600 or 0640" in str(error)


def test_a_folder_that_everybody_may_write_to_is_refused_unless_it_is_sticky(env_file, tmp_path):
    path = env_file()
    tmp_path.chmod(0o777)
    assert refusal(path).code == "E_ENV_FOLDER"
    tmp_path.chmod(0o1777)
    assert env_file_editor.read(path, ["SECRET_KEY"]) == {"SECRET_KEY": "a"}


@pytest.mark.parametrize(
    ("content", "line", "column", "found"),
    [
        (b"A=1\nSECRET_KEY=CAN\xffARY\n", 2, 15, "a byte that is not UTF-8"),
        (b"\xff\n", 1, 1, "a byte that is not UTF-8"),
        (b"A=1\n\nB=\0\n", 3, 3, "a NUL"),
    ],
)
def test_a_byte_that_no_reader_takes_is_named_by_its_place_alone(env_file, content, line, column, found):
    error = refusal(env_file(content))
    assert (error.code, error.where["line"]) == ("E_ENV_ENCODING", line)
    assert error.where["fault"] == f"{found} (column {column})"
    assert "0xff" not in str(error)


def test_a_file_that_is_mounted_is_refused_before_anything_is_written(mounted):
    assert env_file_editor.read(mounted, ["SECRET_KEY"]) == {"SECRET_KEY": "a"}
    for refused in (
        env_file_editor.refuse_unwritable,
        lambda path: destination_interface.write(
            [env_file_editor.FileChange(path, "SECRET_KEY=a\n", "SECRET_KEY=b\n")]
        ),
    ):
        with pytest.raises(RotationError, match="E_ENV_BINDMOUNT"):
            refused(mounted)
    assert os.listdir(os.path.dirname(mounted)) == [".env"]


def test_a_file_that_is_mounted_unseen_stays_as_it_is(mounted, monkeypatch):
    monkeypatch.setattr(env_file_editor, "_refuse_mount", lambda path: None)
    with expect_error("E_ENV_BINDMOUNT", path=mounted, changed_nothing=True):
        destination_interface.write([env_file_editor.FileChange(mounted, "SECRET_KEY=a\n", "SECRET_KEY=b\n")])
    assert Path(mounted).read_text() == "SECRET_KEY=a\n"
    assert os.listdir(os.path.dirname(mounted)) == [".env"]


def test_a_folder_behind_a_link_is_looked_up_where_it_is(mounted, tmp_path):
    (tmp_path / "link").symlink_to(os.path.dirname(mounted))
    with pytest.raises(RotationError, match="E_ENV_BINDMOUNT"):
        env_file_editor.refuse_unwritable(str(tmp_path / "link" / ".env"))


@pytest.mark.parametrize(("letter", "name"), [("i", "immutable"), ("a", "append-only")])
@pytest.mark.parametrize("of_folder", [False, True], ids=["file", "folder"])
def test_a_flag_that_keeps_the_file_as_it_is_is_reported_before_anything_is_written(
    env_file, tmp_path, flagged, of_folder, letter, name
):
    path = env_file()
    change = env_file_editor.FileChange(path, "SECRET_KEY=a\n", "SECRET_KEY=b\n")
    place = tmp_path if of_folder else Path(path)
    flagged(place, letter)
    for act in (
        lambda: env_file_editor.refuse_unwritable(path),
        lambda: destination_interface.rehearse([change]),
        lambda: destination_interface.write([change]),
    ):
        with expect_error("E_ENV_WRITE", reason=f"{place} is {name}", changed_nothing=True) as refused:
            act()
        assert refused.value.todo.endswith(f"chattr -{letter} {place}")
    assert Path(path).read_text() == "SECRET_KEY=a\n"
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == [".env"]


def test_a_new_file_that_cannot_be_taken_away_is_named(env_file, tmp_path, flagged, monkeypatch):
    path = env_file()
    flagged(tmp_path, "a")
    monkeypatch.setattr(env_file_editor, "_flags", lambda place: 0)  # as where a file system does not tell them
    for act in (destination_interface.rehearse, destination_interface.write):
        with pytest.raises(RotationError) as refused:
            act([env_file_editor.FileChange(path, "SECRET_KEY=a\n", "SECRET_KEY=b\n")])
        assert refused.value.code == "E_ENV_WRITE"
        (left,) = [entry for entry in tmp_path.iterdir() if entry.is_file() and entry != Path(path)]
        assert refused.value.changed.startswith(f"{left} contains the keys")
        with pytest.raises(RotationError, match="E_ENV_WRITE") as refused:
            env_file_editor.discard_leftover(path)
        assert str(left) in refused.value.changed
        subprocess.run(["chattr", "-a", tmp_path], check=True)
        env_file_editor.discard_leftover(path)
        subprocess.run(["chattr", "+a", tmp_path], check=True)


def test_if_one_file_is_switched_and_another_left_behind_both_are_reported(env_file, tmp_path, monkeypatch):
    first, second, rename, unlink = env_file(), tmp_path / "fields.key", os.rename, os.unlink
    second.write_text("old\n")
    second.chmod(0o600)

    def fail(private: str, place: str = "") -> None:
        if ".fields.key" in private:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), private)
        rename(private, place) if place else unlink(private)

    monkeypatch.setattr(os, "rename", fail)
    monkeypatch.setattr(os, "unlink", fail)
    with pytest.raises(RotationError) as refused:
        destination_interface.write(
            [
                env_file_editor.FileChange(first, "SECRET_KEY=a\n", "SECRET_KEY=b\n"),
                env_file_editor.FileChange(str(second), "old\n", "new\n"),
            ]
        )
    assert refused.value.changed.startswith(
        f"Already written, unless a power failure undoes it: {first}. {tmp_path}/.fields"
    )


def test_a_file_that_may_not_be_read_is_refused(public_folder, as_ordinary_user):
    path = public_folder / ".env"
    path.write_bytes(b"SECRET_KEY=CANARY\n")
    path.chmod(0)
    assert as_ordinary_user(lambda: refusal(str(path)).code) == "E_ENV_READ"


@pytest.mark.parametrize("with_reader", [True, False], ids=["with python-dotenv", "without python-dotenv"])
@pytest.mark.parametrize(
    "template",
    [
        pytest.param("SECRET_KEY={SECRET_KEY}\nENCRYPTION_SALT={ENCRYPTION_SALT}\n", id="plain"),
        pytest.param("ENCRYPTION_SALT={ENCRYPTION_SALT}\n\nA=1\nSECRET_KEY={SECRET_KEY}\n", id="other order"),
        pytest.param("SECRET_KEY='{SECRET_KEY}'\nENCRYPTION_SALT=\"{ENCRYPTION_SALT}\"\n", id="quotes"),
        pytest.param("A=1\r\nSECRET_KEY={SECRET_KEY}\r\nENCRYPTION_SALT='{ENCRYPTION_SALT}'\r\nB=2\r\n", id="CRLF"),
        pytest.param("SECRET_KEY={SECRET_KEY}\nENCRYPTION_SALT={ENCRYPTION_SALT}", id="no final newline"),
        pytest.param("export SECRET_KEY={SECRET_KEY}\nexport  ENCRYPTION_SALT='{ENCRYPTION_SALT}'\n", id="export"),
        pytest.param("SECRET_KEY={SECRET_KEY}  # ours\nENCRYPTION_SALT='{ENCRYPTION_SALT}' # 'too'\n", id="comments"),
        pytest.param("\ufeffSECRET_KEY={SECRET_KEY}\nENCRYPTION_SALT={ENCRYPTION_SALT}\n", id="BOM"),
        pytest.param("  SECRET_KEY = {SECRET_KEY}\t \n\tENCRYPTION_SALT\t=\t{ENCRYPTION_SALT}\n", id="blanks"),
        pytest.param(
            "# SECRET_KEY=x\nA='\\n' # ü\nSECRET_KEY={SECRET_KEY}\n\n\n  \nDATABASE_URL=postgres://u:p@h/d?x=1#y\n"
            "NAME=Žluťoučký kůň रवि 🔑\nENCRYPTION_SALT={ENCRYPTION_SALT}\nSECRET_KEY_2=z\nMY_SECRET_KEY=q\n",
            id="other lines",
        ),
    ],
)
def test_only_the_values_change_and_every_other_byte_stays(env_file, request, template, with_reader):
    if with_reader:
        pytest.importorskip("dotenv")
    else:
        request.getfixturevalue("no_python_dotenv")
    path = env_file(template.format(**OLD).encode())
    text = env_file_editor.read_text(path)
    assert env_file_editor.read(path, list(OLD)) == OLD
    destination_interface.write([env_file_editor.FileChange(path, text, env_file_editor.rewritten(text, NEW, path))])
    assert Path(path).read_bytes() == template.format(**NEW).encode()
    assert env_file_editor.read(path, list(NEW)) == NEW


@pytest.mark.parametrize("quote", ["", "'", '"'], ids=["bare", "single quotes", "double quotes"])
def test_odd_old_values_come_back_to_the_byte(quote):
    made = random.Random(quote)
    for _attempt in range(300):
        value = "".join(made.choices(DJANGO_ALPHABET, k=50))
        if value.startswith("#") and not quote:
            continue  # refused: see above
        text = f"A=1\nSECRET_KEY={quote}{value}{quote}  # note\r\nB=2"
        assert env_file_editor.assignments(text, ["SECRET_KEY"], "/.env")["SECRET_KEY"].value == value
        there = env_file_editor.rewritten(text, {"SECRET_KEY": NEW["SECRET_KEY"]}, "/.env")
        assert there == f"A=1\nSECRET_KEY={quote}{NEW['SECRET_KEY']}{quote}  # note\r\nB=2"
        assert env_file_editor.rewritten(there, {"SECRET_KEY": value}, "/.env") == text


@pytest.mark.parametrize(
    ("old_line", "value", "new_line"),
    [
        ("SECRET_KEY=a", "b #c", "SECRET_KEY='b #c'"),
        ("SECRET_KEY=a", "#b", "SECRET_KEY='#b'"),
        ("SECRET_KEY=a", " b ", "SECRET_KEY=' b '"),
        ("SECRET_KEY=a", "'b", 'SECRET_KEY="\'b"'),
        ("SECRET_KEY='a'", "b'c", 'SECRET_KEY="b\'c"'),
        ('SECRET_KEY="a"', 'b"c', "SECRET_KEY='b\"c'"),
        ("SECRET_KEY=a", "b'c\"d\\e", "SECRET_KEY=b'c\"d\\e"),
    ],
)
def test_a_value_is_quoted_otherwise_only_if_it_must_be(old_line, value, new_line):
    assert env_file_editor.rewritten(old_line, {"SECRET_KEY": value}, "/.env") == new_line


@pytest.mark.parametrize(
    "value", ["CANARY${A}", "'CANARY\"", "'CANARY\\", "CANARY\n", "\nCANARY", "CAN\nARY", "CAN\rARY", "CANARY\r\n"]
)
def test_a_value_that_no_quoting_brings_back_is_refused(value):
    with pytest.raises(RotationError) as refused:
        env_file_editor.rewritten("A=1\nSECRET_KEY=a\n", {"SECRET_KEY": value}, "/.env")
    assert (refused.value.code, refused.value.where["line"]) == ("E_ENV_SYNTAX", 2)
    assert "CANARY" not in str(refused.value)


@pytest.mark.parametrize("with_reader", [True, False], ids=["with python-dotenv", "without python-dotenv"])
@pytest.mark.parametrize(
    "character",
    ["\u2028", "\u2029", "\x85", "\f", "\v", "\x1c", "\x1e"],
    ids=lambda character: f"U+{ord(character):04X}",
)
def test_a_character_that_ends_no_line_for_readers_ends_none_here(env_file, request, character, with_reader):
    if with_reader:
        pytest.importorskip("dotenv")
    else:
        request.getfixturevalue("no_python_dotenv")
    template = f"# a{character}SECRET_KEY=CANARY\nA='x{character}SECRET_KEY=CANARY'\nSECRET_KEY='{{}}'\nB={character}\n"
    path = env_file(template.format("old").encode())
    text = env_file_editor.read_text(path)
    assert env_file_editor.read(path, ["SECRET_KEY"]) == {"SECRET_KEY": "old"}
    destination_interface.write(
        [env_file_editor.FileChange(path, text, env_file_editor.rewritten(text, {"SECRET_KEY": "new"}, path))]
    )
    assert Path(path).read_bytes() == template.format("new").encode()


@pytest.mark.parametrize("character", ["\u2028", "\x85", "\f"])
def test_such_a_character_inside_a_quoted_value_is_part_of_it(env_file, character):
    path = env_file(f"A=1\nSECRET_KEY='a{character}b'\nSALT=s\n".encode())
    assert env_file_editor.read(path, ["SECRET_KEY", "SALT"]) == {"SECRET_KEY": f"a{character}b", "SALT": "s"}


def test_lines_are_counted_as_readers_count_them(env_file):
    assert refusal(env_file("# \u2028\x85\f\v\nSECRET_KEY=\n".encode())).where["line"] == 2


def test_a_first_look_takes_the_names_that_are_set(env_file):
    path = env_file(b"# SALT=no\n  export SECRET_KEY = a\nMY_SALT=x\n")
    assert env_file_editor.read(path, ["SECRET_KEY", "SALT"], every=False) == {"SECRET_KEY": "a"}
    with pytest.raises(RotationError, match="E_ENV_KEY_MISSING"):
        env_file_editor.read(path, ["SECRET_KEY", "SALT"])


def test_a_first_look_needs_no_name_at_all(env_file):
    assert env_file_editor.read(env_file(b"A=1\n"), ["SECRET_KEY", "SALT"], every=False) == {}


def test_a_key_that_is_not_set_names_the_variable_that_lists_the_others_and_guesses_none_of_them(env_file):
    """The remedy for an application without ENCRYPTION_SALT, which the default keys name."""
    line = Containing("key_rotation_keys: [...]", "the plan playbook")
    with expect_error("E_ENV_KEY_MISSING", name="SALT", line=line) as refused:
        env_file_editor.read(env_file(b"SECRET_KEY=a\n"), ["SECRET_KEY", "SALT"])
    assert "{name: " not in refused.value.todo


def test_everything_that_a_file_sets_is_read_but_for_lines_that_are_refused(env_file):
    path = env_file(b"A=1\n export B = 'x'\n# C=3\nD=1\nD=2\nE=\n")
    assert env_file_editor.everything(path) == {"A": "1", "B": "x"}


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"SECRET_KEY=a\nSALT=\n", "E_ENV_KEY_EMPTY"), (b"SECRET_KEY=a\nSECRET_KEY=b\n", "E_ENV_DUPLICATE")],
)
def test_a_first_look_refuses_what_is_set_wrong(env_file, content, code):
    with pytest.raises(RotationError, match=code):
        env_file_editor.read(env_file(content), ["SECRET_KEY", "SALT"], every=False)


def test_an_assignment_never_shows_its_value():
    found = env_file_editor.assignments("SECRET_KEY=CANARY\n", ["SECRET_KEY"], "/.env")
    assert "CANARY" not in repr(found)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400, 0o440])
def test_the_mode_stays(env_file, mode):
    path = env_file(mode=mode)
    destination_interface.write([env_file_editor.FileChange(path, "SECRET_KEY=a\n", "SECRET_KEY=b\n")])
    assert stat.S_IMODE(os.stat(path).st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_owner_stays(env_file):
    path = env_file()
    os.chown(path, 1234, 2345)
    destination_interface.write([env_file_editor.FileChange(path, "SECRET_KEY=a\n", "SECRET_KEY=b\n")])
    found = os.stat(path)
    assert (found.st_uid, found.st_gid) == (1234, 2345)
    assert Path(path).read_text() == "SECRET_KEY=b\n"


def test_a_file_changed_meanwhile_is_left_as_it_is(env_file):
    path = env_file(b"SECRET_KEY=theirs\n")
    with pytest.raises(RotationError) as refused:
        destination_interface.write([env_file_editor.FileChange(path, "SECRET_KEY=a\n", "SECRET_KEY=b\n")])
    assert refused.value.code == "E_ENV_CHANGED"
    assert Path(path).read_text() == "SECRET_KEY=theirs\n"


def test_what_a_killed_run_left_is_taken_away(env_file, tmp_path):
    path = env_file()
    (tmp_path / "..env.key_rotation.tmp").write_text("SECRET_KEY=CANARY\n")
    destination_interface.write([env_file_editor.FileChange(path, "SECRET_KEY=a\n", "SECRET_KEY=b\n")])
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == [".env"]
    assert Path(path).read_text() == "SECRET_KEY=b\n"


def test_a_rehearsal_writes_and_reads_back_and_leaves_nothing(env_file, tmp_path, monkeypatch):
    path = env_file()
    before, seen = os.stat(path), []
    real = env_file_editor.read_text
    monkeypatch.setattr(
        env_file_editor,
        "read_text",
        lambda place, **options: seen.append((place, real(place))) or real(place, **options),
    )
    destination_interface.rehearse([env_file_editor.FileChange(path, "SECRET_KEY=a\n", "SECRET_KEY=b\n")])
    assert [text for _, text in seen] == ["SECRET_KEY=a\n", "SECRET_KEY=b\n"]
    assert seen[0][0] == path
    assert seen[1][0].startswith(str(tmp_path / "..env.key_rotation."))
    after = os.stat(path)
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == [".env"]


def test_what_is_renamed_is_what_this_run_wrote(env_file, monkeypatch):
    """A second writer that begins just before the first one's rename cannot make it rename half a file."""
    path, real = env_file(), os.rename

    def rename(private: str, place: str) -> None:
        monkeypatch.setattr(os, "rename", real)
        with atomic_file.prepared(path, b"") as other:
            assert other != private
            real(private, place)
            os.unlink(other)

    monkeypatch.setattr(os, "rename", rename)
    monkeypatch.setattr(atomic_file, "discard_leftover", lambda path: None)  # as on another machine, on one NFS
    destination_interface.write([env_file_editor.FileChange(path, "SECRET_KEY=a\n", "SECRET_KEY=b\n")])
    assert Path(path).read_text() == "SECRET_KEY=b\n"


def test_runs_on_one_machine_hold_the_folder_against_each_other(env_file):
    """Two inventory names of one machine: each run looks and switches while no other one does."""
    path, other = env_file(), "SECRET_KEY=b\n"
    done, begun = os.pipe(), os.pipe()

    def turn() -> bool:
        with env_file_editor.held([path]):
            text = env_file_editor.read_text(path)
            env_file_editor.discard_leftover(path)
            destination_interface.write(
                [env_file_editor.FileChange(path, text, other if text != other else "SECRET_KEY=a\n")]
            )
        return True

    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            try:
                os.close(begun[1])
                os.read(begun[0], 1)  # all at once
                os.write(done[1], bytes([all(turn() for _ in range(40))]))
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    for end in begun:
        os.close(end)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    assert os.read(done[0], 9) == b"\1\1\1"
    for end in done:
        os.close(end)
    assert Path(path).read_text() == "SECRET_KEY=a\n", "120 turns"
    assert [entry for entry in Path(path).parent.iterdir() if entry.is_file()] == [Path(path)]


def test_several_files_are_whole_next_to_the_old_ones_before_the_first_is_switched(env_file, tmp_path):
    first, second = env_file(), tmp_path / "fields.key"
    second.write_text("theirs\n")
    second.chmod(0o600)
    with expect_error("E_ENV_CHANGED", path=str(second), changed_nothing=True):
        destination_interface.write(
            [
                env_file_editor.FileChange(first, "SECRET_KEY=a\n", "SECRET_KEY=b\n"),
                env_file_editor.FileChange(str(second), "old\n", "new\n"),
            ]
        )
    assert (Path(first).read_text(), second.read_text()) == ("SECRET_KEY=a\n", "theirs\n")
    assert sorted(entry.name for entry in tmp_path.iterdir() if entry.is_file()) == [".env", "fields.key"]


def test_a_switch_that_fails_after_the_first_file_says_which_are_written(env_file, tmp_path, monkeypatch):
    first, second, real = env_file(), tmp_path / "fields.key", os.rename
    second.write_text("old\n")
    second.chmod(0o600)

    def rename(private: str, place: str) -> None:
        if place == str(second):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(private, place)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(RotationError) as refused:
        destination_interface.write(
            [
                env_file_editor.FileChange(first, "SECRET_KEY=a\n", "SECRET_KEY=b\n"),
                env_file_editor.FileChange(str(second), "old\n", "new\n"),
            ]
        )
    assert (refused.value.code, refused.value.where["path"]) == ("E_ENV_WRITE", str(second))
    assert refused.value.changed.endswith(f": {first}.")
    assert (Path(first).read_text(), second.read_text()) == ("SECRET_KEY=b\n", "old\n")
    assert sorted(entry.name for entry in tmp_path.iterdir() if entry.is_file()) == [".env", "fields.key"]


def test_what_does_not_read_back_is_never_switched_to(env_file, tmp_path, monkeypatch):
    path = env_file()
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: os.truncate(descriptor, 3) or real(descriptor))
    for act in (destination_interface.rehearse, destination_interface.write):
        with expect_error("E_ENV_READBACK", path=path, changed_nothing=True):
            act([env_file_editor.FileChange(path, "SECRET_KEY=a\n", "SECRET_KEY=b\n")])
    assert Path(path).read_text() == "SECRET_KEY=a\n"
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == [".env"]


def test_a_write_that_fails_leaves_the_file_and_nothing_next_to_it(env_file, tmp_path, full_disk):
    path = env_file()
    with full_disk(), pytest.raises(RotationError) as refused:
        destination_interface.write([env_file_editor.FileChange(path, "SECRET_KEY=a\n", "SECRET_KEY=CANARY\n")])
    assert refused.value.code == "E_ENV_WRITE"
    assert "CANARY" not in str(refused.value)
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == [".env"]
    assert Path(path).read_text() == "SECRET_KEY=a\n"


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "Free space"),
        (errno.EDQUOT, "Free space"),
        (errno.EROFS, "Mount its file system writable"),
        (errno.EACCES, f"Give {pwd.getpwuid(os.geteuid()).pw_name} write permission"),
        (errno.EPERM, f"Give {pwd.getpwuid(os.geteuid()).pw_name} write permission"),
        (errno.EIO, "Fix the cause"),
    ],
)
def test_what_to_do_depends_on_what_the_system_says(env_file, monkeypatch, number, advice):
    def fail(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(RotationError) as refused:
        destination_interface.write([env_file_editor.FileChange(env_file(), "SECRET_KEY=a\n", "SECRET_KEY=b\n")])
    assert (refused.value.code, refused.value.where["reason"]) == ("E_ENV_WRITE", os.strerror(number))
    assert refused.value.todo.startswith(advice)


def test_a_file_system_that_is_read_only_is_reported_as_one(env_file, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root mounts")
    path, folder = env_file(), str(tmp_path)
    if subprocess.run(["mount", "--bind", folder, folder], capture_output=True, check=False).returncode != 0:
        pytest.skip("no mounts are allowed here")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        with expect_error("E_ENV_WRITE", reason=Containing("read-only"), advice=Containing("writable")):
            env_file_editor.refuse_unwritable(path)
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize(("folder_mode", "file_mode"), [(0o755, 0o444), (0o555, 0o666)], ids=["file", "folder"])
def test_missing_rights_are_reported_before_anything_is_written(
    public_folder, as_ordinary_user, folder_mode, file_mode
):
    path = public_folder / ".env"
    path.write_bytes(b"SECRET_KEY=a\n")
    path.chmod(file_mode)
    public_folder.chmod(folder_mode)

    def asked() -> str:
        with pytest.raises(RotationError) as refused:
            env_file_editor.refuse_unwritable(str(path))
        return f"{refused.value.code} {refused.value.where['reason']}"

    named = path if file_mode == 0o444 else public_folder
    assert as_ordinary_user(asked) == f"E_ENV_WRITE no write permission on {named}"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a file of another user")
def test_a_file_of_somebody_else_is_refused_before_anything_is_written(public_folder, as_ordinary_user):
    path = public_folder / ".env"
    path.write_bytes(b"SECRET_KEY=a\n")
    path.chmod(0o666)
    public_folder.chmod(0o777)

    def asked() -> str:
        with pytest.raises(RotationError) as refused:
            env_file_editor.refuse_unwritable(str(path))
        return f"{refused.value.code} {refused.value.where['reason']}"

    assert as_ordinary_user(asked) == "E_ENV_WRITE only its owner and root can keep its owner"
    os.chown(path, NOBODY, NOBODY)
    assert as_ordinary_user(lambda: str(env_file_editor.refuse_unwritable(str(path)))) == "None"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a file of another group")
@pytest.mark.parametrize("act", ["ask", "rehearse"])
def test_a_file_of_a_group_that_its_owner_is_not_in_is_refused_with_that_reason(public_folder, as_ordinary_user, act):
    path = public_folder / ".env"
    path.write_bytes(b"SECRET_KEY=a\n")
    path.chmod(0o640)
    os.chown(path, NOBODY, 2345)
    public_folder.chmod(0o777)
    change = env_file_editor.FileChange(str(path), "SECRET_KEY=a\n", "SECRET_KEY=b\n")

    def asked() -> str:
        with pytest.raises(RotationError) as refused:
            env_file_editor.refuse_unwritable(str(path)) if act == "ask" else change.rehearse()
        return f"{refused.value.code} {refused.value.where['reason']} {refused.value.todo}"

    name = pwd.getpwuid(NOBODY).pw_name
    assert as_ordinary_user(asked) == (
        f"E_ENV_WRITE a new file of {name} cannot keep its owner {name} and its group 2345 "
        f"Add {name} to the group 2345, or change that of the file."
    )
    os.chown(public_folder, -1, 2345)
    public_folder.chmod(0o2777)  # it gives its group
    assert as_ordinary_user(lambda: str(env_file_editor.refuse_unwritable(str(path)))) == "None"


def test_a_user_whom_the_system_has_no_name_for_is_reported_by_number(env_file, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 987654321)
    with expect_error("E_ENV_WRITE", advice=Containing("987654321")):
        env_file_editor.refuse_unwritable(env_file())


def test_enough_rights_are_not_refused(env_file):
    path = env_file()
    assert env_file_editor.refuse_unwritable(path) is None
