# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations import key_destinations
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error

ARMORED = "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nCANARY\n=abcd\n-----END PGP PRIVATE KEY BLOCK-----"


@pytest.fixture
def place(tmp_path):
    """A .env file with one key, a key file with two, and the description of both."""
    env, listed = tmp_path / ".env", tmp_path / "fields.key"
    env.write_text("SECRET_KEY='CANARY-a'\n")
    listed.write_text("CANARY-new\n\n  CANARY-old  \n")
    for path in (env, listed):
        path.chmod(0o600)
    return str(env), [{"name": "SECRET_KEY", "destination": None}, {"name": "FIELDS", "destination": str(listed)}]


def test_a_key_file_is_a_list_of_which_the_first_one_writes(place):
    assert key_destinations.read(*place) == {"SECRET_KEY": "CANARY-a", "FIELDS": "CANARY-new,CANARY-old"}


def test_keys_in_files_alone_need_no_env_file(place):
    assert key_destinations.read(None, place[1][1:]) == {"FIELDS": "CANARY-new,CANARY-old"}
    with pytest.raises(RotationError, match="E_OPTION"):
        key_destinations.read(None, place[1])


def test_only_files_that_differ_are_changed(place):
    env, keys = place
    both = key_destinations.changes(env, keys, {"SECRET_KEY": "b", "FIELDS": "fresh,CANARY-new"}, "dotenv")
    assert [(change.path, change.new_text) for change in both] == [
        (env, "SECRET_KEY='b'\n"),
        (keys[1]["destination"], "fresh\nCANARY-new\n"),
    ]
    (one,) = key_destinations.changes(env, keys, {"SECRET_KEY": "CANARY-a", "FIELDS": "fresh"}, "dotenv")
    assert one.path == keys[1]["destination"]


@pytest.mark.parametrize(
    ("text", "line"), [("", 1), ("\n\n", 1), ("a,b\n", 1), ("a\nb c\n", 2), ("a\n# a comment\n", 2)]
)
def test_what_is_no_list_of_keys_is_refused_by_its_line(place, text, line):
    with open(place[1][1]["destination"], "w") as handle:
        handle.write(text)
    for refused in (
        key_destinations.read,
        lambda *args: key_destinations.changes(*args, {"SECRET_KEY": "b", "FIELDS": "c"}, "dotenv"),
    ):
        with pytest.raises(RotationError) as told:
            refused(*place)
        assert (told.value.code, told.value.where["line"]) == ("E_KEY_LINE", line)


def test_every_file_is_asked_for_its_rights_before_anything_is_changed(place, as_ordinary_user, public_folder):
    path = public_folder / "fields.key"
    path.write_text("CANARY\n")

    def asked() -> str:
        with pytest.raises(RotationError) as refused:
            key_destinations.refuse_unwritable(place[0], [{"name": "FIELDS", "destination": str(path)}])
        return str(refused.value)

    path.chmod(0o444)
    assert as_ordinary_user(asked).startswith(f"E_ENV_WRITE: {path}")


@pytest.mark.parametrize(
    ("text", "new"), [("a", "b\nc"), ("a\n", "b\nc\n"), ("a\r\nz\r\n", "b\r\nc\r\n"), ("a\n\n", "b\nc\n")]
)
def test_a_file_ends_as_it_ended(place, text, new):
    """An application may read a file with one key as it stands, and take a line's end for a part of the key."""
    with open(place[1][1]["destination"], "w", newline="") as handle:
        handle.write(text)
    (change,) = key_destinations.changes(place[0], place[1][1:], {"FIELDS": "b,c"}, "dotenv")
    assert change.new_text == new


@pytest.mark.parametrize("second", ["fields.key", "here/fields.key", ".env"])
def test_two_keys_never_have_one_file(place, tmp_path, second):
    (tmp_path / "here").symlink_to(tmp_path)
    other = {"name": "OTHER", "destination": str(tmp_path / second)}
    for refused in (key_destinations.read, key_destinations.paths):
        with expect_error("E_OPTION", option="keys", fault=Containing("the destination", "twice")):
            refused(place[0], [*place[1], other])


@pytest.mark.parametrize("end", ["\0", "\ud800", "/../x"])
def test_a_path_that_no_file_can_have_is_refused_with_what_can_be_shown_of_it(place, end):
    """As the system sees them first, where paths are compared."""
    env, (secret, listed) = place
    odd = {**listed, "destination": listed["destination"] + end}
    for env_file, keys in ((env + end, [secret]), (env, [secret, odd])):
        for refused in (key_destinations.read, key_destinations.paths):
            with pytest.raises(RotationError) as told:
                refused(env_file, keys)
            assert told.value.code == "E_ENV_PATH"
            assert str(told.value).isprintable()


def test_what_is_switched_together_is_what_one_file_has(place):
    assert key_destinations.together([*place[1], {"name": "SALT"}]) == [["SECRET_KEY", "SALT"], ["FIELDS"]]
    assert key_destinations.together(place[1][1:]) == [["FIELDS"]]


@pytest.mark.parametrize("around", ["{}", "{}\n", "\n{}\n\n"])
def test_an_openpgp_key_is_a_file_of_its_own(place, around):
    env, (_, key) = place
    with open(key["destination"], "w") as handle:
        handle.write(around.format(ARMORED))
    assert key_destinations.read(env, [key]) == {"FIELDS": ARMORED}
    (change,) = key_destinations.changes(env, [key], {"FIELDS": ARMORED.replace("a", "b")}, "dotenv")
    assert change.new_text == ARMORED.replace("a", "b") + ("\n" if around.endswith("\n") else "")


@pytest.mark.parametrize(
    "text", [f"{ARMORED}\nmore", ARMORED.replace("\n\n", "\nComment: a, b\n\n"), ARMORED.replace("\n", "\r\n")]
)
def test_an_openpgp_key_with_more_than_that_is_refused(place, text):
    with open(place[1][1]["destination"], "w", newline="") as handle:
        handle.write(text)
    with pytest.raises(RotationError, match="E_KEY_LINE"):
        key_destinations.read(place[0], place[1][1:])


def test_places_are_called_what_a_person_calls_them_without_a_look_at_the_host():
    keys = [
        {"name": "A"},
        {"name": "B", "destination": "/app/b.key"},
        {"name": "C", "destination": {"file": "/app/c.toml", "path": "c"}},
        {"name": "D", "destination": {"file": "/app/c.toml", "path": "d"}},
        {"name": "E", "destination": {"unit": ["web", "worker"]}},
        {"name": "F", "destination": {"read": ["/bin/platform", "get"], "write": ["/bin/platform", "set"]}},
    ]
    places = "/app/.env, /app/b.key, the command /bin/platform, /app/c.toml, unit web, unit worker"
    assert key_destinations.described("/app/.env", keys) == places
    assert key_destinations.described("/app/.env", keys[1:2]) == "/app/b.key"
