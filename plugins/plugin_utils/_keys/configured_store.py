# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open the key store that the operator configured.

This file has the options of each type of store, and finds the place of each.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypedDict

from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.plugins.lookup import LookupBase
from ansible.template import Templar

from ...module_utils._errors.base import word
from ...module_utils._errors.options import InvalidArgument
from ...module_utils._errors.store import (
    StoreNeeds,
    StoreOption,
    StorePackage,
    StoreType,
)
from ...module_utils._options.option_spec import Options
from ...module_utils._stores.store_interface import Store
from ...module_utils._stores.vault_file import VaultFile
from ...module_utils._system import atomic_file
from ...module_utils._system.state_folder import STATE_FOLDER
from .._control_node.paths import expand, path_from_inventory, state_folder
from .._task_types import TaskArguments, Variables
from .ansible_vault import AnsibleVault

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
# Ansible loads this file in its own process and forks another one per task: no task then has to load the packages.
for _package in PACKAGES.values():
    with contextlib.suppress(Exception):  # open_store reports it to those who need the package
        importlib.import_module(_package)
VARIABLES = {f"key_rotation_store_{name}" for name in {"type"}.union(*OPTIONS.values())}  # the variables of the lookup
OptionDefinition = Mapping[str, Any]  # in the doc fragment of the lookup, from its YAML


class PluginOptions(TypedDict):
    """The object from which Ansible takes the options of a plugin."""

    var_options: Variables
    direct: TaskArguments


def open_store(options: Options, variables: Variables, loader: DataLoader) -> Store:
    """Open the store of these options, otherwise of the variable ``key_rotation_store``. Missing options come from
    variables, environment and ini file.

    Raise E_STORE_TYPE, E_STORE_OPTION, E_STORE_NEEDS, E_STORE_PACKAGE.
    """
    asked = _read_options(options, variables, loader)
    if not options and asked["store"]:
        options = asked["store"]
        asked = _read_options(options, variables, loader)
    kind = asked["type"]
    if kind not in OPTIONS:
        raise StoreType(type=word(kind), known_types=", ".join(OPTIONS))
    for name in options:
        if name not in ("type", *OPTIONS[kind]):
            raise StoreOption(name=name, known_options=", ".join(OPTIONS[kind]))
    if kind == "vault_file":
        path = path_from_inventory(
            asked["path"] or os.path.join(state_folder(variables, loader), "keys.vault.yml"), variables
        )
        if not atomic_file.is_path(path):
            raise StoreNeeds(name="path", fault="has a NUL or an invalid character")
        password_file = path_from_inventory(asked["password_file"], variables) if asked["password_file"] else None
        return VaultFile(path, AnsibleVault(loader, password_file, asked["vault_id"]))
    try:
        server = _server_class(kind)
    except ImportError as exc:
        raise StorePackage(type=kind, package=exc.name, python=sys.executable) from None
    return server(asked, expand(STATE_FOLDER))


def _server_class(kind: str) -> Callable[[Options, str], Store]:
    """Load the class of a store that needs an extra package. Raise ImportError."""
    importlib.import_module(PACKAGES[kind])
    file = importlib.import_module(f"...module_utils._stores.{kind}", __package__)
    store_class: Callable[[Options, str], Store] = getattr(file, CLASSES[kind])
    return store_class


def refuse_unknown(given: Options) -> None:
    """Raise E_ARGUMENT for an argument that the lookup does not have."""
    known = ["stage", "store", "type", *dict.fromkeys(name for names in OPTIONS.values() for name in names)]
    for name in given:
        if name not in known:
            advice = f"Use {', '.join(known)}."
            raise InvalidArgument(argument=name, fault="is not an option of the lookup", advice=advice)


def _read_options(options: Options, variables: Variables, loader: DataLoader) -> Options:
    """Read every option of every type. Ansible itself looks for them in the places that the doc fragment key_store
    lists."""
    lookup = lookup_loader.get(LOOKUP, loader=loader)
    set_options(lookup, options, variables, loader)
    return {name: lookup.get_option(name) for name in {"store", "type"}.union(*OPTIONS.values())}


def set_options(lookup: LookupBase, options: Options, variables: Variables, loader: DataLoader) -> None:
    """Have Ansible find the lookup's options. Raise E_ARGUMENT instead of Ansible's own error, which would show the
    value."""
    named = {name: value for name, value in variables.items() if name.startswith("key_rotation_store")}
    given: PluginOptions = {"var_options": _rendered(named, variables, loader), "direct": dict(options)}
    refused = False
    try:
        lookup.set_options(**given)
    except AnsibleError:
        refused = True
    if refused:
        name, definition = _refused(lookup._load_name, given)
        choices = ", ".join(definition.get("choices") or ())
        raise InvalidArgument(
            argument=f"{name} of key_rotation_store, or of the lookup,",
            fault=f"is not one of {choices}" if choices else f"does not have its type, {definition.get('type')}",
            advice=f"See ansible-doc -t lookup {LOOKUP}.",
        )


def _refused(plugin: str, given: PluginOptions) -> tuple[str, OptionDefinition]:
    """The option that Ansible refuses, and its definition."""
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


def _rendered(value: Any, variables: Variables, loader: DataLoader) -> Any:
    """Render the templates in variables, which reach a plugin as they were written."""
    return Templar(loader=loader, variables=dict(variables)).template(value)
