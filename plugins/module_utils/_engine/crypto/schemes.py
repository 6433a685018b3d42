# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schemes: how a key set makes a token, as data. A format, its keys, and what is around the token."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Final, cast

from ..._errors.base import RotationError, word
from ..._errors.options import InvalidScheme
from . import derivation, text_encoding
from .aes_cbc import pad, unpad
from .function_names import CONTEXT, TO_FILL_IN, Functions
from .library_schemes import KNOWN_SCHEMES
from .token_formats import FORMATS, Format
from .tokens import Cipher, Opened
from .wrappers import AnyOf, Armor, Base64, Hashed, Layered, Nested, Prefixed

if TYPE_CHECKING:
    from .scheme_description import KeyDescription, KeyRole, KeySource, SchemeDescription, SourceRole

ROLES: tuple[KeyRole, ...] = ("key", "signing_key", "public_key", "iv")
AROUND = {"prefix": str, "base64": bool, "armor": bool, "nested": bool}
# It is not known what a wrong key would do to what the application's own functions make.
UNKNOWN = Format(Cipher, keys=(), authenticated=False)
IN_DOCUMENTS: Final = "json_members"  # names of the members of JSON documents in which its tokens are
# The scheme of the tokens that its plaintexts are, if the application encrypts twice by design.
INSIDE: Final = "inside"
FUNCTIONS = ("decrypt", "encrypt")
MEMBERS = {"format", *ROLES, *AROUND, "hash_salt", IN_DOCUMENTS, INSIDE}

Refuse = Callable[[str], RotationError]


@dataclass(frozen=True)
class Scheme:
    """One scheme, checked."""

    name: str
    described: SchemeDescription = field(repr=False)
    trial: bool = False  # tried on the chance: settings that make no key for it are no error
    shown_prefix: str = ""  # the prefix as people may see it
    by_hand: bool = False  # no library's, and its tokens have no marker: whole tables are not searched for them

    @property
    def functions(self) -> Functions | None:
        """The application's own functions, if they are the scheme."""
        described = self.described.get("application")
        if described is None:
            return None
        return Functions(
            described["decrypt"],
            described["encrypt"],
            described.get("binary", False),
            tuple(described.get("context", ())),
        )

    @property
    def format(self) -> Format:
        """The entry of its format in the registry."""
        return UNKNOWN if self.functions else FORMATS[self.described["format"]]

    @property
    def settings(self) -> set[str]:
        """The settings that its tokens may depend on."""
        return self.made_of(None)

    def made_of(self, settings: derivation.Settings | None) -> set[str]:
        """Return the settings that it depends on, given the values of all settings."""
        own = {name for _, _, source in self._placed_sources() for name in derivation.names(source, settings)}
        return own | (self.inside.made_of(settings) if self.inside else set())

    @property
    def optional(self) -> set[str]:
        """Its settings that have a default and are not secret: salts, prefixes and an IV."""
        placed = [source for role, member, source in self._placed_sources() if role == "iv" or member != "secret"]
        own = {name for source in placed for name in derivation.optional(source)}
        return own | (self.inside.optional if self.inside else set())

    def _placed_sources(self) -> Iterator[tuple[str, str, KeySource]]:
        """Each source with its role and the member that has it."""
        for role in self.format.keys:
            yield from ((role, member, self.described[role][member]) for member in self._sources(role))
        if "hash_salt" in self.described:
            yield "hash_salt", "salt", self.described["hash_salt"]

    @property
    def inside(self) -> Scheme | None:
        """The scheme of the tokens that its plaintexts are, if the application encrypts twice by design."""
        described = self.described.get(INSIDE)
        return None if described is None else Scheme(self.name, described, self.trial)

    @cached_property
    def marker(self) -> bytes:
        """The bytes with which every token begins; empty if a token may begin with any."""
        bare = self.format.marker
        if self.described.get("base64"):
            bare = base64.urlsafe_b64encode(bare[: len(bare) // 3 * 3])
        if self.described.get("armor"):
            bare = Armor.HEAD
        return str(self.described.get("prefix", "")).encode() + bare

    def may_be_whole(self, value: bytes) -> bool:
        """Return whether all of a value may be a token of a scheme by hand, by its form alone."""
        return bool(text_encoding.of(value.strip())) if self.text else not value.isascii()

    @property
    def json_members(self) -> tuple[str, ...]:
        """The members of JSON documents in which its tokens are; none if any leaf may be one."""
        return tuple(self.described.get(IN_DOCUMENTS, ()))

    @property
    def text(self) -> bool:
        """Return whether the tokens of this scheme are ASCII."""
        return self.format.text or bool(self.described.get("base64") or self.described.get("armor"))

    def text_of(self, inside: Opened) -> bytes:
        """The plaintext as the application has it, without what its format or its function keeps around it."""
        if self.functions:
            return inside.plaintext[1:]
        return inside.plaintext if self.format.authenticated else unpad(inside.plaintext) or b""

    def with_text(self, inside: Opened, text: bytes) -> Opened:
        """The inside of a token with another plaintext: what ``text_of`` takes apart. A second layer is added."""
        if self.functions:
            return inside._replace(plaintext=inside.plaintext[:1] + text)
        if not self.format.authenticated:
            return inside._replace(plaintext=pad(text))
        within = (inside.within or Opened(b"", inside.timestamp)) if self.inside else None
        return inside._replace(plaintext=text, within=within)

    def cipher(self, settings: derivation.Settings) -> Cipher | None:
        """The scheme under one set of settings; None if one of them has no value, or none that fits a trial.

        Derives the keys: call once per key set, never per row. Raise E_SCHEME on a setting that makes no key.
        """
        try:
            role_keys = [derivation.keys(self.described[role], settings) for role in self.format.keys]
            if not all(role_keys):
                return None
            keys, others = role_keys[0], [rest[0] for rest in role_keys[1:]]
            ciphers = [self.format.make(key, *others) for key in keys]
        except (ValueError, TypeError):
            if self.trial:
                return None
            settings_named = ", ".join(sorted(self.settings))
            fault = f"cannot make a key from {settings_named}"
            raise InvalidScheme(scheme=self.name, fault=fault) from None
        outer = self._wrapped(ciphers[0] if len(ciphers) == 1 else AnyOf(ciphers), settings)
        if self.inside is None:
            return outer
        inner = self.inside.cipher(settings)
        return None if inner is None else Layered(outer, inner)

    def key_sizes(self, settings: derivation.Settings) -> set[int]:
        """Return the lengths of the keys that are settings as they are, if its format takes several: code that cuts
        such a setting makes the same key of it only if it is as long as before. Raise ValueError on a bad setting.

        A setting of up to 32 bytes does not show whether code would cut it or fill it up, so that its length counts.
        """
        described = self.described["key"]
        if described["derive"] == "padded":
            secrets = derivation.values(described["secret"], settings)
            return {min(len(secret), derivation.LONGEST_AES + 1) for secret in secrets}
        if not self.format.several_sizes or described["derive"] not in derivation.KEY_ITSELF:
            return set()
        return {len(key) for key in derivation.keys(described, settings)}

    def _wrapped(self, cipher: Cipher, settings: derivation.Settings) -> Cipher:
        if "hash_salt" in self.described:
            salts = derivation.values(self.described["hash_salt"], settings) or [b""]
            cipher = Hashed(cipher, salts[0])
        if self.described.get("base64"):
            cipher = Base64(cipher)
        if self.described.get("armor"):
            cipher = Armor(cipher)
        if self.described.get("nested"):
            cipher = Nested(cipher)
        prefix = self.described.get("prefix", "")
        return Prefixed(cipher, prefix.encode()) if prefix else cipher

    def _sources(self, role: KeyRole) -> list[SourceRole]:
        described = self.described[role]
        return [name for name in derivation.DERIVATIONS[described["derive"]][1] if name in described]

    def has_several(self, settings: derivation.Settings) -> bool:
        """Return whether several keys open its tokens under these settings, as a list or as a text with commas."""
        if self.functions:
            return False
        own = derivation.several(self.described[self.format.keys[0]], settings)
        return own or (self.inside is not None and self.inside.has_several(settings))

    def reads_several(self, settings: derivation.Settings) -> bool:
        """Return whether the application can read several keys at once: one of the settings is a list in it."""
        bare = self.described.copy()
        bare.pop(INSIDE, None)
        outer = Scheme(self.name, bare)
        own = any(isinstance(settings(name), (list, tuple)) for name in outer.settings)
        return own and (self.inside is None or self.inside.reads_several(settings))

    def over(self, inner: Scheme) -> Scheme:
        """Return this scheme with tokens of another scheme as its plaintexts."""
        described: SchemeDescription = {**self.described, INSIDE: inner.described}
        return Scheme(f"{self.name} over {inner.name}", described, self.trial, by_hand=self.by_hand)

    def is_same_layer(self, other: Scheme) -> bool:
        """Return whether both have one format and key, whatever is around their tokens and inside them."""
        apart = {*AROUND, "hash_salt", IN_DOCUMENTS, INSIDE}
        own, theirs = (
            {name: value for name, value in each.described.items() if name not in apart} for each in (self, other)
        )
        return own == theirs

    def around(self, prefix: str, doubled: bool, shown: str = "") -> Scheme:
        """Return the same scheme with something around its tokens. ``shown`` is the prefix without what must stay
        hidden."""
        extra: SchemeDescription = {}
        if prefix:
            extra["prefix"] = prefix
        if doubled:
            extra["base64"] = True
        words = [self.name, *(["base64"] if doubled else []), *([f"after {shown or prefix}"] if prefix else [])]
        return Scheme(" ".join(words), {**self.described, **extra}, self.trial, shown)


def parse(described: object) -> dict[str, Scheme]:
    """Schemes by name from the option ``schemes``: ``auto``, or the mapping the design shows. Raise E_SCHEME."""
    if described == "auto":
        return {name: Scheme(name, members, trial=True) for name, members in KNOWN_SCHEMES.items()}
    if not isinstance(described, Mapping) or not described:
        raise InvalidScheme(scheme="(all)", fault="is neither 'auto' nor a mapping of schemes")
    for name, members in described.items():
        _check(name, members)
    return {str(name): Scheme(str(name), cast("SchemeDescription", members)) for name, members in described.items()}


def tried(described: object, names: Iterable[str]) -> dict[str, Scheme]:
    """Return the schemes that a person described, followed by all known ones. Otherwise a description of one library's
    scheme would hide the columns of another. ``names`` are those of the keys. Raise E_SCHEME."""
    own = {} if described == "auto" else parse(described)
    same = [scheme.described for scheme in own.values()]
    known = {**parse("auto"), **of_keys(names)}
    return {
        **own,
        **{name: scheme for name, scheme in known.items() if name not in own and scheme.described not in same},
    }


def of_keys(names: Iterable[str]) -> dict[str, Scheme]:
    """Return what applications do by hand with a setting of their own: Fernet under it, its SHA-256 or its first 32
    bytes, AES-GCM under these or the key that it is in some form, or AES.2 tokens.

    Keys of known libraries are left out. A setting that is not such a key has no scheme, and is not an error.
    """
    known = list(KNOWN_SCHEMES.values())
    schemes: dict[str, Scheme] = {}
    titles = {"direct": "fernet", "sha256": "sha256", "padded": "fernet_padded"}
    for name, derive in product(sorted(names), titles):
        described: SchemeDescription = {"format": "fernet", "key": {"derive": derive, "secret": name}}
        if described not in known:
            title = f"{titles[derive]}_of_{name}"
            schemes[title] = Scheme(title, described, trial=True)
    derivations = ("direct", "standard_base64", "hex", "padded", "sha256")
    for name, derive, form in product(sorted(names), derivations, ("text", "bytes")):
        title = f"aes_gcm_{form}_{derive}_of_{name}"
        gcm: SchemeDescription = {"format": f"aes_gcm_{form}", "key": {"derive": derive, "secret": name}}
        schemes[title] = Scheme(title, gcm, trial=True, by_hand=True)
    for name in sorted(names):
        defectdojo = KNOWN_SCHEMES["defectdojo"]
        title = f"aes_2_of_{name}"
        key: KeyDescription = {**defectdojo["key"], "secret": name}
        schemes[title] = Scheme(title, {**defectdojo, "key": key}, trial=True)
    return schemes


def _check(name: str, members: object) -> None:
    def refuse(fault: str) -> RotationError:
        return InvalidScheme(scheme=name, fault=fault)

    if not isinstance(members, Mapping):
        raise refuse("is not a mapping")
    names = members.get(IN_DOCUMENTS, [])
    if not isinstance(names, list) or not all(isinstance(member_name, str) and member_name for member_name in names):
        raise refuse(f"has {IN_DOCUMENTS} that are not a list of names")
    if any(member_name.startswith(TO_FILL_IN) for member_name in names):
        raise refuse(f"has {IN_DOCUMENTS} that are not filled in")
    if "application" in members:
        _check_functions(members, refuse)
        return
    for member in members:
        if member not in MEMBERS:
            raise refuse(f"has the unknown member {member}")
    if str(members.get("format")) not in FORMATS:
        raise refuse(f"has no format of: {', '.join(FORMATS)}")
    for role in ROLES:
        if role in FORMATS[members["format"]].keys:
            check_key(members.get(role), role, refuse)
        elif role in members:
            raise refuse(f"has a {role}, which {members['format']} does not take")
    for member, kind in AROUND.items():
        if not isinstance(members.get(member, kind()), kind):
            raise refuse(f"has a {member} of another type than {kind.__name__}")
    if "hash_salt" in members and not _is_source(members["hash_salt"]):
        raise refuse("has a hash_salt that names no setting")
    if INSIDE in members:
        _check_inside(name, members, refuse)


def _check_inside(name: str, members: Mapping[str, object], refuse: Refuse) -> None:
    _check(name, members[INSIDE])
    outer = cast("SchemeDescription", members)
    inner = outer[INSIDE]
    if "application" in inner or INSIDE in inner:
        raise refuse("has an inside that is not a scheme of one layer")
    if not all(FORMATS[layer["format"]].authenticated for layer in (outer, inner)):
        raise refuse("has a layer without authentication, whose key cannot be determined")


def _check_functions(members: Mapping[str, object], refuse: Refuse) -> None:
    described = members["application"]
    if others := sorted(map(word, set(members) - {IN_DOCUMENTS, "application"})):
        raise refuse(f"has {', '.join(others)} besides application")
    if not isinstance(described, Mapping):
        raise refuse("has an application that is not a mapping")
    taken = [each.name for each in fields(Functions)]
    if unknown := sorted(map(word, set(described) - {*taken})):
        raise refuse(f"has {', '.join(unknown)} in application, which takes {', '.join(taken)}")
    if missing := [name for name in FUNCTIONS if name not in described]:
        raise refuse(f"has no {' and no '.join(missing)} in application")
    for name in FUNCTIONS:
        _check_path(described[name], name, refuse)
    if not isinstance(described.get("binary", False), bool):
        raise refuse("has an application.binary that is neither true nor false")
    context = described.get("context", [])
    if not isinstance(context, list) or any(context.count(name) != 1 or name not in CONTEXT for name in context):
        raise refuse(f"has an application.context that is not a list of: {', '.join(CONTEXT)}")
    if "member" in context and IN_DOCUMENTS not in members:
        raise refuse(f"asks for the member, and has no {IN_DOCUMENTS}")


def _check_path(path: object, name: str, refuse: Refuse) -> None:
    if isinstance(path, str) and path.startswith(TO_FILL_IN):
        raise refuse(f"has an application.{name} that is not filled in: name the function instead of {TO_FILL_IN}")
    if not is_function_path(path):
        raise refuse(f"has an application.{name} that is not a dotted path of a function")


def is_function_path(path: object) -> bool:
    """Return whether a text may be the dotted path of a function."""
    return isinstance(path, str) and "." in path and all(part.isidentifier() for part in path.split("."))


def check_key(described: object, role: str, refuse: Refuse) -> None:
    """Raise the error of a key that is not described as a derivation with its sources."""
    if not isinstance(described, Mapping) or str(described.get("derive")) not in derivation.DERIVATIONS:
        raise refuse(f"has no {role}.derive of: {', '.join(derivation.DERIVATIONS)}")
    _, sources, optional, numbers = derivation.DERIVATIONS[described["derive"]]
    needed = [name for name in (*sources, "iterations") if name in (*sources, *numbers) and name not in optional]
    for name in needed:
        if name not in described:
            raise refuse(f"has no {role}.{name}")
    for name, value in described.items():
        if name not in ("derive", *sources, *numbers):
            raise refuse(f"has the unknown member {role}.{name}")
        if name in numbers and (type(value) is not int or value <= 0):
            raise refuse(f"has a {role}.{name} that is not a positive number")
        if name in sources and not _is_source(value):
            raise refuse(f"has a {role}.{name} that names no setting")


def _is_source(value: object) -> bool:
    if isinstance(value, str):
        return bool(value)
    if not isinstance(value, Mapping):
        return False
    if "setting" in value:
        return set(value) == {"setting", "default"} and isinstance(value["setting"], str)
    if set(value) == {"text"}:
        return True
    if set(value) == {"entries"}:
        return isinstance(value["entries"], list) and [type(name) for name in value["entries"]] == [str, str]
    return len(value) == 1 and set(value) <= {*derivation.GROUPS} and _are_sources(next(iter(value.values())))


def _are_sources(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_source, value))
