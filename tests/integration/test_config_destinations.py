# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys in a configuration file or in the settings module itself: what test_destinations does not ask of every place."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from .conftest import Site
from .destinations import PLACES, Place, move_keys  # noqa: F401  # a fixture


@pytest.mark.thorough
def test_a_key_that_was_changed_by_hand_is_reported_with_its_file(
    move_keys: Callable[[str], Place], site: Site
) -> None:
    values = site.env_values()
    place = move_keys("toml")
    assert site.play("rotate").code == 0
    place.file.write_bytes(place.file.read_bytes().replace(b'secret = "', b'secret = "x'))
    refused = site.play("rotate")
    text = " ".join(refused.text.split())
    assert "E_KEYS_DIFFER" in text
    assert f"{place.file} contains the keys" in text
    assert not any(value in refused.text for value in values.values())


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
    line = 1 + old.splitlines().index("FERNET_KEYS = [")
    move = f'{settings}:{line}: - FERNET_KEYS = ... + FERNET_KEYS = os.environ["FERNET_KEYS"].split(",")'
    assert move in " ".join(rotated.text.split())
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
            "not a literal",
        ),
        ("python", b"_OTHER = ", b"SECRET_KEY = ", "E_CONFIG_VALUE", "is set several times (lines 2, 4)"),
    ],
)
def test_what_cannot_be_replaced_is_refused_before_anything_changes(
    move_keys: Callable[[str], Place], site: Site, name: str, before: bytes, after: bytes, code: str, words: str
) -> None:
    values = site.env_values()
    place = move_keys(name)
    content = place.file.read_bytes()
    assert before in content
    place.file.write_bytes(content.replace(before, after))
    tokens = site.tokens()
    refused = site.play("rotate")
    text = " ".join(refused.text.split())
    assert (refused.code != 0, code in text, words in text) == (True, True, True), refused.text
    assert (site.tokens(), place.file.read_bytes()) == (tokens, content.replace(before, after))
    assert not any(value in refused.text for value in values.values())


def test_a_file_that_the_application_does_not_read_is_refused(move_keys: Callable[[str], Place], site: Site) -> None:
    place = move_keys("toml")
    other = place.file.with_name("other.toml")
    other.write_bytes(place.file.read_bytes())
    other.chmod(0o600)
    PLACES["toml"].list_keys(site, other)
    tokens = site.tokens()
    refused = site.play("rotate")
    assert "E_ENV_NOT_READ" in refused.text, "the settings have these values, and from another file"
    assert site.tokens() == tokens
