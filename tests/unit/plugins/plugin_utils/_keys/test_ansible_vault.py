# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultSecret, get_file_vault_secret, parse_vaulttext_envelope
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys import ansible_vault
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys.configured_store import open_store
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error


@pytest.fixture
def no_password() -> DataLoader:
    """Ansible started without any vault password."""
    return DataLoader()


@pytest.fixture
def several() -> DataLoader:
    """Ansible started with two vault ids."""
    started = DataLoader()
    started.set_vault_secrets([("dev", VaultSecret(b"one")), ("prod", VaultSecret(b"two"))])
    return started


def refusal(call, *args) -> RotationError:
    with pytest.raises(RotationError) as refused:
        call(*args)
    return refused.value


def test_without_a_vault_password_one_is_made_at_the_first_write_and_said(
    store_path, no_password, home, capsys, old_keys
):
    store = open_store({"path": store_path}, {}, no_password)
    made = home / ".config" / "key_rotation" / "vault_password"
    assert store.load().versions == []
    assert not made.exists()
    with store.change() as history:
        history.adopt(old_keys)
    said = " ".join(capsys.readouterr().err.split())
    assert "one was created in" in said
    assert "Keep a copy elsewhere" in said
    assert made.read_text().strip() not in said
    assert len(made.read_text().strip()) == 64
    assert stat.S_IMODE(made.stat().st_mode) == 0o600


def test_the_password_is_made_once_and_opens_the_store_ever_after(store_path, no_password, home, old_keys, capsys):
    with open_store({"path": store_path}, {}, no_password).change() as history:
        history.adopt(old_keys)
    made = home / ".config" / "key_rotation" / "vault_password"
    password = made.read_bytes()
    capsys.readouterr()
    with open_store({"path": store_path}, {}, DataLoader()).change() as history:
        assert history.stage("current").values == old_keys.values
        history.close("r1")
        history.versions[0].state = "deactivated"
    assert made.read_bytes() == password
    assert capsys.readouterr().err == ""


def test_without_the_password_file_the_store_does_not_open(store_path, no_password, home, old_keys):
    with open_store({"path": store_path}, {}, no_password).change() as history:
        history.adopt(old_keys)
    made = home / ".config" / "key_rotation" / "vault_password"
    made.write_text("another\n")
    for found in (f"with {made}: Ansible was started without", f"with {made}, which is missing: Ansible was started"):
        refused = refusal(open_store({"path": store_path}, {}, no_password).load)
        assert (refused.code, found in refused.what) == ("E_STORE_PASSWORD", True), refused.what
        made.unlink(missing_ok=True)


def test_a_store_that_does_not_open_names_the_password_files_that_were_tried(stored, tmp_path):
    other = DataLoader()
    (tmp_path / "other").write_text("another password\n")
    secret = get_file_vault_secret(str(tmp_path / "other"), loader=other)
    secret.load()
    other.set_vault_secrets([("staging", secret), ("prompted", VaultSecret(b"a third"))])
    refused = refusal(open_store({"path": stored}, {}, other).load)
    tried = f"the vault password of {tmp_path / 'other'} or the vault password of prompted"
    assert refused.what == f"{stored} cannot be decrypted with {tried}, or is damaged"
    refused = refusal(open_store({"path": stored, "password_file": str(tmp_path / "other")}, {}, other).load)
    assert f"with the vault password of {tmp_path / 'other'}, or" in refused.what


def test_no_password_file_is_made_if_ansible_has_a_password(stored, home):
    assert Path(stored).exists()
    assert os.listdir(home) == []


def test_a_password_file_of_the_store_goes_before_ansible_s_passwords(store_path, loader, tmp_path, old_keys):
    (tmp_path / "password").write_text("the store's own\n")
    options = {"path": store_path, "password_file": str(tmp_path / "password")}
    with open_store(options, {}, loader).change() as history:
        history.adopt(old_keys)
    assert refusal(open_store({"path": store_path}, {}, loader).load).code == "E_STORE_PASSWORD"
    own = DataLoader()
    own.set_vault_secrets([("default", VaultSecret(b"the store's own"))])
    assert open_store({"path": store_path}, {}, own).load().versions


@pytest.mark.parametrize("content", ["", "\n", None], ids=["empty", "blank", "a folder"])
def test_a_password_file_without_a_password_is_refused(store_path, loader, tmp_path, content, old_keys):
    path = tmp_path / "password"
    path.mkdir() if content is None else path.write_text(content)
    store = open_store({"path": store_path, "password_file": str(path)}, {}, loader)
    with pytest.raises(RotationError) as refused, store.change() as history:
        history.adopt(old_keys)
    assert refused.value.code == "E_VAULT_PASSWORD_FILE"
    assert not os.path.exists(store_path)


def test_a_password_file_that_cannot_be_made_is_reported(store_path, no_password, home, old_keys):
    (home / ".config").write_text("taken")
    store = open_store({"path": store_path}, {}, no_password)
    with expect_error("E_VAULT_PASSWORD_FILE", fault=Containing("cannot be created")), store.change() as history:
        history.adopt(old_keys)


@pytest.mark.parametrize(("vault_id", "expected"), [("prod", "prod"), (None, "dev")])
def test_the_vault_id_chooses_among_several_secrets(store_path, old_keys, vault_id, expected):
    several = DataLoader()
    several.set_vault_secrets([("dev", VaultSecret(b"one")), ("prod", VaultSecret(b"two"))])
    options = {"path": store_path, **({"vault_id": vault_id} if vault_id else {})}
    store = open_store(options, {}, several)
    with store.change() as history:
        history.adopt(old_keys)
    assert parse_vaulttext_envelope(Path(store_path).read_bytes())[3] == expected
    assert store.load().stage("current").values == old_keys.values


def test_a_vault_id_that_ansible_was_not_started_with_is_reported_with_those_it_was(store_path, several, old_keys):
    store = open_store({"path": store_path, "vault_id": "staging"}, {}, several)
    with pytest.raises(RotationError) as refused, store.change() as history:
        history.adopt(old_keys)
    assert (refused.value.code, refused.value.where) == (
        "E_STORE_VAULT_ID", {"vault_id": "staging", "vault_ids": "dev, prod"},
    )  # fmt: skip
    assert not os.path.exists(store_path)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda text: text[: len(text) // 2], id="cut"),
        pytest.param(lambda text: text[:-20] + b"\n", id="end cut off"),
        pytest.param(lambda text: text.replace(b"AES256\n", b"AES256\nzz", 1), id="no hex"),
        pytest.param(lambda text: text.splitlines(keepends=True)[0], id="head only"),
        pytest.param(lambda text: text.replace(b"AES256", b"AES999", 1), id="unknown cipher"),
        pytest.param(lambda text: b"$ANSIBLE_VAULT;\n" + text.split(b"\n", 1)[1], id="no version"),
        pytest.param(lambda text: text[:100] + bytes([text[100] ^ 1]) + text[101:], id="one byte"),
    ],
)
def test_a_damaged_file_is_reported_and_not_overwritten(stored, loader, third_keys, damage):
    path = Path(stored)
    path.write_bytes(damage(path.read_bytes()))
    before = path.read_bytes()
    assert refusal(open_store({"path": stored}, {}, loader).load).code == "E_STORE_PASSWORD"
    with pytest.raises(RotationError), open_store({"path": stored}, {}, loader).change() as history:
        history.adopt(third_keys)
    assert path.read_bytes() == before


def adopt(store, keys) -> None:
    with store.change() as history:
        history.adopt(keys)


def promote_first(store, new) -> None:
    with store.change() as history:
        history.add_pending(new, "r1")


def header(path) -> bytes:
    return Path(path).read_bytes().split(b"\n")[0]


@pytest.mark.parametrize("first", ["dev", "prod"])
def test_a_store_stays_under_the_vault_id_that_it_was_made_under(store_path, old_keys, new_keys, first):
    secrets = {"dev": VaultSecret(b"one"), "prod": VaultSecret(b"two")}
    made, later = DataLoader(), DataLoader()
    made.set_vault_secrets([("prod", secrets["prod"])])
    later.set_vault_secrets([(name, secrets[name]) for name in (first, *(set(secrets) - {first}))])
    adopt(open_store({"path": store_path}, {}, made), old_keys)
    promote_first(open_store({"path": store_path}, {}, later), new_keys)
    assert header(store_path) == b"$ANSIBLE_VAULT;1.2;AES256;prod"
    assert open_store({"path": store_path}, {}, made).load().stage("pending").key_id == new_keys.key_id


def test_a_store_moves_to_the_vault_id_that_is_asked_for(store_path, several, old_keys, new_keys):
    adopt(open_store({"path": store_path, "vault_id": "dev"}, {}, several), old_keys)
    promote_first(open_store({"path": store_path, "vault_id": "prod"}, {}, several), new_keys)
    assert header(store_path) == b"$ANSIBLE_VAULT;1.2;AES256;prod"


def test_of_two_projects_that_make_the_password_at_once_the_second_takes_the_first_one_s(
    tmp_path, no_password, old_keys, monkeypatch
):
    stores = [open_store({"path": str(tmp_path / name / "k.yml")}, {}, no_password) for name in "ab"]
    make = ansible_vault._make_password_file

    def both(path) -> None:
        monkeypatch.setattr(ansible_vault, "_make_password_file", make)
        adopt(stores[0], old_keys)
        make(path)

    monkeypatch.setattr(ansible_vault, "_make_password_file", both)
    adopt(stores[1], old_keys)
    assert [store.load().stage("current").key_id for store in stores] == [old_keys.key_id] * 2


def test_a_dangling_link_in_the_place_of_the_password_file_is_not_written_through(
    store_path, no_password, home, tmp_path, old_keys
):
    place = home / ".config" / "key_rotation" / "vault_password"
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path / "unmounted")
    assert refusal(adopt, open_store({"path": store_path}, {}, no_password), old_keys).code == ("E_VAULT_PASSWORD_FILE")
    assert (place.is_symlink(), (tmp_path / "unmounted").exists(), os.path.exists(store_path)) == (True, False, False)


def test_a_password_file_that_was_named_is_never_made(store_path, no_password, tmp_path, old_keys):
    store = open_store({"path": store_path, "password_file": str(tmp_path / "typo")}, {}, no_password)
    assert refusal(adopt, store, old_keys).code == "E_VAULT_PASSWORD_FILE"
    assert not (tmp_path / "typo").exists()


def test_a_password_file_that_is_a_script_is_asked_as_ansible_asks_it(store_path, no_password, tmp_path, old_keys):
    script = tmp_path / "password-client.sh"
    script.write_text('#!/bin/sh\n[ "$1 $2" = "--vault-id prod" ] && echo "the password of $2"\n')
    script.chmod(0o700)
    options = {"path": store_path, "password_file": str(script), "vault_id": "prod"}
    adopt(open_store(options, {}, no_password), old_keys)
    own = DataLoader()
    own.set_vault_secrets([("prod", VaultSecret(b"the password of prod"))])
    assert open_store({"path": store_path}, {}, own).load().versions

    script.write_text("#!/bin/sh\necho CANARY >&2\nexit 1\n")
    error = refusal(open_store(options, {}, no_password).load)
    assert (error.code, "CANARY" in str(error)) == ("E_VAULT_PASSWORD_FILE", False)
