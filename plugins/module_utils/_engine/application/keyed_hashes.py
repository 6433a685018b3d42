# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls in which the application hashes values with a key, as for a blind index, by its source: nothing is called.

A call counts if a key and other data go into it. The hash of a key, with or without a salt, is another key. A hash that
is compared at once belongs to a signature, and one next to a cipher belongs to a token. Neither is in a column of
hashes.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from . import key_flow
from .key_flow import Code, KeyFlow, Module, word_of, words_of
from .key_uses import SALTED_HMAC, Use, called_name

WITH_SECRET = 3  # arguments of SALTED_HMAC with a secret
_MODULES = {"hmac", "hashlib"}
_NAMES = {
    *(SALTED_HMAC, "HMAC", "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "blake2b", "blake2s", "uuid5"),
    *("blake3", "hashpw", "hash_secret_raw", "make_password", "pbkdf2", "PBKDF2HMAC", "Scrypt", "scrypt"),
}
_CLASSES = {"HMAC", "CMAC"}  # of PyCryptodome, with a function new
_QUERIES = {"execute", "raw", "RawSQL"}
_HASH_IN_SQL = re.compile(r"\b(?:hmac|digest)\(", re.IGNORECASE)  # of pgcrypto
_ADDING = {"update", "derive"}  # methods of a hash that take data
_OF_OTHER_USE = {"compare_digest", "constant_time_compare", "verify", "encryptor", "decryptor"}
_ENDS = {"digest", "hexdigest", "finalize"}
# Names that stand for no data, other than those of keys that a hash is stored of.
_NO_DATA = re.compile(
    r"(?:^|_)(?:cls|salt|nonce|iv|info|(?<!api_)(?<!access_)(?<!license_)(?<!device_)key|secret|purpose|context|version)"
    r"s?$"
)
_RANDOM = {"token_urlsafe", "token_hex", "token_bytes", "uuid4", "get_random_string"}  # they are handed out


def find(flow: KeyFlow) -> Iterator[Use]:
    """Yield each call that hashes other data with the key that is followed."""
    for module in flow.modules.values():
        state = _state(module)
        for code in module.codes:
            for line in _lines(module, code, state, flow.key):
                yield Use(module.shown_path, line, code.name, "hashes with it")


def _state(module: Module) -> set[str]:
    """The attributes of every new object: they are no data, as those of a model are."""
    constructors = [code for code in module.functions if code.short_name == "__init__"]
    return {name for code in constructors for names, _ in code.stored for name in names if name[0] == "."}


def _lines(module: Module, code: Code, state: Collection[str], key: str) -> Iterator[int]:
    """Yield the line of the call in a function that hashes other data with the key, if there is one."""
    keys = module.keys_in(code)
    hashing = [
        call
        for call in code.calls
        if _is_hash(call, module) or _is_prepared(call, module) or _is_continued(call, code, keys)
    ]
    if code.taken is None:  # it runs once, so that what it hashes is a key; only a call that it prepares counts
        hashing = [call for call in hashing if _is_prepared(call, module)]
    if not hashing or any(called_name(call) in _OF_OTHER_USE for call in code.calls):
        return
    taken = [
        argument for call in code.calls if call in hashing or called_name(call) in _ADDING for argument in _taken(call)
    ]
    data = key_flow.spread(code.stored_data, {*_data_of(code, module.passed)} - keys)
    with_key = any(not words_of(argument).isdisjoint(keys) for argument in taken) or _is_implicit(hashing, key)
    continued = any(_is_continued(call, code, keys) for call in hashing)
    prepared = any(_is_prepared(call, module) for call in hashing)
    no_data = {*state, *module.keys}
    if (with_key or continued) and (prepared or any(_has_data(argument, data, no_data) for argument in taken)):
        yield hashing[0].lineno


def _has_data(node: ast.AST, data: Collection[str], no_data: Collection[str]) -> bool:
    """Return whether an expression has one of the names that stand for data, other than before one of ``no_data``."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        word = word_of(part)
        if word in data:
            return True
        if word not in no_data:
            waiting += ast.iter_child_nodes(part)
    return False


def _is_implicit(hashing: Iterable[ast.Call], key: str) -> bool:
    calls = (call for call in hashing if key == SALTED_HMAC == called_name(call))
    return any(
        len(call.args) < WITH_SECRET and "secret" not in (keyword.arg for keyword in call.keywords) for call in calls
    )


def _data_of(code: Code, passed: Mapping[str, Collection[str]]) -> Iterator[str]:
    """The names in a function that stand for data: parameters, what its loops go over, and random values.

    What a constructor gets with its key makes the key of the object.
    """
    random = (names for names, words in code.stored_data if not _RANDOM.isdisjoint(word.lstrip(".") for word in words))
    yield from (name for names in random for name in names if not _NO_DATA.search(name))
    yield from (name for name in code.others if not passed.get(code.name))
    for part in ast.walk(code.node):
        if isinstance(part, (*key_flow.Function, ast.Lambda)):
            is_constructor = part is code.node and code.short_name == "__init__" and passed.get(code.name)
            names = () if is_constructor else key_flow.parameters_of(part.args)
            yield from (name for name in names if not _NO_DATA.search(name))
        elif isinstance(part, (ast.For, ast.comprehension)):
            yield from (each.id for each in ast.walk(part.target) if isinstance(each, ast.Name))


def _is_hash(call: ast.Call, module: Module) -> bool:
    if called_name(call) in _NAMES or _is_hash_in_sql(call):
        return True
    imported = [(name, alias) for each, name, alias in module.imports if each in _MODULES and name not in _OF_OTHER_USE]
    if isinstance(call.func, ast.Name):
        return call.func.id in (alias for name, alias in imported if name)
    owners = {*_MODULES, *_CLASSES, *(alias for name, alias in imported if not name)}
    owner = getattr(call.func, "value", None)
    if isinstance(call.func, ast.Call) and called_name(call.func) == "getattr":
        owner = call.func.args[0] if call.func.args else None
    return isinstance(owner, ast.Name) and owner.id in owners - {called_name(call)}


def _is_hash_in_sql(call: ast.Call) -> bool:
    return called_name(call) in _QUERIES and any(
        isinstance(part, ast.Constant) and isinstance(part.value, str) and _HASH_IN_SQL.search(part.value)
        for part in ast.walk(call)
    )


def _is_prepared(call: ast.Call, module: Module) -> bool:
    """Return whether a call gets a function that hashes, as partial() does, which is called with data later."""
    return (
        called_name(call) in key_flow.PARTIAL and bool(call.args) and _is_hash(ast.Call(call.args[0], [], []), module)
    )


def _is_continued(call: ast.Call, code: Code, keys: Collection[str]) -> bool:
    """Return whether a call adds data to a hash that was begun elsewhere with the key."""
    return (
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "update"
        and not words_of(call.func.value).isdisjoint(keys)
        and any(called_name(each) in _ENDS for each in code.calls)
    )


def _taken(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]
