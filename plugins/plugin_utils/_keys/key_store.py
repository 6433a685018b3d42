# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of key stores: which store is meant, and Ansible's vault secrets for it."""

from __future__ import annotations

import contextlib
import importlib
import os
import secrets
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any

import yaml
from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import (
    VaultLib,
    VaultSecret,
    get_file_vault_secret,
    match_encrypt_secret,
    parse_vaulttext_envelope,
)
from ansible.plugins.loader import lookup_loader
from ansible.plugins.lookup import LookupBase
from ansible.template import Templar
from ansible.utils.display import Display

from ...module_utils._errors.backup import BackupIdentity
from ...module_utils._errors.base import word
from ...module_utils._errors.keys import KeyFile
from ...module_utils._errors.options import InvalidOption
from ...module_utils._errors.store import (
    StoreNeeds,
    StoreOption,
    StorePackage,
    StoreType,
    StoreVaultId,
    VaultPasswordFile,
)
from ...module_utils._stores.store_interface import Store
from ...module_utils._stores.vault_file import VaultFile
from ...module_utils._system import atomic_file
from ...module_utils._system.state_folder import STATE_FOLDER

display = Display()
LOOKUP = "tetech.key_rotation.keys"  # its options are those of the stores
# The options of each type.
SERVER = ("path", "timeout")
LOGIN = ("auth_method", "auth_mount", "token", "token_file", "role_id", "secret_id", "role", "jwt", "jwt_file")
OPTIONS: dict[str, tuple[str, ...]] = {
    "vault_file": ("path", "password_file", "vault_id"),
    "hashi_vault": (*SERVER, "mount", "url", "namespace", "ca_cert", *LOGIN, "client_cert", "client_key"),
    "aws_secrets_manager": (*SERVER, "profile", "region", "endpoint_url"),
}
PACKAGES = {"hashi_vault": "hvac", "aws_secrets_manager": "boto3"}
CLASSES = {"hashi_vault": "HashiVault", "aws_secrets_manager": "SecretsManager"}  # in _stores, in the file of its type
# Ansible loads us in its own process and forks another for each task: what is here then no task has to load.
for _package in PACKAGES.values():
    with contextlib.suppress(Exception):  # open_store tells who needs it; one that is broken harms nobody else
        importlib.import_module(_package)
VARIABLES = {f"key_rotation_store_{name}" for name in {"type"}.union(*OPTIONS.values())}  # as the lookup has them
DEFAULT_PASSWORD_FILE = "~/.config/key_rotation/vault_password"


def open_store(options: Mapping[str, Any], variables: Mapping[str, Any], loader: DataLoader) -> Store:
    """The store of these options, otherwise of the variable ``key_rotation_store``; what that leaves out comes from
    variables, environment and ini.

    Raises E_STORE_TYPE, E_STORE_OPTION, E_STORE_NEEDS, E_STORE_PACKAGE.
    """
    asked = _read_options(options, variables, loader)
    if not options and asked["store"]:
        options = asked["store"]
        asked = _read_options(options, variables, loader)
    kind = asked["type"]
    if kind not in OPTIONS:
        raise StoreType(type=word(kind), known=", ".join(OPTIONS))
    for name in options:
        if name not in ("type", *OPTIONS[kind]):
            raise StoreOption(name=name, known=", ".join(OPTIONS[kind]))
    if kind == "vault_file":
        path = path_from_inventory(
            asked["path"] or os.path.join(state_folder(variables, loader), "keys.vault.yml"), variables
        )
        if not atomic_file.is_path(path):
            raise StoreNeeds(name="path", found="has a NUL, or what is no character")
        password_file = path_from_inventory(asked["password_file"], variables) if asked["password_file"] else None
        return VaultFile(path, AnsibleVault(loader, password_file, asked["vault_id"]))
    try:
        server = _server_class(kind)
    except ImportError as exc:
        raise StorePackage(type=kind, package=exc.name, python=sys.executable) from None
    return server(asked, expand(STATE_FOLDER))


def _server_class(kind: str) -> Callable[[Mapping[str, Any], str], Store]:
    """The class of a store whose package only those need who use it. Raises ImportError."""
    importlib.import_module(PACKAGES[kind])
    file = importlib.import_module(f"...module_utils._stores.{kind}", __package__)
    found: Callable[[Mapping[str, Any], str], Store] = getattr(file, CLASSES[kind])
    return found


def refuse_unknown(given: Mapping[str, Any]) -> None:
    """Raise E_OPTION for an argument that the lookup does not have."""
    known = ["stage", "store", "type", *dict.fromkeys(name for names in OPTIONS.values() for name in names)]
    for name in given:
        if name not in known:
            advice = f"Use {', '.join(known)}."
            raise InvalidOption(name=name, found="is no option of the lookup", advice=advice)


def _read_options(options: Mapping[str, Any], variables: Mapping[str, Any], loader: DataLoader) -> dict[str, Any]:
    """Every option of every type: Ansible itself looks for them where the doc fragment key_store says."""
    lookup = lookup_loader.get(LOOKUP, loader=loader)
    set_options(lookup, options, variables, loader)
    return {name: lookup.get_option(name) for name in {"store", "type"}.union(*OPTIONS.values())}


def set_options(
    lookup: LookupBase, options: Mapping[str, Any], variables: Mapping[str, Any], loader: DataLoader
) -> None:
    """Have Ansible find the lookup's options. Raises E_OPTION, where Ansible's own error would show the value."""
    named = {name: value for name, value in variables.items() if name.startswith("key_rotation_store")}
    given = {"var_options": _rendered(named, variables, loader), "direct": dict(options)}
    refused = False
    try:
        lookup.set_options(**given)
    except AnsibleError:
        refused = True
    if refused:
        name, definition = _refused(lookup._load_name, given)
        choices = ", ".join(definition.get("choices") or ())
        raise InvalidOption(
            name=f"{name} of key_rotation_store, or of the lookup,",
            found=f"is none of {choices}" if choices else f"is not of its type, {definition.get('type')}",
            advice=f"See ansible-doc -t lookup {LOOKUP}.",
        )


def _refused(plugin: str, given: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Which option it is that Ansible does not take, and how it is defined."""
    for name, definition in C.config.get_configuration_definitions("lookup", plugin).items():
        try:
            C.config.get_config_value_and_origin(
                name,
                plugin_type="lookup",
                plugin_name=plugin,
                variables=given["var_options"],
                direct=given["direct"],
            )
        except AnsibleError:
            return str(name), definition
    return "?", {}


def _rendered(value: Any, variables: Mapping[str, Any], loader: DataLoader) -> Any:
    """Variables reach a plugin as they were written: what is a template of the operator's is still one."""
    return Templar(loader=loader, variables=dict(variables)).template(value)


def read_vaulted(path: str, names: Collection[str], loader: DataLoader) -> dict[str, str]:
    """The settings in a YAML file that Ansible Vault encrypted. Raises E_KEY_FILE, which shows ``names`` alone."""
    content = None
    with contextlib.suppress(OSError, yaml.YAMLError, ValueError):
        content = yaml.safe_load(AnsibleVault(loader, None, None).decrypt(atomic_file.read(path)) or b"")
    if not isinstance(content, dict):
        found = "is no file of settings that opens with the vault secrets Ansible was started with"
        raise KeyFile(path=path, found=found)
    for number, (name, value) in enumerate(content.items(), start=1):
        if not isinstance(value, str):  # as YAML takes digits, a date or yes
            which = name if name in names else f"entry {number}"
            raise KeyFile(path=path, found=f"has a value of {which} that is no text: put it in quotes")
    return content


def read_identity(path: str | None, loader: DataLoader) -> str | None:
    """The age identity in a file on the control node, which Ansible Vault may have encrypted. Raises
    E_BACKUP_IDENTITY."""
    if not path:
        return None
    content: bytes | None = None
    with contextlib.suppress(OSError), open(expand(path), "rb") as handle:
        content = handle.read()
    if content is None:
        raise BackupIdentity(found=f"in {path} cannot be read on the control node")
    if content.startswith(b"$ANSIBLE_VAULT;"):
        content = AnsibleVault(loader, None, None).decrypt(content)
    try:
        return (content or b"").decode("utf-8") or _no_identity(path)
    except UnicodeDecodeError:
        return _no_identity(path)


def _no_identity(path: str) -> str:
    raise BackupIdentity(found=f"in {path} is empty, no text, or under another vault secret")


def state_folder(variables: Mapping[str, Any], loader: DataLoader) -> str:
    """Where the control node keeps what outlives a run of one application: next to the inventory, or without one in the
    user's own state folder.

    The folder's name begins with a dot: Ansible reads every other file in an inventory's folder as inventory.
    """
    inventory = _inventory(variables)
    base = os.path.join(inventory, ".key_rotation") if inventory else expand(STATE_FOLDER)
    project = str(_rendered(variables.get("key_rotation_project_dir"), variables, loader) or "default")
    return os.path.join(base, project.strip("/").replace("-", "--").replace("/", "-"))


def _inventory(variables: Mapping[str, Any]) -> str:
    """The folder of the inventory; empty where there is none, as with ``-i localhost,``."""
    found = str(variables.get("inventory_dir"))  # None, or in ansible-core 2.19 the text of it
    return found if os.path.isabs(found) else ""


def path_from_inventory(path: str, variables: Mapping[str, Any]) -> str:
    """An absolute path on the control node. A relative one begins at the inventory, wherever a playbook is run."""
    return os.path.abspath(os.path.join(_inventory(variables), os.path.expanduser(str(path))))


def expand(path: str) -> str:
    """An absolute path without ~."""
    return os.path.abspath(os.path.expanduser(str(path)))


class AnsibleVault:
    """Encrypt and decrypt with the secrets Ansible was started with.

    Where it was started with none, the secret is a password file of our own, made at the first write.
    """

    def __init__(self, loader: DataLoader, password_file: str | None, vault_id: str | None) -> None:
        self._loader = loader
        self._given = [] if password_file else list(loader._vault.secrets or [])
        self._password_file = expand(password_file or DEFAULT_PASSWORD_FILE)
        self._ours = not password_file and not self._given
        self._vault_id = vault_id

    def encrypt(self, plaintext: bytes, before: bytes | None) -> bytes:
        """Plaintext in Vault's format: under the vault id asked for, else as ``before``, else under the first one."""
        if before is not None and not self._vault_id:
            _, _, secret = VaultLib(self._secrets()).decrypt_and_get_vault_id(before)
            return bytes(VaultLib([]).encrypt(plaintext, secret, parse_vaulttext_envelope(before)[3]))
        if self._ours and not os.path.lexists(self._password_file):
            _make_password_file(self._password_file)
        known = self._secrets()
        try:
            chosen = match_encrypt_secret(known, self._vault_id or C.DEFAULT_VAULT_ENCRYPT_IDENTITY)
        except AnsibleError:
            ids = ", ".join(vault_id for vault_id, _ in known)
            raise StoreVaultId(vault_id=self._vault_id or C.DEFAULT_VAULT_ENCRYPT_IDENTITY, known=ids) from None
        return bytes(VaultLib(known).encrypt(plaintext, chosen[1], chosen[0]))

    def decrypt(self, text: bytes) -> bytes | None:
        """The plaintext, or None where no secret opens it."""
        known = self._secrets()
        if not known:
            return None
        try:
            return bytes(VaultLib(known).decrypt(text))
        except AnsibleError:  # a wrong secret, and a damaged file too: Ansible has no one class for the two
            return None

    def describe(self) -> str:
        """Where the secrets are from, for a person."""
        if self._given:
            files = {vault_id: getattr(secret, "filename", None) for vault_id, secret in self._given}
            return " or ".join(f"the vault password of {file or vault_id}" for vault_id, file in files.items())
        if not self._ours:
            return f"the vault password of {self._password_file}"
        missing = "" if os.path.lexists(self._password_file) else ", which is missing"
        return f"{self._password_file}{missing}: Ansible was started without a vault password"

    def _secrets(self) -> list[tuple[str, VaultSecret]]:
        """Those given, otherwise the password file's. Like Ansible's own, that may be a script that prints it."""
        if self._given or (self._ours and not os.path.lexists(self._password_file)):
            return self._given
        try:
            secret = get_file_vault_secret(self._password_file, vault_id=self._vault_id, loader=self._loader)
            secret.load()
        except AnsibleError:  # its text may hold what a script printed
            found = "is missing, empty, no file, or a script that fails"
            raise VaultPasswordFile(path=self._password_file, found=found) from None
        return [(self._vault_id or C.DEFAULT_VAULT_IDENTITY, secret)]


def _make_password_file(path: str) -> None:
    try:
        atomic_file.private_folder(os.path.dirname(path))
        atomic_file.create(path, secrets.token_urlsafe(48).encode() + b"\n")
    except FileExistsError:
        return  # another run was first, and its password counts
    except OSError as exc:
        raise VaultPasswordFile(path=path, found=f"cannot be made: {exc.strerror}") from None
    display.warning(
        f"Ansible was started without a vault password, so one was made in {path}. "
        "Keep a copy elsewhere: the key store opens with it alone."
    )
