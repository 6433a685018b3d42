# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was found about an application: one row of ``KINDS`` for each kind, which plan, checklist and error all read.

To add a kind, add a row: ``stop(name, code)`` takes its text from the catalogue of errors, ``warn(name, what, todo)``
has it in the row. Then ``put`` findings of that name. A kind without a text is known and needs no attention.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, TypeVar

from ..._errors.base import NOTHING_CHANGED, RotationError
from ..._errors.by_code import CATALOGUE, build_error
from ..._errors.counts import counted, fill
from ..._errors.discovery import SeveralFindings
from ..._errors.option_names import spell_options
from .listed_rows import ListedRows, as_results
from .settlements import BY_COMMAND, DECISIONS, NOT_A_KEY, UNREADABLE, UNUSED_KEY_ID, Settlements


@dataclass(frozen=True)
class FindingKind:
    """One kind. ``what`` follows the column's name; it and ``todo`` are filled with the facts of a finding."""

    name: str
    stops: bool
    code: str  # of the catalogue; empty if it stops nothing
    what: str
    todo: str
    settled_by: tuple[str, ...] = ()  # decisions of a settlement after which it stops nothing
    is_closed: bool = False  # whether it is about a column of which nothing opens


def stop(name: str, code: str, settled_by: tuple[str, ...] = (), *, is_closed: bool = False) -> FindingKind:
    """A kind that stops a rotation, with the text of the catalogue."""
    what, todo = CATALOGUE[code].problem, CATALOGUE[code].remedy
    for begin in ("{path}: {name} ", "{column}: ", "{column} "):
        what = what[len(begin) :] if what.startswith(begin) else what
    return FindingKind(
        name=name, stops=True, code=code, what=what, todo=todo, settled_by=settled_by, is_closed=is_closed
    )


def warn(name: str, what: str = "", todo: str = "") -> FindingKind:
    """A kind that stops nothing, and that a person should know of if it has a text."""
    return FindingKind(name, False, "", what, todo)


_CHECK_FILES = (
    "Check whether it encrypts them. If it does so with a rotated key, let the application re-encrypt them; otherwise "
    "they cannot be read."
)
# In the order in which they are reported.
_ROWS = (
    stop("nowhere", "E_TABLE"),
    stop("missed", "E_TARGET_MISSED"),
    stop("paired", "E_KEY_PAIR", DECISIONS, is_closed=True),
    stop("unwritable", "E_COLUMN_TYPE", DECISIONS),
    stop("format", "E_FORMAT", DECISIONS, is_closed=True),
    stop("unproved", "E_UNPROVED", DECISIONS, is_closed=True),
    stop("wrong_key", "E_WRONG_KEY", (UNREADABLE,), is_closed=True),
    stop("silent", "E_FIELD_UNPROVED", DECISIONS, is_closed=True),
    stop("plain", "E_COLUMN_PLAIN", DECISIONS, is_closed=True),
    stop("keyless", "E_TABLE_KEY", (UNREADABLE,)),
    stop("ignored_open", "E_IGNORED_OPEN", (UNREADABLE,)),
    stop("ignored_tokens", "E_IGNORED_TOKENS", DECISIONS),
    stop("set_aside_open", "E_SET_ASIDE_OPEN", (UNREADABLE,)),
    stop("guarded", "E_ROW_SECURITY"),
    stop("tied", "E_COLUMN_TIED"),
    stop("file_name", "E_COLUMN_TIED", (UNREADABLE, BY_COMMAND)),
    stop("encoded", "E_FIELD_ENCODED"),
    stop("unexplained", "E_UNEXPLAINED"),
    stop("copy", "E_OUT_OF_REACH", (UNREADABLE,)),
    stop("out_of_reach", "E_OUT_OF_REACH", DECISIONS),
    stop("definition", "E_OUT_OF_REACH", (UNREADABLE,)),
    stop("configured", "E_OUT_OF_REACH", (UNREADABLE,)),
    stop("signed", "E_SIGNED", DECISIONS),
    stop("token_packed", "E_TOKEN_PACKED", (UNREADABLE, BY_COMMAND)),
    stop("files_open", "E_FILES_OPEN", (UNREADABLE, BY_COMMAND)),
    stop("files_under_key", "E_FILES_UNDER_KEY", DECISIONS),
    stop("files_unexplained", "E_FILES_UNEXPLAINED", DECISIONS),
    stop("key_fingerprint", "E_KEY_FINGERPRINT", (UNUSED_KEY_ID, BY_COMMAND)),
    stop("token_digest", "E_TOKEN_DIGEST", (UNREADABLE, BY_COMMAND)),
    stop("repeated_token", "E_REPEATED_TOKEN", (BY_COMMAND,)),
    stop("list_order", "E_LIST_ORDER"),
    stop("made_of_keys", "E_MADE_OF_KEYS"),
    stop("peppered", "E_PASSWORD_PEPPER", (UNREADABLE,)),
    stop("shared_value", "E_SHARED_VALUE", (NOT_A_KEY,)),
    stop("start_writes", "E_START_WRITES"),
    stop("start_checks", "E_START_CHECKS"),
    stop("new_keys_refused", "E_NEW_KEYS_REFUSED"),
    stop("other_keys", "E_OTHER_KEYS"),
    stop("key_missing", "E_ENV_KEY_MISSING"),
    stop("unreadable", "E_UNREADABLE"),
    stop("unlisted_key", "E_UNLISTED_KEY"),
    stop("plaintext", "E_PLAINTEXT"),
    stop("plain_unclear", "E_PLAIN_UNCLEAR"),
    stop("other_scheme", "E_OTHER_SCHEME"),
    stop("kept_key", "E_KEPT_KEY"),
    stop("token_in_text", "E_TOKEN_IN_TEXT"),
    stop("mixed_keys", "E_MIXED_KEYS"),
    stop("left_alone", "E_LEFT_ALONE"),
    stop("stale_digests", "E_STALE_DIGESTS", DECISIONS),
    stop("nested_unreadable", "E_NESTED"),
    stop("two_layers", "E_TWO_LAYERS"),
    stop("token_inside", "E_TOKEN_INSIDE"),
    warn(
        "nested",
        "encrypted twice, so the application reads a token: {count} of the values, {rows}",
        "A process with other keys wrote them: find it and restart it. The rotation writes each as one token.",
    ),
    warn(
        "loose",
        "a token with blanks, line breaks or signs that are not of base64, in {count} of the values: {rows}",
        "Check that the application reads them: some libraries refuse them, as the next Fernet of cryptography will. "
        "Each is re-encrypted in its canonical form. Only blanks around it stay.",
    ),
    warn(
        "later_keys",
        "the list of keys has several, and not all values are under the first one: {found} of the list",
        "This rotation re-encrypts all of them, to the new first key, as an earlier one may not have. How many of the "
        "old ones the list keeps is keep: N in O(keys).",
    ),
    warn(
        "stays_plain",
        "plain text that stays so, and by its look is {look}: {count} of the values, {rows}",
        "Check some of these rows: if one is ciphertext, it stays under the old keys, and will be lost.",
    ),
    warn(
        "unsearched",
        "too much text that begins like a token, and was not searched for tokens to its end, in {count} of the values: "
        "{rows}",
        "Check that they hold no token under these keys: a token inside stays under the old keys.",
    ),
    stop("round_trip", "E_ROUND_TRIP"),
    stop("refused", "E_VALUES_REFUSED"),
    stop("depends_on_key", "E_DEPENDS_ON_KEY"),
    stop("no_targets", "E_NO_TARGETS"),
    stop("key_without_value", "E_KEY_WITHOUT_VALUE"),
    stop("key_type_unfit", "E_KEY_TYPE_UNFIT"),
    warn(
        "shared_word",
        "{found}, has the value of {key}, a plain word. {key} gets a new value, and {column} keeps it",
        "Nothing was found that encrypts with {column}. If something does, its values would be lost.",
    ),
    warn(
        "start_untried",
        "the application writes to its database as it starts, and does not start without: it fails at {place}. With "
        "new values of these keys it may not write, so what it reads with them was not tried",
        "Let the application continue if that write fails, and create the plan again. Or check in its code that "
        "nothing but the targets depends on these keys.",
    ),
    warn(
        "scan_cut_off",
        "the search for uses of the keys ended at its limit of {files} files or {seconds} seconds",
        "Uses in the rest are not in the plan: search the code for the names of the keys.",
    ),
    warn(
        "configured_cut_off",
        "the search of the text files of the project for tokens ended at its limit of {files} files or {seconds} "
        "seconds",
        "Search the rest for tokens that the application decrypts with these keys: a rotation does not change them.",
    ),
    warn(
        "own_command",
        "a management command of the application, which may rotate its keys itself",
        "If it knows what the engine cannot know, such as fingerprints under a derived key, let it do the work: "
        "O(method)=command with O(command).",
    ),
    warn(
        "by_command",
        "the command of the application that will re-encrypt: the engine checks every value after it",
        "Test it on a copy first: what it does to other columns is not known.",
    ),
    warn(
        "ignored",
        "in O(ignore)",
        "It stays unchanged: check that nothing in it is under the keys that are to be rotated.",
    ),
    warn(
        "digest",
        "a hash next to tokens or of their rows, and it is not known of what and under which key: it stays",
        "Find out how it is computed. If that uses a rotated key, let the application recreate it after the rotation; "
        "otherwise searches by it find nothing.",
    ),
    warn(
        "keyed_hash",
        "a hash by its name and length, and the application hashes with {keys}, which is rotated: {uses}",
        "If this column is such a hash, let the application recreate it after the rotation; otherwise searches by it "
        'find nothing. If not: O(settlements): {{{column}: {{not_ours: "reason"}}}}.',
    ),
    warn(
        "blank",
        "made of an empty value in rows without a token: there it stays under the old keys",
        "Let the application recreate it there after the rotation; otherwise a search for an empty value finds none of "
        "those rows.",
    ),
    warn(
        "plain_index",
        "made of {target}, which is settled as mixed: in rows with plain text it stays under the old keys",
        "Let the application recreate it there after the rotation; otherwise a search finds none of those rows.",
    ),
    warn(
        "same_tokens",
        "has copies of tokens in {other}, {count} among the values looked at. Each is encrypted again "
        "by itself: after the rotation no two are the same",
        "Check that the application does not search one column by a token of the other: it would find nothing. Copies "
        "that it only reads, as in a history of rows, stay readable.",
    ),
    warn(
        "repeated_in_rows",
        "has the same token in several rows. Each is encrypted again by itself: after the rotation no two are the same",
        "Check that the application does not search, join or group by the token: it would find one row of each.",
    ),
    warn(
        "timeless",
        "all tokens that were looked at have the time 0, which no library writes: code of the application makes them",
        "If that code always creates the same token for the same value, to search by it, name its functions in "
        "O(schemes). After a rotation by the engine, the search would find nothing.",
    ),
    warn(
        "unseen",
        "{why}: not looked at",
        "It is empty now. Check again when it has values.",
    ),
    warn(
        "other_database",
        "a database of {vendor}, which is not rotated: only a few values of each column were tried under these keys"
        "{unread}",
        "Check that nothing in it is under these keys. It could not be decrypted after the rotation.",
    ),
    warn(
        "unreached_database",
        "a database of {vendor}, which is not rotated, and which cannot be connected to: not looked at",
        "Make it reachable, or check that nothing in it is under these keys. Such values could not be decrypted after "
        "the rotation.",
    ),
    warn(
        "secret_name",
        "named like a secret, and nothing in it is a token of a known scheme",
        "Check whether something else encrypts it. If not, there is nothing to rotate.",
    ),
    warn(
        "sparse",
        "{found}",
        "Check whether something encrypts or signs them. If it does so with a rotated key, they will be unreadable or "
        "invalid.",
    ),
    warn(
        "foreign",
        "most of its plaintexts look like tokens, and open under no key at hand: they stay unchanged inside",
        "Check that another system created them. If a process with other keys did, they cannot be read.",
    ),
    warn(
        "cache",
        "a cache ({kind}) outlives the processes: what it holds under the old keys is not rotated",
        "{advice}",
    ),
    warn(
        "cached_tokens",
        "{count} of {looked_at} entries of this cache hold tokens under the keys that are rotated",
        "Clear the cache after the switch, if you can before the application starts: an object that was cached with "
        "its tokens may be saved with them, and these are under the old keys.",
    ),
    warn(
        "of_ciphertext",
        "made of the ciphertext itself, and not compared by the rotation: only its values are counted",
        "It differs after the rotation. If something outside the database stores it, such as an ETag, renew it there.",
    ),
    warn(
        "dated",
        "depends on the date or the time by its code, as an age does: the rotation compares how many values it fails "
        "at, and not what it reads",
        "If it does, there is nothing to do. If its code only measures time, compare some of its values before and "
        "after the rotation.",
    ),
    warn(
        "files",
        "its files are read and written by {storage}, which is not one of Django's own: files are not rotated",
        _CHECK_FILES,
    ),
    warn(
        "files_unread",
        "none of the {count} files that were looked for could be read here, and code of its model looks like "
        "encryption: files are not rotated",
        _CHECK_FILES,
    ),
    warn(
        "files_elsewhere",
        "its files are in {storage}, where they are not looked at, and code of its model looks like encryption: files "
        "are not rotated",
        _CHECK_FILES,
    ),
    warn(
        "session_tokens",
        "{count} of {looked_at} sessions hold tokens under the keys that are rotated",
        "Delete the sessions after the switch, if you can before the application starts: {command}. All users are "
        "logged out. A token that stays in a session cannot be read.",
    ),
    warn("cached"),  # keys and values of a database cache, which expire
    warn("fixed"),
    warn("empty"),
    warn("kept"),
)
KINDS = {kind.name: kind for kind in _ROWS}
_ORDER = {name: place for place, name in enumerate(KINDS)}


@dataclass(frozen=True)
class TypedFacts:
    """The facts of a kind of finding that not only its text has: code reads them."""

    kind: ClassVar[str]


@dataclass(frozen=True)
class FixedColumn(TypedFacts):
    """Encrypted under settings that the keys do not feed."""

    kind = "fixed"
    scheme: str


@dataclass(frozen=True)
class EmptyField(TypedFacts):
    """Of a ``field`` that encrypts, by the path of its class, and without a value yet."""

    kind = "empty"
    field: str


@dataclass(frozen=True)
class KeptHash(TypedFacts):
    """A hash under a ``setting``, or the salt of a field, that the keys do not feed."""

    kind = "kept"
    setting: str


@dataclass(frozen=True)
class UnprovedValues(TypedFacts):
    """The number of ``tokens`` that nothing opens, the field of their model, and what their format is by its look."""

    kind = "unproved"
    tokens: int
    field: str
    look: str
    advice: str


@dataclass(frozen=True)
class DigestsOfTokens(TypedFacts):
    """How many of the values that were looked at are digests of the tokens of a target, and what was found."""

    kind = "token_digest"
    target: str
    found: str
    count: int
    looked_at: int


_Typed = TypeVar("_Typed", bound=TypedFacts)


@dataclass(frozen=True)
class Finding:
    """One finding about a column as table.column, or a table. ``facts`` fill the text: names and numbers only."""

    kind: FindingKind
    column: str
    facts: dict[str, Any] = field(default_factory=dict)
    listed: ListedRows | None = None  # all rows that it is about, if it is about rows
    typed: TypedFacts | None = None  # the same facts, if code reads them

    @property
    def what(self) -> str:
        return spell_options(fill(self.kind.what, column=self.column, **self.facts))

    @property
    def todo(self) -> str:
        return spell_options(fill(self.kind.todo, column=self.column, **self.facts))

    def as_notice(self) -> dict[str, str]:
        """As the plan has it: with its code if it stops."""
        return {"column": self.column, "notice": self.what, "todo": self.todo, **self._code}

    def as_result(self) -> dict[str, str]:
        """As a failed module gives it to machines."""
        return {"kind": self.kind.name, "column": self.column, "what": self.what, "todo": self.todo, **self._code}

    @property
    def _code(self) -> dict[str, str]:
        return {"code": self.kind.code} if self.kind.stops else {}

    def as_error(self) -> RotationError:
        """As an error of the catalogue, if it stops."""
        return build_error(self.kind.code, column=self.column, **self.facts)


class Findings:
    """The findings of one walk over a database."""

    def __init__(self) -> None:
        self._found: list[Finding] = []

    def copied(self) -> Findings:
        """The same findings, to which others can be added."""
        other = Findings()
        other._found = [*self._found]
        return other

    def put(self, kind: str, column: str, **facts: Any) -> None:
        self._found.append(Finding(KINDS[kind], column, facts))

    def put_typed(self, column: str, facts: TypedFacts) -> None:
        """Put down a finding whose facts code reads."""
        self._found.append(Finding(KINDS[facts.kind], column, asdict(facts), typed=facts))

    def typed(self, kind: type[_Typed]) -> list[tuple[str, _Typed]]:
        """The columns of one kind of finding, each with the facts of that."""
        return [(each.column, each.typed) for each in self._found if isinstance(each.typed, kind)]

    def add(self, finding: Finding) -> None:
        self._found.append(finding)

    def drop(self, kind: str, columns: Collection[str]) -> None:
        """Take back findings of a kind about columns that something else explains."""
        self._found = [each for each in self._found if each.kind.name != kind or each.column not in columns]

    def of(self, *kinds: str) -> list[Finding]:
        return [each for each in self._found if each.kind.name in kinds]

    def columns(self, *kinds: str) -> list[str]:
        """The columns that findings of these kinds are about; without a kind, of all of them."""
        return [each.column for each in (self.of(*kinds) if kinds else self._found)]

    def with_text(self, *, stops: bool) -> list[Finding]:
        """Those with a text that stop, or that do not, in the order of the table."""
        return sort_findings(each for each in self._found if each.kind.stops is stops and each.kind.what)


def unsettled(found: Iterable[Finding], settled: Settlements) -> list[Finding]:
    """Those that no person has settled by a decision that counts for their kind."""
    return [
        each
        for each in found
        if each.column not in settled or settled[each.column].decision not in each.kind.settled_by
    ]


def sort_findings(found: Iterable[Finding]) -> list[Finding]:
    return sorted(found, key=lambda each: _ORDER[each.kind.name])


SHOWN = 12  # findings in one error; the plan and the result have all of them


class FindingsError(RotationError):
    """All findings that stop, as one error: that of the catalogue if they have one code, otherwise E_FINDINGS."""

    def __init__(self, found: Sequence[Finding], *, changed: str = NOTHING_CHANGED) -> None:
        self.findings = list(found)
        errors = [each.as_error() for each in self.findings[:SHOWN]]
        super().__init__(changed=changed)
        self.code, self.where = errors[0].code, errors[0].where
        whats, todos = [error.what for error in errors], [error.todo for error in errors]
        if len({each.kind.code for each in self.findings}) > 1:
            self.code = SeveralFindings.code
            whats = [f"{error.code}: {error.what}" for error in errors]
            todos = [f"{error.code}: {error.todo}" for error in errors]
        more = len(self.findings) - len(errors)
        number = f"{counted(len(self.findings), 'finding')}: " if len(self.findings) > 1 else ""
        self.what = number + "; ".join(whats) + (f"; and {more} more, which the plan playbook shows" if more else "")
        self.todo = " ".join(dict.fromkeys(todos))
        self.args = (str(self),)

    def with_changed(self, changed: str) -> FindingsError:
        return FindingsError(self.findings, changed=changed)

    def as_result(self) -> dict[str, object]:
        listed = as_results(each.listed for each in self.findings)
        found = {"findings": [each.as_result() for each in self.findings]}
        return {**super().as_result(), **found, **({"listed": listed} if listed else {})}


def refuse(found: Iterable[Finding]) -> None:
    """Raise FindingsError with all findings that stop, in the order of the table."""
    stops = sort_findings(each for each in found if each.kind.stops)
    if stops:
        raise FindingsError(stops)
