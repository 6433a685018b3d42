# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls in which the application signs by django.core.signing with one of its keys, by its source: nothing is called.

Without a key of its own, such a call signs with SECRET_KEY.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from . import key_flow
from .key_flow import KeyFlow, Module, word_of, words_of
from .key_uses import Use

_MODULE = "signing"
_FUNCTIONS = {"dumps", "loads"}
_CLASSES = {"Signer", "TimestampSigner"}


def find(flow: KeyFlow) -> Iterator[Use]:
    """Yield each call that signs with the key that is followed."""
    modules = flow.modules.values()
    signers = _signers(modules)
    for module in modules:
        aliases = {alias: name for each, name, alias in module.imports if each == _MODULE and name}
        for code in module.codes:
            keys = module.keys_in(code)
            extended = module.classes.get(code.class_name.rpartition(".")[2])
            is_signer = bool(extended and signers.intersection(key_flow.bases(extended)))
            for call in code.calls:
                function, given = call.func, call.args
                if word_of(function).lstrip(".") in key_flow.PARTIAL and given:
                    function, given = given[0], given[1:]
                name = word_of(function).lstrip(".")
                name = aliases.get(name, name)
                is_object = name in signers or (name == "__init__" and is_signer)
                if not (is_object or (name in _FUNCTIONS and _is_of_django(module, function))):
                    continue
                taken = [keyword.value for keyword in call.keywords if keyword.arg in ("key", None)]
                taken += given[:1] if is_object else given[1:2]
                if any(not words_of(each).isdisjoint(keys) for each in taken):
                    yield Use(module.shown_path, call.lineno, code.name, "signs with it")


def _signers(modules: Iterable[Module]) -> set[str]:
    """Return the classes that sign: Django's, and those of the application that extend one."""
    classes = [node for module in modules for node in module.classes.values()]
    signers = {*_CLASSES}
    size = -1
    while size != (size := len(signers)):
        signers.update(node.name for node in classes if signers.intersection(key_flow.bases(node)))
    return signers


def _is_of_django(module: Module, function: ast.expr) -> bool:
    """Return whether a function may be one of Django: json.dumps(), for example, is not."""
    owner = word_of(function.value).lstrip(".") if isinstance(function, ast.Attribute) else ""
    own = {alias: each for each, name, alias in module.imports if not name}
    return owner not in own or own[owner] == _MODULE
