# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes of a model that run code that looks like encryption, and the plain columns that this code reads.

The code is followed from the attribute's getter through functions of the application, by the names in it. Nothing is
called. What is found is only read and compared: a wrong guess costs the reading of a few values.
"""

from __future__ import annotations

import dis
import inspect
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

from .key_uses import Use

MOST = 200  # functions that are followed from one attribute
MODULES = 3  # that are followed, each within the other: django, utils, timezone
_SAYS = re.compile(
    r"(?i:(?:en|de)crypt|cipher|fernet|pgp|unseal|detokeni|secret_?box|hmac|vault|keyring)"
    r"|(?i:(?:^|_)(?:aes|des|fpe|ff[13]|kms|nacl|sealed?|sign(?:er|ing|ed)?)(?:_|$))|AES"
)
_SAYS_KEY = re.compile(r"SECRET|KEY|SALT")  # a setting that code reads
# Packages that encrypt or sign, by the first part of their names.
_PACKAGES = {"cryptography", "Crypto", "Cryptodome", "nacl", "hmac", "jwt", "itsdangerous", "gnupg", "pgpy", "ff3"}
_OF_DJANGO = ("django.core.signing", "django.utils.crypto")
_STDLIB = sysconfig.get_paths()["stdlib"]
# What reads the clock, by its module: functions, and class methods of the module's classes.
_CLOCKS: Mapping[str, set[str]] = {
    "time": {"time", "time_ns", "localtime", "gmtime", "strftime"},
    "datetime": {"now", "today", "utcnow"},
    "django.utils.timezone": {"now", "localdate"},
    "django.utils.timesince": {"timesince", "timeuntil"},
    "django.contrib.humanize.templatetags.humanize": {"naturalday", "naturaltime"},
    "django.template.defaultfilters": {"timesince_filter", "timeuntil_filter"},
    "humanize.time": {"naturaldate", "naturalday", "naturaltime"},
    "timeago": {"format"},
    "arrow": {"now", "utcnow"},
    "arrow.api": {"now", "utcnow"},
    "arrow.arrow": {"now", "utcnow"},
    "pendulum": {"now", "today", "tomorrow", "yesterday"},
    "pendulum.datetime": {"now", "today", "tomorrow", "yesterday"},
}
# What seals the time into a value that it signs: functions by their module, methods by their class.
_STAMPS: Mapping[str, set[str]] = {
    "django.core.signing": {"dumps"},
    "django.core.signing.TimestampSigner": {"sign", "sign_object", "timestamp"},
    "django.contrib.auth.tokens.PasswordResetTokenGenerator": {"make_token"},
    "itsdangerous.timed.TimestampSigner": {"sign", "get_timestamp"},
    "itsdangerous.timed.TimedSerializer": {"dumps"},
}
# Methods of dates that tell how long ago they were, by the package of these dates.
_AGES = {"humanize": "arrow", "diff_for_humans": "pendulum"}
_NAMES_GLOBALS = ("LOAD_GLOBAL", "IMPORT_NAME")
_NAMES_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")


@dataclass
class CodeReach:
    """The extent of some code: the ``names`` and texts that it reaches, and whether it looks like encryption.

    It also says whether the application's own code in it reads the clock, or signs with the time. What decrypts, and
    all that it calls, does not count for the clock.
    """

    names: set[str] = field(default_factory=set)
    encrypts: bool = False
    dated: bool = False


def of_model(model: Any) -> dict[str, list[str]]:
    """The plain columns that are read by each attribute of a model whose code looks like encryption. Not those by which
    rows are named or joined, nor flags and files. A key may shift dates, times and durations."""
    columns = {
        name: column.attname
        for column in model._meta.concrete_fields
        for name in (column.attname, column.name)
        if _may_be_encrypted(column)
    }
    if not columns:
        return {}
    attributes = {}
    for name, member in members(model):
        getter = _getter(member)
        if getter is None:
            continue
        reach = of_function(getter, model, member)
        read = sorted({columns[each] for each in reach.names & {*columns}})
        if reach.encrypts and read and name not in columns:
            attributes[name] = read
    return attributes


def handles(model: Any, name: str) -> bool:
    """Return whether a method or an attribute of a model that names a field reaches code that looks like encryption."""
    for _, member in members(model):
        held = (getattr(member, attribute, None) for attribute in ("fget", "func", "__func__"))
        code = inspect.unwrap(next(filter(callable, held), member))
        if isinstance(code, FunctionType) and _is_own(code):
            reach = of_function(code, model)
            if reach.encrypts and name in reach.names:
                return True
    return False


def is_dated(model: Any, name: str) -> bool:
    """Return whether an attribute of a model may read another value at another time, by its code: an age, days left."""
    member = inspect.getattr_static(model, name, None)
    getter = _getter(member)
    return getter is not None and of_function(getter, model, member).dated


def is_named_so(use: Use) -> bool:
    """Return whether a use of a setting is in a file or function that is named as if it encrypts."""
    return bool(_SAYS.search(use.file) or _SAYS.search(use.function))


def is_in(value: Any) -> bool:
    """Return whether a value has something that encrypts, or a method that reaches such code, such as one that decrypts
    lazily."""
    held = [member for member in getattr(value, "__dict__", {}).values() if not isinstance(member, str)]
    cls: Any = type(value)
    return any(_is_of_encryption(member) for member in held) or _class_encrypts(cls)


@cache
def _class_encrypts(cls: Any) -> bool:
    candidates = [
        getattr(member, "fget", None) or getattr(member, "func", None) or member for _, member in members(cls)
    ]
    functions = [
        inspect.unwrap(candidate)
        for candidate in (getattr(candidate, "__func__", candidate) for candidate in candidates)
        if callable(candidate)
    ]
    return any(
        of_function(function, cls).encrypts
        for function in functions
        if isinstance(function, FunctionType) and _is_own(function)
    )


def members(model: Any) -> Iterator[tuple[str, Any]]:
    """The members of a model's own classes, each name once. Those of a parent with a table of its own are the parent's,
    and Django's read what it stores."""
    parents = tuple(model._meta.parents) if hasattr(model, "_meta") else ()
    names: set[str] = set()
    for cls in model.__mro__:
        if any(issubclass(parent, cls) for parent in parents) or is_of_django(cls.__module__):
            continue
        for name, member in vars(cls).items():
            if name not in names and name != "pk":
                names.add(name)
                yield name, member


def _may_be_encrypted(column: Any) -> bool:
    from django.db import models

    kinds = (models.BooleanField, models.FileField)
    return not (column.primary_key or column.is_relation or isinstance(column, kinds))


def _getter(member: Any) -> FunctionType | None:
    """The function that runs when an attribute is read; that of a descriptor only if its class is the application's."""
    getter = getattr(member, "fget", None) or getattr(member, "func", None)
    if getter is None and hasattr(type(member), "__get__") and not isinstance(member, FunctionType):
        getter = inspect.getattr_static(type(member), "__get__")
    getter = inspect.unwrap(getter) if callable(getter) else None
    return getter if isinstance(getter, FunctionType) and _is_own(getter) else None


def of_function(function: FunctionType, owner: Any, member: Any = None) -> CodeReach:
    """Return what a function and all that it calls by name reach. ``member`` is the descriptor that it belongs to."""
    reach = CodeReach()
    own = getattr(member, "__dict__", None)
    if isinstance(own, dict):
        reach.names |= {value for value in own.values() if isinstance(value, str)}
    waiting, visited = [(function, False)], set[CodeType]()
    while waiting and len(visited) < MOST:
        current, is_of_cipher = waiting.pop()
        if current.__code__ in visited:
            continue
        visited.add(current.__code__)
        names = set(names_in(current.__code__))
        reach.names |= names
        identifiers = {name for name in names if name.replace(".", "_").isidentifier()}
        if any(map(_SAYS.search, identifiers)) or ("settings" in names and any(map(_SAYS_KEY.search, identifiers))):
            reach.encrypts = True
        reach.dated = reach.dated or (not is_of_cipher and _tells_time(current, identifiers))
        for value in _values_of(current, identifiers, owner):
            if _is_of_encryption(value):
                reach.encrypts = True
            reach.dated = reach.dated or (_is_of_application(current) and _stamps_in(value, identifiers))
            for called in _functions_of(value, identifiers):  # what decrypts may note when it failed
                waiting.append((called, is_of_cipher or bool(_SAYS.search(called.__qualname__))))
    return reach


def names_in(code: CodeType) -> Iterator[str]:
    """All names and texts of code, that of functions within it included."""
    yield from code.co_names
    yield from code.co_freevars
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, tuple):
            yield from (each for each in constant if isinstance(each, str))
        elif isinstance(constant, CodeType):
            yield from names_in(constant)


def _values_of(function: FunctionType, names: set[str], owner: Any) -> Iterator[Any]:
    """Yield the values of the names in a function: in its module, its closure, the model, and modules that it
    names."""
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or ()))
    for name in names:
        value = function.__globals__.get(name)
        if name in cells:
            try:
                value = cells[name].cell_contents
            except ValueError:  # not set yet
                value = None
        if value is None:
            value = sys.modules.get(name)
        if value is None:
            value = inspect.getattr_static(owner, name, None)
        if isinstance(value, ModuleType):
            yield from (member for member in map(vars(value).get, names) if member is not None)
        if value is not None:
            yield value


def _functions_of(value: Any, names: set[str]) -> Iterator[FunctionType]:
    """Yield the application's functions behind a value: itself, or its methods of these names."""
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    if isinstance(value, property):
        value = value.fget
    if isinstance(value, ModuleType):
        return
    if isinstance(value, FunctionType):
        functions: list[Any] = [value]
    else:
        cls = value if isinstance(value, type) else type(value)
        wanted = {*names, "__init__", "__call__", "__get__"}
        functions = [member for ancestor in cls.__mro__ for name, member in vars(ancestor).items() if name in wanted]
        functions = [getattr(member, "fget", None) or getattr(member, "__func__", member) for member in functions]
    for function in functions:
        inner = inspect.unwrap(function) if callable(function) else function
        if isinstance(inner, FunctionType) and _is_own(inner):
            yield inner


def _is_of_encryption(value: Any) -> bool:
    module = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    if not isinstance(module, str):
        module = type(value).__module__
    return module.partition(".")[0] in _PACKAGES or module.startswith(_OF_DJANGO)


def _tells_time(function: FunctionType, names: set[str]) -> bool:
    """Return whether code of the application reads the clock, directly or through a known function.

    Packages read it for the age of a token, a cache or an error report. What they decrypt is the same at any time.
    """
    if not _is_of_application(function):
        return False
    if any(_AGES.get(name) in sys.modules for name in _named_by(function.__code__, _NAMES_ATTRIBUTES)):
        return True
    named = _named_by(function.__code__, _NAMES_GLOBALS)
    loaded = (function.__globals__.get(name, sys.modules.get(name)) for name in named)
    return any(_is_clock(each, names) for value in loaded for each in _named_in(value, names))


def _named_in(value: Any, names: set[str], depth: int = MODULES) -> Iterator[Any]:
    """A value, and of a module the members of these names, as in ``utils.timezone.now`` or after an import of them."""
    yield value
    if isinstance(value, ModuleType) and depth:
        for member in map(vars(value).get, names):
            yield from _named_in(member, names, depth - 1)


@cache
def _named_by(code: CodeType, instructions: tuple[str, ...]) -> frozenset[str]:
    """The names that these instructions of code use: a global or module, and an attribute, may have the same one."""
    inner = (_named_by(constant, instructions) for constant in code.co_consts if isinstance(constant, CodeType))
    own = {str(each.argval) for each in dis.get_instructions(code) if each.opname in instructions}
    return frozenset(own.union(*inner))


def _is_clock(value: Any, names: set[str]) -> bool:
    """Return whether a value reads the clock: a function that does, or a class with such a method that is named."""
    clocks = _CLOCKS.get(str(getattr(value, "__module__", None)), set())
    return bool(clocks & (names if isinstance(value, type) else {str(getattr(value, "__name__", ""))}))


def _stamps_in(value: Any, names: set[str]) -> bool:
    return any(_stamps(each, names) for each in _named_in(value, names))


def _stamps(value: Any, names: set[str]) -> bool:
    """Return whether a value signs with the time: a function that does, or a class or instance with such a method that
    is named."""
    if isinstance(value, FunctionType):
        return value.__name__ in _STAMPS.get(value.__module__, ())
    classes = (value if isinstance(value, type) else type(value)).__mro__
    return any(names & _STAMPS.get(f"{each.__module__}.{each.__qualname__}", set()) for each in classes)


def _is_of_application(function: FunctionType) -> bool:
    """Return whether a function is in the application's own files, not in those of a package."""
    path = function.__code__.co_filename
    return "site-packages" not in path and "dist-packages" not in path


def _is_own(function: FunctionType) -> bool:
    """Return whether a function is of the application or a package of its own, not of Django or Python."""
    path = function.__code__.co_filename
    of_python = path.startswith(_STDLIB) and "site-packages" not in path
    return not of_python and not path.startswith("<frozen") and not is_of_django(function.__module__)


def is_of_django(module: Any) -> bool:
    return str(module).partition(".")[0] == "django"
