# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys in a configuration file or in the settings module itself: planned, rotated, verified, rolled back, resumed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from .conftest import Site
from .test_resume import kill_when, wait_until_gone
from .test_rotate import sampled_processes

TOML = """\
# Settings of the application\r
[vault]\r
secret = "{secret}" # {secret}\r
salt = '{salt}'\r
note = "{salt}"\r
"""
TOML_READ = """
import tomllib
with open(BASE_DIR / "app.toml", "rb") as handle:
    _vault = tomllib.load(handle)["vault"]
SECRET_KEY, ENCRYPTION_SALT = _vault["secret"], _vault["salt"].encode()
"""
INI = "[app:main]\n; the keys\nsecret = {secret}\nsalt: {salt}\nempty =\n"
INI_READ = """
import configparser
_parser = configparser.ConfigParser()
_parser.read(BASE_DIR / "app.ini")
SECRET_KEY, ENCRYPTION_SALT = _parser["app:main"]["secret"], _parser["app:main"]["salt"].encode()
"""
JSON = '{{"vault": {{"secret":"{secret}",\n  "salt" : "{salt}"}}, "other": ["{salt}", null, 1.50]}}'
JSON_READ = """
import json
_vault = json.loads((BASE_DIR / "app.json").read_text())["vault"]
SECRET_KEY, ENCRYPTION_SALT = _vault["secret"], _vault["salt"].encode()
"""
MODULE = "# é\nSECRET_KEY = '{secret}'  # é\nENCRYPTION_SALT: bytes = b\"{salt}\"\nOTHER = '{secret}'\n"
MODULE_READ = "\nfrom food_ordering.keys import *\n"


@dataclass
class Kind:
    """A file with the two keys: its text, how the settings read it, and the destination of each."""

    file: str
    text: str
    read: str
    paths: tuple[str | None, str | None]


KINDS = {
    "toml": Kind("app.toml", TOML, TOML_READ, ("vault.secret", "vault.salt")),
    "ini": Kind("app.ini", INI, INI_READ, ("app:main.secret", "app:main.salt")),
    "json": Kind("app.json", JSON, JSON_READ, ("vault.secret", "vault.salt")),
    "python": Kind("food_ordering/keys.py", MODULE, MODULE_READ, (None, None)),
}


@dataclass
class Kept:
    """An application whose keys are there and nowhere else."""

    site: Site
    kind: Kind
    path: Path

    def write_inventory(self) -> None:
        places = [{"file": str(self.path), "path": path} for path in self.kind.paths]
        names = ("SECRET_KEY", "ENCRYPTION_SALT")
        keys = [{"name": name, "destination": place} for name, place in zip(names, places)]
        self.site.write_inventory(key_rotation_keys=keys)


@pytest.fixture
def kept(site: Site) -> Callable[[str], Kept]:
    def make(name: str) -> Kept:
        kind, values = KINDS[name], site.env_values()
        path = site.project / kind.file
        path.write_bytes(kind.text.format(secret=values["SECRET_KEY"], salt=values["ENCRYPTION_SALT"]).encode())
        path.chmod(0o640)
        for variable in values:
            site.set_env(variable, "")
        settings = site.project / "food_ordering/settings.py"
        settings.write_text(settings.read_text(encoding="utf-8") + kind.read, encoding="utf-8")
        made = Kept(site, kind, path)
        made.write_inventory()
        return made

    return make


@pytest.mark.parametrize("name", [pytest.param("toml", marks=pytest.mark.thorough), "python"])
def test_it_is_planned_rotated_verified_and_rolled_back(kept: Callable[[str], Kept], site: Site, name: str) -> None:
    values = site.env_values()
    there = kept(name)
    plain, old, mode = site.read_all(), there.path.read_bytes(), there.path.stat().st_mode
    assert any(value for rows in plain.values() for row in rows for value in row[1:])
    planned = site.play("plan")
    assert planned.code == 0, planned.text
    dry = site.play("rotate", "--check", "--diff")
    assert dry.code == 0, dry.text
    assert there.path.read_bytes() == old

    with sampled_processes(values) as seen:
        rotated = site.play("rotate", "--diff")
    assert "COMPLETED" in rotated.text, rotated.text
    assert not seen, "no process had a key in its arguments or its environment"
    new = there.path.read_bytes()
    assert (site.read_all(), there.path.stat().st_mode) == (plain, mode)
    fresh = site.stored()["versions"][-1]["values"]
    expected = old.decode()
    parts = expected.splitlines(keepends=True)
    for variable, value in values.items():
        place = next(index for index, line in enumerate(parts) if value in line and not line.startswith("note"))
        parts[place] = parts[place].replace(value, fresh[variable], 1)
    assert new.decode() == "".join(parts), "every other byte is as it was"

    there.path.write_bytes(old)
    assert not any(value for rows in site.read_all().values() for row in rows for value in row[1:])
    there.path.write_bytes(new)
    verified = site.play("verify")
    assert verified.code == 0, verified.text
    back = site.play("rollback")
    assert back.code == 0, back.text
    assert there.path.read_bytes() == old
    assert (site.read_all(), there.path.stat().st_mode) == (plain, mode)
    for value in (*values.values(), *fresh.values()):
        assert value not in planned.text + dry.text + rotated.text + verified.text + back.text


def test_a_key_that_was_changed_by_hand_is_told_with_its_file(kept: Callable[[str], Kept], site: Site) -> None:
    values = site.env_values()
    there = kept("toml")
    assert site.play("rotate").code == 0
    there.path.write_bytes(there.path.read_bytes().replace(b'secret = "', b'secret = "x'))
    refused = site.play("rotate")
    text = " ".join(refused.text.split())
    assert "E_KEYS_DIFFER" in text
    assert f"{there.path} holds the keys" in text
    assert not any(value in refused.text for value in values.values())


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["ini", "json"])
def test_other_formats_are_rotated_and_rolled_back(kept: Callable[[str], Kept], site: Site, name: str) -> None:
    there = kept(name)
    plain, old = site.read_all(), there.path.read_bytes()
    assert site.play("rotate").code == 0
    assert there.path.read_bytes() != old
    assert site.read_all() == plain
    assert site.play("rollback").code == 0
    assert (there.path.read_bytes(), site.read_all()) == (old, plain)


@pytest.mark.parametrize(
    ("then", "name"),
    [
        ("rotate", "toml"),
        ("rollback", "python"),
        pytest.param("rotate", "python", marks=pytest.mark.thorough),
        pytest.param("rollback", "toml", marks=pytest.mark.thorough),
    ],
)
def test_killed_after_the_switch_it_is_finished_or_rolled_back(
    kept: Callable[[str], Kept], site: Site, name: str, then: str
) -> None:
    there = kept(name)
    plain, old = site.read_all(), there.path.read_bytes()
    process = site.start("rotate")
    assert kill_when(site, process, "Switch | Re-encrypt values", lambda _: lambda _: True)
    wait_until_gone(site)
    assert there.path.read_bytes() != old

    again = site.play(then)

    assert again.code == 0, again.text
    assert (there.path.read_bytes() == old) is (then == "rollback")
    assert site.read_all() == plain
    assert len(site.stored()["versions"]) == 2
    assert site.play("verify").code == 0


@pytest.mark.parametrize("keep", [pytest.param(0, marks=pytest.mark.thorough), 1])
def test_a_list_in_the_settings_is_rotated_where_it_is(site: Site, keep: int) -> None:
    keys = [Fernet.generate_key().decode() for _ in range(2)]
    settings = site.project / "food_ordering/settings.py"
    literal = f'\nFERNET_KEYS = [\n    "{keys[0]}",  # since March\n    "{keys[1]}",\n]\n'
    settings.write_text(settings.read_text(encoding="utf-8") + literal, encoding="utf-8")
    settings.chmod(0o600)
    site.sql("CREATE TABLE remote (id int PRIMARY KEY, proxy_password text)")
    for number in range(20):
        token = Fernet(keys[number % 2]).encrypt(b"password %d" % number).decode()
        site.sql("INSERT INTO remote VALUES (%s, %s)", (number, token))
    entry = {"name": "FERNET_KEYS", "type": "fernet", "keep": keep, "destination": {"file": str(settings)}}
    listed = [{"name": "SECRET_KEY"}, {"name": "ENCRYPTION_SALT"}, entry]
    words = ("-e", json.dumps({"key_rotation_keys": listed}))
    old = settings.read_text(encoding="utf-8")

    def passwords(keys: list[str]) -> list[bytes]:
        cipher = MultiFernet([Fernet(key) for key in keys])
        return [
            cipher.decrypt(token.encode()) for (token,) in site.sql("SELECT proxy_password FROM remote ORDER BY id")
        ]

    plain = passwords(keys)
    rotated = site.play("rotate", *words)
    assert rotated.code == 0, rotated.text
    fresh = site.stored()["versions"][-1]["values"]["FERNET_KEYS"].split(",")
    assert fresh[1:] == keys[:keep], "the new key comes first"
    new = settings.read_text(encoding="utf-8")
    if keep:
        assert new == old.replace(keys[1], "\0").replace(keys[0], fresh[0]).replace("\0", keys[0])
    else:
        assert new == old.replace(f'"{keys[0]}",  # since March\n    ', "").replace(keys[1], fresh[0])
    assert passwords(fresh[:1]) == plain
    with pytest.raises(InvalidToken):
        passwords(keys)
    assert site.play("verify", *words).code == 0
    back = site.play("rollback", *words)
    assert back.code == 0, back.text
    kept = settings.read_text(encoding="utf-8")
    assert kept == old if keep else f'"{keys[0]}", "{keys[1]}",\n]\n' in kept
    assert passwords(keys) == plain
    with pytest.raises(InvalidToken):
        passwords(fresh[:1])


@pytest.mark.parametrize(
    ("name", "before", "after", "code", "words"),
    [
        ("toml", b"salt = '", b"salt = ", "E_CONFIG_SYNTAX", "app.toml:4 is not valid toml"),
        ("toml", b"salt =", b"salz =", "E_CONFIG_VALUE", "vault.salt is not set"),
        (
            "python",
            b"ENCRYPTION_SALT: bytes = b",
            b"ENCRYPTION_SALT: bytes = bytes + b",
            "E_CONFIG_VALUE",
            "no literal",
        ),
        ("python", b"OTHER = ", b"SECRET_KEY = ", "E_CONFIG_VALUE", "is set several times (lines 2, 4)"),
    ],
)
def test_what_cannot_be_replaced_is_refused_before_anything_changes(
    kept: Callable[[str], Kept], site: Site, name: str, before: bytes, after: bytes, code: str, words: str
) -> None:
    values = site.env_values()
    there = kept(name)
    content = there.path.read_bytes()
    assert before in content
    there.path.write_bytes(content.replace(before, after))
    tokens = site.tokens()
    refused = site.play("rotate")
    text = " ".join(refused.text.split())
    assert (refused.code != 0, code in text, words in text) == (True, True, True), refused.text
    assert (site.tokens(), there.path.read_bytes()) == (tokens, content.replace(before, after))
    assert not any(value in refused.text for value in values.values())


def test_a_file_that_the_application_does_not_read_is_refused(kept: Callable[[str], Kept], site: Site) -> None:
    there = kept("toml")
    other = there.path.with_name("other.toml")
    other.write_bytes(there.path.read_bytes())
    other.chmod(0o600)
    keys = [
        {"name": "SECRET_KEY", "destination": {"file": str(other), "path": "vault.secret"}},
        {"name": "ENCRYPTION_SALT", "destination": {"file": str(other), "path": "vault.salt"}},
    ]
    site.write_inventory(key_rotation_keys=keys)
    tokens = site.tokens()
    refused = site.play("rotate")
    assert "E_ENV_NOT_READ" in refused.text, "the settings have these values, and from another file"
    assert site.tokens() == tokens
