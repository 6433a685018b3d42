# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key in a file of its own, one key per line, beside those of the .env: found, rotated, taken back."""

from __future__ import annotations

import json
import re
import subprocess
import textwrap
from pathlib import Path

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.openpgp_pair import OpenPgpPair
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from ansible_collections.tetech.key_rotation.tests.key_pairs import key_pair
from cryptography.fernet import Fernet, MultiFernet

from .conftest import Site, thorough
from .test_resume import kill_when, wait_until_gone


@pytest.fixture
def key_file(site: Site) -> Path:
    """As pulpcore has it: a setting names the file; jsonb leaves and a text column are under its keys."""
    path = site.project / "fields.key"
    keys = [Fernet.generate_key().decode() for _ in range(2)]
    path.write_text("\n".join(keys) + "\n", encoding="utf-8")
    path.chmod(0o600)
    settings = site.project / "food_ordering/settings.py"
    settings.write_text(settings.read_text() + '\nDB_ENCRYPTION_KEY = str(BASE_DIR / "fields.key")\n', encoding="utf-8")
    fill(site, list(map(Fernet, keys)))
    return path


def fill(site: Site, ciphers: list[Fernet]) -> None:
    site.sql("CREATE TABLE remote (id int PRIMARY KEY, proxy_password text, headers jsonb)")
    for number in range(40):
        cipher = ciphers[number % len(ciphers)]
        token = cipher.encrypt(f"password {number}".encode()).decode()
        leaves = {"headers": [{"Authorization": cipher.encrypt(b"Bearer %d" % number).decode()}], "clear": "text"}
        site.sql("INSERT INTO remote VALUES (%s, %s, %s)", (number, token, json.dumps(leaves)))


def opened(site: Site, key_file: Path) -> list[tuple[bytes, bytes]]:
    cipher = MultiFernet([Fernet(line) for line in key_file.read_text().split()])
    rows = site.sql("SELECT proxy_password, headers FROM remote ORDER BY id")
    return [
        (cipher.decrypt(token.encode()), cipher.decrypt(leaves["headers"][0]["Authorization"].encode()))
        for token, leaves in rows
    ]


def variables(key_file: Path) -> str:
    keys = [
        {"name": "SECRET_KEY"},
        {"name": "ENCRYPTION_SALT"},
        {"name": "DB_ENCRYPTION_KEY", "type": "fernet", "destination": str(key_file)},
    ]
    return json.dumps({"key_rotation_keys": keys, "key_rotation_plan": str(key_file.parent.parent / "plan.yml")})


@pytest.mark.thorough
def test_a_key_file_is_rotated_and_rolled_back(site: Site, key_file: Path) -> None:
    before, keys, plain = site.read_all(), key_file.read_text(), opened(site, key_file)
    planned = site.play("plan", "-e", variables(key_file))
    assert planned.code == 0, planned.text
    targets = {target["column"]: target for target in yaml.safe_load((site.folder / "plan.yml").read_text())["targets"]}
    for column in ("remote.proxy_password", "remote.headers"):
        assert targets[column]["settings"] == ["DB_ENCRYPTION_KEY"]
        assert targets[column]["reads_several_keys"]
        assert (targets[column]["classes"]["current"], targets[column]["under_later_keys"]) == (40, {"2": 20})
    assert "not all values are under the first one: 20 under key 2 of the list" in " ".join(planned.text.split())

    dry = site.play("rotate", "-e", variables(key_file), "--check", "--diff")
    assert dry.code == 0, dry.text
    assert key_file.read_text() == keys

    rotated = site.play("rotate", "-e", variables(key_file))
    assert rotated.code == 0, rotated.text
    (fresh,) = key_file.read_text().split()
    assert fresh not in keys
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert opened(site, key_file) == plain
    assert site.read_all() == before
    stored = site.sql("SELECT headers->>'clear' FROM remote")
    assert {text for (text,) in stored} == {"text"}

    back = site.play("rollback", "-e", variables(key_file))
    assert back.code == 0, back.text
    assert key_file.read_text() == keys
    assert opened(site, key_file) == plain
    assert site.read_all() == before
    for key in (*keys.split(), fresh):
        assert key not in planned.text + dry.text + rotated.text + back.text


@pytest.mark.thorough
def test_a_key_file_that_is_not_listed_any_more_goes_back_with_its_rotation(site: Site, key_file: Path) -> None:
    before, keys, plain = site.read_all(), key_file.read_text(), opened(site, key_file)
    rotated = site.play("rotate", "-e", variables(key_file))
    assert rotated.code == 0, rotated.text
    assert key_file.read_text() != keys
    assert site.play("plan").error() == "E_KEY_UNLISTED"
    assert site.play("verify").code == 0
    back = site.play("rollback")
    assert back.code == 0, back.text
    assert (key_file.read_text(), opened(site, key_file), site.read_all()) == (keys, plain, before)


WRITES_ITS_KEY = """
import os
from cryptography.fernet import Fernet
os.umask(0o022)
if not (BASE_DIR / "fields.key").exists():
    (BASE_DIR / "fields.key").write_text(Fernet.generate_key().decode() + "\\n")
DB_ENCRYPTION_KEY = str(BASE_DIR / "fields.key")
"""


@pytest.mark.parametrize("then", ["rotate", thorough("rollback")])
def test_a_key_file_that_the_application_wrote_for_all_to_read_is_closed_and_rotated(site: Site, then: str) -> None:
    path, settings = site.project / "fields.key", site.project / "food_ordering/settings.py"
    settings.write_text(settings.read_text() + WRITES_ITS_KEY, encoding="utf-8")
    assert site.manage("check").code == 0
    assert path.stat().st_mode & 0o777 == 0o644
    fill(site, [Fernet(path.read_text())])
    before, keys, plain, options = site.read_all(), path.read_text(), opened(site, path), ("-e", variables(path))

    refused = site.play("rotate", *options)
    assert (refused.code != 0, refused.error()) == (True, "E_ENV_MODE"), refused.text
    assert (path.read_text(), opened(site, path)) == (keys, plain)
    (advice,) = set(re.findall(rf"chmod 0\d{{3}} {path}", " ".join(refused.text.split())))
    subprocess.run(advice.split(), check=True)

    process = site.start("rotate", *options)
    assert kill_when(site, process, "Switch | Make the new version current", lambda _: lambda _: True)
    wait_until_gone(site)
    assert path.read_text() != keys
    ended = site.play(then, *options)
    assert ended.code == 0, ended.text
    assert (path.read_text() == keys) == (then == "rollback")
    assert (opened(site, path), site.read_all()) == (plain, before)
    assert site.play("verify", *options).code == 0
    assert path.stat().st_mode & 0o777 == 0o600
    assert keys.strip() not in refused.text + ended.text


def test_a_key_file_with_more_than_keys_is_refused(site: Site, key_file: Path) -> None:
    key_file.write_text(key_file.read_text() + "# a comment\n", encoding="utf-8")
    refused = site.play("rotate", "-e", variables(key_file))
    assert refused.code != 0
    assert "E_KEY_LINE" in refused.text
    assert f"{key_file}:3" in refused.text


DERIVED = """
import base64, hashlib
FIELD_ENCRYPTION_KEY = base64.urlsafe_b64encode(hashlib.sha256(b"fields" + SECRET_KEY.encode()).digest()).decode()
"""
SHOW = "from django.conf import settings; print(settings.FIELD_ENCRYPTION_KEY)"
SALTED = {"derive": "pbkdf2_sha256", "secret": "SECRET_KEY", "salt": "ENCRYPTION_SALT", "iterations": 100_000}


@pytest.mark.thorough
def test_a_setting_that_is_made_of_a_key_is_reported_before_anything_changes(site: Site) -> None:
    settings = site.project / "food_ordering/settings.py"
    settings.write_text(settings.read_text() + DERIVED, encoding="utf-8")
    shown = site.manage("shell", "--verbosity=0", "--command", SHOW)
    token = Fernet(shown.text.split()[-1]).encrypt(b"a value").decode()
    site.sql("CREATE TABLE drv (id int PRIMARY KEY, v text)")
    site.sql("INSERT INTO drv VALUES (1, %s)", (token,))
    tokens, env = site.tokens(), site.env_file.read_bytes()
    elsewhere = f"key_rotation_plan={site.project.parent}/another_plan.yml"
    for playbook in (["plan", "-e", elsewhere], ["rotate", "--check"], ["rotate"]):
        refused = site.play(*playbook)
        text = " ".join(refused.text.split())
        assert refused.code != 0
        assert "E_MADE_OF_KEYS" in text
        assert "is under the setting FIELD_ENCRYPTION_KEY" in text
    assert not site.store.exists(), "no key was made, and the application was not stopped"
    assert (site.tokens(), site.env_file.read_bytes()) == (tokens, env)
    described = {"derive": "sha256", "secret": {"join": [{"text": "fields"}, "SECRET_KEY"]}}
    schemes = {"fields": {"format": "fernet", "key": described}, "own": {"format": "fernet", "key": SALTED}}
    rotated = site.play("rotate", "-e", json.dumps({"key_rotation_schemes": schemes}))
    assert rotated.code == 0, rotated.text
    again = site.manage("shell", "--verbosity=0", "--command", SHOW)
    ((fresh,),) = site.sql("SELECT v FROM drv")
    assert Fernet(again.text.split()[-1]).decrypt(fresh.encode()) == b"a value"


@pytest.mark.thorough
def test_a_key_file_that_the_application_reads_as_it_stands(site: Site) -> None:
    """No line's end, as Docker and Kubernetes hand secrets over: it stays so, or the key would be another one."""
    before, path = site.read_all(), site.project / "secret_key"
    path.write_text(site.env_values()["SECRET_KEY"], encoding="utf-8")
    path.chmod(0o600)
    settings = site.project / "food_ordering/settings.py"
    settings.write_text(
        settings.read_text() + '\nSECRET_KEY = (BASE_DIR / "secret_key").read_text()\n', encoding="utf-8"
    )
    site.set_env("SECRET_KEY", "")
    keys = json.dumps(
        {"key_rotation_keys": [{"name": "SECRET_KEY", "destination": str(path)}, {"name": "ENCRYPTION_SALT"}]}
    )
    rotated = site.play("rotate", "-e", keys)
    assert rotated.code == 0, rotated.text
    assert not path.read_text().endswith("\n")
    assert site.read_all() == before
    assert site.play("rollback", "-e", keys).code == 0
    assert site.read_all() == before


@pytest.mark.thorough
@pytest.mark.parametrize(("first", "then"), [("rotate", "rollback"), ("rotate", "rotate"), ("rollback", "rollback")])
def test_a_switch_that_died_between_two_files_is_finished_or_rolled_back(
    site: Site, key_file: Path, first: str, then: str
) -> None:
    """Killed between its renames, it leaves one file with the keys after it and one with those before."""
    before, plain, keys, env = (
        site.read_all(),
        opened(site, key_file),
        key_file.read_bytes(),
        site.env_file.read_bytes(),
    )
    if first == "rollback":
        assert site.play("rotate", "-e", variables(key_file)).code == 0
    old = key_file.read_bytes()
    process = site.start(first, "-e", variables(key_file))
    task = {"rotate": "Switch | Make the new version current", "rollback": "Switch | Restore values"}[first]
    assert kill_when(site, process, task, lambda _: lambda _: True)
    wait_until_gone(site)
    assert key_file.read_bytes() != old
    key_file.write_bytes(old)

    again = site.play(then, "-e", variables(key_file))

    assert again.code == 0, again.text
    assert opened(site, key_file) == plain
    assert site.read_all() == before
    assert (key_file.read_bytes() == keys, site.env_file.read_bytes() == env) == (then == "rollback",) * 2
    assert site.play("verify", "-e", variables(key_file)).code == 0


@pytest.mark.thorough
def test_an_application_that_gains_a_key_is_rotated_with_it(site: Site) -> None:
    assert site.play("rotate").code == 0
    plain, before = site.read_all(), site.env_values()
    with site.env_file.open("a", encoding="utf-8") as env:
        env.write("THIRD_KEY=a-key-that-came-later-than-the-others\n")
    three = [{"name": name, "type": "hex"} for name in ("SECRET_KEY", "ENCRYPTION_SALT", "THIRD_KEY")]
    three[-1]["use"] = "signing"
    site.write_inventory(key_rotation_keys=three)

    grown = site.play("rotate")

    assert grown.code == 0, grown.text
    text = site.env_file.read_text(encoding="utf-8")
    assert "a-key-that-came-later" not in text
    assert re.search(r"^THIRD_KEY='?[0-9a-f]{64}'?$", text, re.M)
    assert not set(site.env_values().values()) & set(before.values())
    assert site.read_all() == plain
    assert site.play("rollback").code == 0
    assert "THIRD_KEY=a-key-that-came-later-than-the-others\n" in site.env_file.read_text(encoding="utf-8")
    assert site.env_values() == before
    assert site.read_all() == plain


@pytest.mark.thorough
def test_an_openpgp_key_pair_from_elsewhere_is_rotated_and_rolled_back(site: Site) -> None:
    """As django-pgcrypto-fields has it: two settings are what two files hold."""
    pairs = {"old": key_pair(), "new": key_pair("second")}
    settings = site.project / "food_ordering/settings.py"
    for name, text in (("PUBLIC_PGP_KEY", pairs["old"].public), ("PRIVATE_PGP_KEY", pairs["old"].private)):
        (site.project / name).write_text(text, encoding="utf-8")
        (site.project / name).chmod(0o600)
        read = f'\n{name} = open(BASE_DIR / "{name}").read()\n'
        settings.write_text(settings.read_text() + read, encoding="utf-8")
    ciphers = {name: OpenPgpPair(pair.private.encode(), pair.public.encode()) for name, pair in pairs.items()}
    site.sql("CREATE TABLE paired (id int PRIMARY KEY, phone bytea)")
    for number in range(5):
        site.sql("INSERT INTO paired VALUES (%s, %s)", (number, ciphers["old"].seal(Opened(b"phone %d" % number))))
    names = ("PUBLIC_PGP_KEY", "PRIVATE_PGP_KEY")
    keys = [{"name": name, "type": "openpgp", "destination": str(site.project / name)} for name in names]
    site.write_inventory(key_rotation_keys=[{"name": "SECRET_KEY"}, {"name": "ENCRYPTION_SALT"}, *keys])
    before, plain = site.read_all(), [b"phone %d" % number for number in range(5)]

    def phones(which: str) -> list[bytes | None]:
        opened = [ciphers[which].open(bytes(token)) for (token,) in site.sql("SELECT phone FROM paired ORDER BY id")]
        return [inside and inside.plaintext for inside in opened]

    refused = site.play("rotate", "--check")
    assert "E_KEY_NOT_MADE: PUBLIC_PGP_KEY" in refused.text
    password, values = site.folder / "password", site.folder / "values.yml"
    password.write_text("a password", encoding="utf-8")
    halves = zip(names, (pairs["new"].public, pairs["new"].private))
    text = "".join(f"{name}: |\n{textwrap.indent(half, '  ')}" for name, half in halves)
    secret = VaultSecret(b"a password")
    values.write_bytes(VaultLib([("default", secret)]).encrypt(text, secret))
    words = ("-e", f"key_rotation_values_file={values}")
    rotated = site.play("rotate", *words, ANSIBLE_VAULT_PASSWORD_FILE=str(password))

    assert rotated.code == 0, rotated.text
    assert (phones("new"), phones("old")) == (plain, [None] * 5)
    assert (site.project / "PUBLIC_PGP_KEY").read_text() == pairs["new"].public
    assert (site.project / "PRIVATE_PGP_KEY").read_text() == pairs["new"].private
    assert site.read_all() == before
    back = site.play("rollback")
    assert back.code == 0, back.text
    assert phones("old") == plain
    assert (site.project / "PRIVATE_PGP_KEY").read_text() == pairs["old"].private
    for pair in pairs.values():
        assert pair.private.split("\n")[5] not in refused.text + rotated.text + back.text
