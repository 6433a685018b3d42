# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import builtins
import os
import shutil

import pytest
import yaml
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible.plugins.loader import lookup_loader
from ansible_collections.tetech.key_rotation.plugins.doc_fragments.key_store import ModuleDocFragment as key_store_docs
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys import configured_store


@pytest.fixture
def lookup(stored, loader):
    """The lookup as Ansible finds it by name, with the store of rotation r1."""

    def run(*terms: str, given: DataLoader = loader, variables=None, **options):
        plugin = lookup_loader.get("tetech.key_rotation.keys", loader=given)
        return plugin.run(list(terms), variables or {"key_rotation_store": {"path": stored}}, **options)

    return run


def test_each_term_gives_its_value_in_order(lookup, old_keys):
    values = old_keys.values
    assert lookup("ENCRYPTION_SALT", "SECRET_KEY") == [values["ENCRYPTION_SALT"], values["SECRET_KEY"]]


def test_without_terms_the_whole_set_is_one_dictionary(lookup, old_keys):
    assert lookup() == [dict(old_keys.values)]


def test_a_term_may_be_a_list(lookup, old_keys):
    values = old_keys.values
    assert lookup(["ENCRYPTION_SALT", "SECRET_KEY"]) == [values["ENCRYPTION_SALT"], values["SECRET_KEY"]]


def test_a_misspelled_option_is_named_as_one_of_the_lookup(lookup):
    with pytest.raises(
        AnsibleError, match=r"E_ARGUMENT: stagee is not an option of the lookup.*Use stage, store, type"
    ):
        lookup("SECRET_KEY", stagee="previous")


def test_another_stage_is_asked_for_by_name(lookup, new_keys):
    assert lookup("SECRET_KEY", stage="pending") == [new_keys.values["SECRET_KEY"]]


def test_the_store_may_be_given_to_the_lookup_itself(lookup, stored, old_keys):
    assert lookup("SECRET_KEY", variables={"x": 1}, store={"path": stored}) == [old_keys.values["SECRET_KEY"]]


def test_where_the_store_is_may_be_in_a_variable_or_in_the_environment(lookup, stored, old_keys, tmp_path, monkeypatch):
    values = [old_keys.values["SECRET_KEY"]]
    assert lookup("SECRET_KEY", variables={"key_rotation_store_path": stored}) == values
    monkeypatch.setenv("KEY_ROTATION_STORE_PATH", stored)
    assert lookup("SECRET_KEY", variables={"x": 1}) == values


def test_what_is_given_to_the_lookup_goes_before_the_variable_and_that_before_the_environment(
    lookup, stored, old_keys, tmp_path, monkeypatch
):
    other = str(tmp_path / "none.yml")
    monkeypatch.setenv("KEY_ROTATION_STORE_PATH", other)
    values = [old_keys.values["SECRET_KEY"]]
    assert lookup("SECRET_KEY") == values
    assert lookup("SECRET_KEY", variables={"key_rotation_store_path": stored}) == values
    assert lookup("SECRET_KEY", variables={"key_rotation_store": {"path": other}}, path=stored) == values


def test_no_credential_is_read_from_ini():
    secret = {"token", "role_id", "secret_id", "jwt"}
    options = yaml.safe_load(key_store_docs.DOCUMENTATION)["options"]
    assert secret < set(options)
    assert [name for name in secret if "ini" in options[name]] == []


def test_every_option_of_every_store_is_documented():
    documented = set(yaml.safe_load(key_store_docs.DOCUMENTATION)["options"])
    assert documented == {"type"}.union(*configured_store.OPTIONS.values())


def test_every_variable_that_is_documented_begins_as_those_that_are_rendered():
    options = yaml.safe_load(key_store_docs.DOCUMENTATION)["options"].values()
    variables = [variable["name"] for option in options for variable in option.get("vars", [])]
    assert len(variables) > 20
    assert all(name.startswith("key_rotation_store_") for name in variables)


def test_without_a_path_the_store_is_next_to_the_inventory(lookup, tmp_path, stored, old_keys):
    for project, folder in ((None, "default"), ("/srv/a", "srv-a")):
        (tmp_path / ".key_rotation" / folder).mkdir(parents=True)
        shutil.copy(stored, tmp_path / ".key_rotation" / folder / "keys.vault.yml")
        variables = {"inventory_dir": str(tmp_path), "key_rotation_project_dir": project}
        assert lookup("SECRET_KEY", variables=variables) == [old_keys.values["SECRET_KEY"]]


def test_the_store_is_read_and_decrypted_once_for_many_terms(lookup, stored, monkeypatch):
    reads, decryptions = [], []
    real_open, real_decrypt = builtins.open, VaultLib.decrypt

    def counting_open(path, *args, **kwargs):
        if str(path) == stored:
            reads.append(path)
        return real_open(path, *args, **kwargs)

    def counting_decrypt(self, text, *args, **kwargs):
        decryptions.append(1)
        return real_decrypt(self, text, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", counting_open)
    monkeypatch.setattr(VaultLib, "decrypt", counting_decrypt)
    assert len(lookup(*["SECRET_KEY", "ENCRYPTION_SALT"] * 5)) == 10
    assert (len(reads), len(decryptions)) == (1, 1)


def test_the_lookup_only_reads(lookup, stored):
    before = os.stat(stored)
    lookup("SECRET_KEY")
    after = os.stat(stored)
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def refusal(call, *args, **options) -> str:
    with pytest.raises(AnsibleError) as refused:
        call(*args, **options)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None  # Ansible would print its text too
    return str(refused.value)


def test_an_unknown_term_is_named_with_those_that_are_known_and_no_value(lookup, old_keys):
    message = refusal(lookup, "SECRET_KEY", "SECRET")
    assert message.startswith("E_ARGUMENT: lookup term SECRET is not a key of the set")
    assert "Use one of: SECRET_KEY, ENCRYPTION_SALT." in message
    assert not any(value in message for value in old_keys.values.values())


def test_a_stage_that_nobody_has_is_reported(lookup):
    assert refusal(lookup, "SECRET_KEY", stage="previous").startswith("E_STORE_STAGE")


def test_an_unknown_stage_is_refused_with_those_that_there_are(lookup):
    message = refusal(lookup, "SECRET_KEY", stage="CANARY")
    assert message.startswith("E_ARGUMENT: stage of ")
    assert "is not one of current, pending, previous." in message
    assert "CANARY" not in message


def test_an_option_of_the_wrong_type_is_named_and_not_shown(lookup):
    message = refusal(lookup, "SECRET_KEY", timeout="CANARY")
    assert message.startswith("E_ARGUMENT: timeout of ")
    assert "does not have its type, int." in message
    assert "CANARY" not in message


def test_what_nobody_foresaw_is_reported_by_type_and_place_alone(lookup, monkeypatch):
    def broken(*args):
        raise ValueError("CANARY")

    monkeypatch.setattr(configured_store, "VaultFile", broken)
    message = refusal(lookup, "SECRET_KEY")
    assert message.startswith("E_INTERNAL: unexpected ValueError at ")
    assert "CANARY" not in message


def test_an_empty_store_says_what_to_run_first(lookup, tmp_path):
    message = refusal(lookup, "SECRET_KEY", variables={"key_rotation_store": {"path": str(tmp_path / "none.yml")}})
    assert message.startswith("E_STORE_STAGE")
    assert "Run the rotate playbook first." in message


def test_another_password_is_reported_without_any_password(lookup):
    other = DataLoader()
    other.set_vault_secrets([("default", VaultSecret(b"CANARY password"))])
    message = refusal(lookup, "SECRET_KEY", given=other)
    assert message.startswith("E_STORE_PASSWORD")
    assert "CANARY" not in message
    assert "with the vault password of default, or" in message


def test_an_unknown_store_option_is_reported(lookup):
    message = refusal(lookup, "SECRET_KEY", variables={"key_rotation_store": {"file": "/k.yml"}})
    assert message.startswith("E_STORE_OPTION: key_rotation_store has the unknown option file")
