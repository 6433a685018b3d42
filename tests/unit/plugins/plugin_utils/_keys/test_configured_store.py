# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import importlib.util
import stat
import sys

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.plugins.loader import lookup_loader
from ansible.template import trust_as_template
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys import configured_store


def refusal(call, *args) -> RotationError:
    with pytest.raises(RotationError) as refused:
        call(*args)
    return refused.value


def test_a_package_that_does_not_load_harms_only_who_has_that_store(monkeypatch, tmp_path, loader):
    for package in configured_store.PACKAGES.values():
        (tmp_path / f"{package}.py").write_text("raise AttributeError('module has no attribute')\n")
        monkeypatch.delitem(sys.modules, package, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    spec = importlib.util.spec_from_file_location(f"{configured_store.__package__}.another", configured_store.__file__)
    another = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(another)
    assert another.open_store({"type": "vault_file", "path": "/k.yml"}, {}, loader).path == "/k.yml"


@pytest.mark.parametrize(
    ("options", "variables", "path"),
    [
        ({}, {"inventory_dir": "/etc/inventory"}, "/etc/inventory/.key_rotation/default/keys.vault.yml"),
        (
            {},
            {"inventory_dir": "/etc/inventory", "key_rotation_project_dir": "/srv/a"},
            "/etc/inventory/.key_rotation/srv-a/keys.vault.yml",
        ),
        ({"path": "/elsewhere/k.yml"}, {"inventory_dir": "/etc/inventory"}, "/elsewhere/k.yml"),
        ({"type": "vault_file", "path": "/k.yml"}, {}, "/k.yml"),
        ({"path": "~/k.yml"}, {}, "{home}/k.yml"),
        (
            {},
            {"inventory_dir": None, "key_rotation_project_dir": "/srv/food ordering/"},
            "{home}/.local/state/key_rotation/srv-food ordering/keys.vault.yml",
        ),
        (
            {},
            {"inventory_dir": "None", "key_rotation_project_dir": "/srv/food ordering/"},
            "{home}/.local/state/key_rotation/srv-food ordering/keys.vault.yml",
        ),
        ({}, {}, "{home}/.local/state/key_rotation/default/keys.vault.yml"),
    ],
)
def test_a_store_is_where_it_was_said_or_next_to_the_inventory_or_in_the_user_s_folder(
    options, variables, path, loader, home
):
    assert configured_store.open_store(options, variables, loader).path == path.format(home=home)


@pytest.mark.parametrize("path", ["/keys\0.yml", "/keys\ud800.yml"])
def test_a_path_that_is_invalid_is_reported(loader, path):
    refused = refusal(lambda: configured_store.open_store({"path": path}, {}, loader))
    assert refused.code == "E_STORE_NEEDS"
    assert "path has a NUL or an invalid character" in str(refused)


def test_a_relative_path_is_next_to_the_inventory_from_wherever_it_is_run(loader, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert configured_store.open_store({"path": "k.yml"}, {"inventory_dir": "/etc/i"}, loader).path == "/etc/i/k.yml"
    assert configured_store.open_store({"path": "k.yml"}, {}, loader).path == str(tmp_path / "k.yml"), "there is none"


@pytest.mark.parametrize(
    ("options", "code", "named"),
    [({"type": "keepass"}, "E_STORE_TYPE", "keepass"), ({"file": "/k.yml"}, "E_STORE_OPTION", "file")],
)
def test_an_unknown_type_or_option_is_refused_with_what_is_known(options, code, named, loader):
    error = refusal(configured_store.open_store, options, {}, loader)
    assert error.code == code
    assert named in error.what
    assert "vault_file" in error.todo or "password_file" in error.todo


def test_a_type_of_a_store_that_may_be_a_key_is_not_shown(loader):
    error = refusal(configured_store.open_store, {"type": "CANARY"}, {}, loader)
    assert (error.code, error.where["type"]) == ("E_STORE_TYPE", "(not shown)")


def test_ansible_does_not_read_the_store_as_inventory(tmp_path, loader, old_keys):
    (tmp_path / "hosts.yml").write_text("all: {hosts: {web: {}}}\n")
    with configured_store.open_store({}, {"inventory_dir": str(tmp_path)}, loader).change() as history:
        history.adopt(old_keys)
    assert (tmp_path / ".key_rotation" / "default" / "keys.vault.yml").exists()
    assert stat.S_IMODE((tmp_path / ".key_rotation").stat().st_mode) == 0o700
    read = InventoryManager(loader=loader, sources=[str(tmp_path)])
    assert list(read.hosts) == ["web"]


def test_variables_of_the_store_may_be_templates_and_look_something_up(loader, tmp_path):
    (tmp_path / "path").write_text("/looked/up.yml")
    stores = {"stores": {"prod": {"path": "/p.yml"}}, "key_rotation_store": trust_as_template("{{ stores.prod }}")}
    lookup = lookup_loader.get("tetech.key_rotation.keys", loader=loader)
    configured_store.set_options(lookup, {}, stores, loader)
    assert lookup.get_option("store") == {"path": "/p.yml"}
    assert configured_store.open_store({"path": "/other.yml"}, stores, loader).path == "/other.yml"
    looked_up = trust_as_template(f"{{{{ lookup('ansible.builtin.file', '{tmp_path / 'path'}') }}}}")
    assert configured_store.open_store({}, {"key_rotation_store_path": looked_up}, loader).path == "/looked/up.yml"


def test_an_option_of_the_wrong_type_is_named_and_not_shown(loader):
    for options, variables in (
        ({"timeout": "CANARY"}, {}),
        ({}, {"key_rotation_store_timeout": "CANARY"}),
    ):
        error = refusal(configured_store.open_store, options, variables, loader)
        assert (error.code, "timeout of key_rotation_store" in error.what, "CANARY" in str(error)) == (
            "E_ARGUMENT", True, False,
        )  # fmt: skip
