# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of findings that stop nothing: one class for each kind whose text or whose readers need some.

They are names and numbers only. A finding that stops a rotation has its error instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from .finding_kinds import KindName


@dataclass(frozen=True)
class TypedFacts:
    """The facts of one kind of finding. Those in ``approved`` are in the hash of a plan: the kind and the column alone
    do not say what a person approves."""

    kind: ClassVar[KindName]
    approved: ClassVar[tuple[str, ...]] = ()


@dataclass(frozen=True)
class FixedColumn(TypedFacts):
    """Encrypted under settings that the keys do not feed."""

    kind = "fixed"
    scheme: str


@dataclass(frozen=True)
class DataKeyValues(TypedFacts):
    """Encrypted under the data keys in the column ``keys``, which are rotated."""

    kind = "data_keys"
    approved = ("keys",)
    keys: str


@dataclass(frozen=True)
class EmptyField(TypedFacts):
    """The ``field`` encrypts, by the path of its class, and has no value yet."""

    kind = "empty"
    field: str


@dataclass(frozen=True)
class KeptHash(TypedFacts):
    """A hash under a ``setting``, or the salt of a field, that the keys do not feed."""

    kind = "kept"
    setting: str


@dataclass(frozen=True)
class UnprovedValues(TypedFacts):
    """The number of ``tokens`` that no key decrypts, the field of their model, and how their format looks. The finding
    gets its error when all databases were surveyed: only then is it known whether the key is wrong."""

    kind = "unproved"
    tokens: int
    field: str
    look: str
    advice: str


@dataclass(frozen=True)
class RowFacts(TypedFacts):
    """The number of rows, and the first ones as a text."""

    count: int
    rows: str


class NestedTokens(RowFacts):
    kind = "nested"


class LooseTokens(RowFacts):
    kind = "loose"


class UnsearchedTexts(RowFacts):
    kind = "unsearched"


@dataclass(frozen=True)
class StayingPlain(RowFacts):
    kind = "stays_plain"
    approved = ("look",)
    look: str


@dataclass(frozen=True)
class LaterKeys(TypedFacts):
    kind = "later_keys"
    ranks: str


@dataclass(frozen=True)
class SharedWord(TypedFacts):
    """The place in which the value of ``key`` was found again."""

    kind = "shared_word"
    approved = ("key",)
    place: str
    key: str


@dataclass(frozen=True)
class StartUntried(TypedFacts):
    """The ``place`` in the code at which the application fails."""

    kind = "start_untried"
    place: str


@dataclass(frozen=True)
class SearchLimits(TypedFacts):
    """The limits at which a search ended."""

    files: int
    seconds: int


class ScanCutOff(SearchLimits):
    kind = "scan_cut_off"


class ConfiguredCutOff(SearchLimits):
    kind = "configured_cut_off"


@dataclass(frozen=True)
class UnplacedHashing(TypedFacts):
    """The places in code, in words."""

    kind = "hashing"
    uses: str


@dataclass(frozen=True)
class PlainIndex(TypedFacts):
    kind = "plain_index"
    approved = ("target",)
    target: str


@dataclass(frozen=True)
class SameTokens(TypedFacts):
    kind = "same_tokens"
    approved = ("other",)
    other: str
    count: int


@dataclass(frozen=True)
class UnreachedDatabase(TypedFacts):
    kind = "unreached_database"
    approved = ("vendor",)
    vendor: str


@dataclass(frozen=True)
class OtherDatabaseTried(TypedFacts):
    """``unread`` says which columns could not be read."""

    kind = "other_database"
    approved = ("vendor",)
    vendor: str
    unread: str


@dataclass(frozen=True)
class SparseLook(TypedFacts):
    """A description of what a few of the values look like."""

    kind = "sparse"
    look: str


@dataclass(frozen=True)
class OutlivingCache(TypedFacts):
    """A cache by its kind in words, and how to clear it."""

    kind = "cache"
    approved = ("cache_kind",)
    cache_kind: str
    advice: str


@dataclass(frozen=True)
class CachedEntries(TypedFacts):
    """``count`` of so many sampled entries hold tokens."""

    kind: ClassVar[KindName] = "cached_tokens"
    count: int
    looked_at: int


@dataclass(frozen=True)
class SessionEntries(CachedEntries):
    """The ``command`` deletes the sessions."""

    kind = "session_tokens"
    command: str


@dataclass(frozen=True)
class OwnStorage(TypedFacts):
    kind = "files"
    approved = ("storage",)
    storage: str


@dataclass(frozen=True)
class FilesUnread(TypedFacts):
    kind = "files_unread"
    count: int


@dataclass(frozen=True)
class FilesElsewhere(TypedFacts):
    kind = "files_elsewhere"
    approved = ("storage",)
    storage: str


@dataclass(frozen=True)
class OnlyMember(TypedFacts):
    """A digest under the only member of ``key``, whose list will keep that member after the new one."""

    kind = "only_member"
    approved = ("key",)
    key: str


@dataclass(frozen=True)
class NextValue(TypedFacts):
    """The requirements for the next value of ``key``: the first one ``needed``, and all of them."""

    kind = "next_value"
    approved = ("key",)
    key: str
    needed: str
    every_need: str
