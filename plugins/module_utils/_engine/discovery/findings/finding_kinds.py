# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All kinds of findings about an application: one row each, which plan, checklist and error all read.

To add a kind, add its name to ``KindName``, and a row: ``stop(name, error)`` takes its text from the class of an error,
``warn(name, what, todo)`` has it in the row. If the text names facts, add a class to finding_facts.py. Then ``put``
findings of that kind. A kind without a text needs no attention.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ...._errors.application import RoundTripFailed, ValuesRefused
from ...._errors.base import RotationError
from ...._errors.database import RowSecurity, TableKey, TokenTooLong
from ...._errors.discovery import (
    ColumnNotFound,
    ColumnPlain,
    ColumnTied,
    ColumnType,
    DependsOnKey,
    DerivedFromKeys,
    DigestWithoutToken,
    EncodedField,
    FilesOpen,
    FilesUnderKey,
    FilesUnexplained,
    IgnoredOpen,
    IgnoredTokens,
    KeyedHash,
    KeyFingerprintStored,
    KeyPair,
    KeyWithoutValue,
    ListOrder,
    NoTargets,
    NotOnline,
    OtherKeys,
    OutOfReach,
    PasswordPepper,
    RepeatedToken,
    SetAsideOpen,
    SharedValue,
    SignedValues,
    SigningNotOnline,
    TargetMissed,
    TokenDigestStored,
    TokenPacked,
    UnexplainedColumn,
    UnprovedColumn,
    UnprovedField,
    WrongKey,
)
from ...._errors.env_file import EnvKeyMissing
from ...._errors.keys import KeyNotTaken, KeyTypeUnfit, NewKeysRefused, StartChecks, StartWrites
from ...._errors.options import RecipeExplainsNothing
from ...._errors.values import (
    NestedValues,
    PlaintextValues,
    PlainUnclear,
    StaleDigests,
    UnreadableValues,
    UnsupportedFormat,
    ValuesHoldTokens,
    ValuesLeftAlone,
    ValuesOfOtherScheme,
    ValuesOfTwoLayers,
    ValuesOutsideDataKeys,
    ValuesUnderKeptKey,
    ValuesUnderRotatedKey,
    ValuesUnderUnlistedKey,
    ValuesWithTokens,
)
from ...postgres.catalog import JOURNAL
from .settlements import BY_COMMAND, DECISIONS, NOT_A_KEY, UNREADABLE, UNUSED_KEY_ID

# The names of all kinds, so that mypy finds a misspelled one; the table of the kinds is below.
KindName = Literal[
    "nowhere",
    "missed",
    "paired",
    "unwritable",
    "format",
    "unproved",
    "wrong_key",
    "silent",
    "plain",
    "keyless",
    "ignored_open",
    "ignored_tokens",
    "set_aside_open",
    "guarded",
    "tied",
    "file_name",
    "encoded",
    "unexplained",
    "copy",
    "out_of_reach",
    "definition",
    "configured",
    "signed",
    "token_packed",
    "files_open",
    "files_under_key",
    "files_unexplained",
    "key_fingerprint",
    "token_digest",
    "digest_without_token",
    "keyed_hash",
    "repeated_token",
    "list_order",
    "not_online",
    "signing_not_online",
    "made_of_keys",
    "peppered",
    "shared_value",
    "start_writes",
    "start_checks",
    "new_keys_refused",
    "key_not_taken",
    "other_keys",
    "key_missing",
    "unreadable",
    "unlisted_key",
    "plaintext",
    "plain_unclear",
    "other_scheme",
    "kept_key",
    "token_in_text",
    "mixed_keys",
    "outside_data_keys",
    "left_alone",
    "stale_digests",
    "digest_recipe",
    "nested_unreadable",
    "two_layers",
    "token_inside",
    "nested",
    "loose",
    "later_keys",
    "stays_plain",
    "unsearched",
    "round_trip",
    "refused",
    "depends_on_key",
    "no_targets",
    "too_short",
    "key_without_value",
    "key_type_unfit",
    "shared_word",
    "start_untried",
    "scan_cut_off",
    "configured_cut_off",
    "data_keys",
    "own_command",
    "by_command",
    "ignored",
    "digest",
    "hashing",
    "blank",
    "plain_index",
    "same_tokens",
    "repeated_in_rows",
    "timeless",
    "unseen",
    "other_database",
    "unreached_database",
    "secret_name",
    "sparse",
    "foreign",
    "cache",
    "cached_tokens",
    "of_ciphertext",
    "dated",
    "not_decrypted",
    "files",
    "files_unread",
    "files_elsewhere",
    "session_tokens",
    "unique_constraint",
    "index",
    "update_trigger",
    "unvalidated_constraint",
    "generated_column",
    "row_security",
    "partitioned_table",
    "next_value",
    "only_member",
    "unauthenticated",
    "unknown_functions",
    "no_model",
    "cached",
    "fixed",
    "empty",
    "kept",
]


@dataclass(frozen=True)
class FindingKind:
    """One kind. ``what`` follows the column's name; it and ``todo`` are filled with the facts of a finding."""

    name: KindName
    what: str
    todo: str
    error: type[RotationError] | None = None  # if it stops a rotation
    settled_by: tuple[str, ...] = ()  # decisions of a settlement after which it stops nothing
    is_closed: bool = False  # whether no key opens the column

    @property
    def stops(self) -> bool:
        return self.error is not None

    @property
    def code(self) -> str:
        """The code of its error, empty if it stops nothing."""
        return self.error.code if self.error else ""


def stop(
    name: KindName, error: type[RotationError], settled_by: tuple[str, ...] = (), *, is_closed: bool = False
) -> FindingKind:
    """Return a kind that stops a rotation, with the text of its error."""
    return FindingKind(name, error.problem, error.remedy, error, settled_by, is_closed)


def warn(name: KindName, what: str = "", todo: str = "") -> FindingKind:
    """Return a kind that stops nothing. A person should read its text if it has one."""
    return FindingKind(name, what, todo)


_CHECK_FILES = (
    "Check whether it encrypts them. If it does so with a rotated key, let the application re-encrypt them; otherwise "
    "they cannot be read."
)
_STOP_WRITERS = (
    f"Stop every writer for the whole rotation. The table {JOURNAL} records which key each value is under. Keep it: a "
    "rollback and the next rotation read it."
)
_CHECK_SEARCHES = (
    "Each new token is a different text. If code outside of the models creates the same token for the same value, to "
    "search by it, name its functions in O(schemes): the search would find nothing. If not, there is nothing to do."
)
# In the order in which they are reported.
_ROWS = (
    stop("nowhere", ColumnNotFound),
    stop("missed", TargetMissed),
    stop("paired", KeyPair, DECISIONS, is_closed=True),
    stop("unwritable", ColumnType, DECISIONS),
    stop("format", UnsupportedFormat, DECISIONS, is_closed=True),
    stop("unproved", UnprovedColumn, DECISIONS, is_closed=True),
    stop("wrong_key", WrongKey, (UNREADABLE,), is_closed=True),
    stop("silent", UnprovedField, DECISIONS, is_closed=True),
    stop("plain", ColumnPlain, DECISIONS, is_closed=True),
    stop("keyless", TableKey, (UNREADABLE,)),
    stop("ignored_open", IgnoredOpen, (UNREADABLE,)),
    stop("ignored_tokens", IgnoredTokens, DECISIONS),
    stop("set_aside_open", SetAsideOpen, (UNREADABLE,)),
    stop("guarded", RowSecurity),
    stop("tied", ColumnTied),
    stop("file_name", ColumnTied, (UNREADABLE, BY_COMMAND)),
    stop("encoded", EncodedField),
    stop("unexplained", UnexplainedColumn),
    stop("copy", OutOfReach, (UNREADABLE,)),
    stop("out_of_reach", OutOfReach, DECISIONS),
    stop("definition", OutOfReach, (UNREADABLE,)),
    stop("configured", OutOfReach, (UNREADABLE,)),
    stop("signed", SignedValues, DECISIONS),
    stop("token_packed", TokenPacked, (UNREADABLE, BY_COMMAND)),
    stop("files_open", FilesOpen, (UNREADABLE, BY_COMMAND)),
    stop("files_under_key", FilesUnderKey, DECISIONS),
    stop("files_unexplained", FilesUnexplained, DECISIONS),
    stop("key_fingerprint", KeyFingerprintStored, (UNUSED_KEY_ID, BY_COMMAND)),
    stop("token_digest", TokenDigestStored, (UNREADABLE, BY_COMMAND)),
    stop("digest_without_token", DigestWithoutToken, DECISIONS),
    stop("keyed_hash", KeyedHash, DECISIONS),
    stop("repeated_token", RepeatedToken, (BY_COMMAND,)),
    stop("list_order", ListOrder),
    stop("not_online", NotOnline),
    stop("signing_not_online", SigningNotOnline),
    stop("made_of_keys", DerivedFromKeys),
    stop("peppered", PasswordPepper, (UNREADABLE,)),
    stop("shared_value", SharedValue, (NOT_A_KEY,)),
    stop("start_writes", StartWrites),
    stop("start_checks", StartChecks),
    stop("new_keys_refused", NewKeysRefused),
    stop("key_not_taken", KeyNotTaken),
    stop("other_keys", OtherKeys),
    stop("key_missing", EnvKeyMissing),
    stop("unreadable", UnreadableValues),
    stop("unlisted_key", ValuesUnderUnlistedKey),
    stop("plaintext", PlaintextValues),
    stop("plain_unclear", PlainUnclear),
    stop("other_scheme", ValuesOfOtherScheme),
    stop("kept_key", ValuesUnderKeptKey),
    stop("token_in_text", ValuesWithTokens),
    stop("mixed_keys", ValuesUnderRotatedKey),
    stop("outside_data_keys", ValuesOutsideDataKeys, DECISIONS),
    stop("left_alone", ValuesLeftAlone),
    stop("stale_digests", StaleDigests, DECISIONS),
    stop("digest_recipe", RecipeExplainsNothing),
    stop("nested_unreadable", NestedValues),
    stop("two_layers", ValuesOfTwoLayers),
    stop("token_inside", ValuesHoldTokens),
    warn(
        "nested",
        "encrypted twice, so the application reads a token: {count} of the values, {rows}",
        "A process with other keys wrote them: find it and restart it. The rotation writes each as one token.",
    ),
    warn(
        "loose",
        "a token with spaces, line breaks or characters outside of urlsafe base64, in {count} of the values: {rows}",
        "Check that the application reads them: some libraries refuse them, as the next Fernet of cryptography will. "
        "Each is re-encrypted in its canonical form. Only spaces around it stay.",
    ),
    warn(
        "later_keys",
        "the list of keys has several, and not all values are under the first one: {ranks} of the list",
        "This rotation re-encrypts all of them with the new first key. An earlier rotation may have left some. To set"
        " how many old keys the list keeps, write keep: N in O(keys).",
    ),
    warn(
        "stays_plain",
        "plain text that stays unencrypted and looks like {look}: {count} of the values, {rows}",
        "Check some of these rows. A row that is ciphertext stays under the old keys, and will be lost.",
    ),
    warn(
        "unsearched",
        "too much text that begins like a token, so it was not searched completely, in {count} of the values: {rows}",
        "Check that they contain no token under these keys: a token inside stays under the old keys.",
    ),
    stop("round_trip", RoundTripFailed),
    stop("refused", ValuesRefused),
    stop("depends_on_key", DependsOnKey),
    stop("no_targets", NoTargets),
    stop("too_short", TokenTooLong),
    stop("key_without_value", KeyWithoutValue),
    stop("key_type_unfit", KeyTypeUnfit),
    warn(
        "shared_word",
        "{place}, has the same value as {key}, a plain word. {key} gets a new value, and {column} keeps this one",
        "Nothing was found that encrypts with {column}. If something does, its values would be lost.",
    ),
    warn(
        "start_untried",
        "the application writes to its database as it starts, and fails at {place} if it cannot. With new values of "
        "these keys it must not write, so its reading with them was not tried",
        "Let the application continue if that write fails, and create the plan again. Or check in its code that only "
        "the targets depend on these keys.",
    ),
    warn(
        "scan_cut_off",
        "the search for uses of the keys ended at its limit of {files} files or {seconds} seconds",
        "The plan does not show uses in the remaining files: search these for the names of the keys.",
    ),
    warn(
        "configured_cut_off",
        "the search of the text files of the project for tokens ended at its limit of {files} files or {seconds} "
        "seconds",
        "Search the remaining files for tokens that the application decrypts with these keys: a rotation does not "
        "change them.",
    ),
    warn(
        "data_keys",
        "under the data keys in {keys}, which are rotated; its values stay",
        "The rotation re-encrypts the data keys alone. Plan, checklist and verify.yml open every value under the data "
        "key of its row. Nothing to do.",
    ),
    warn(
        "own_command",
        "a management command of the application, which may rotate its keys itself",
        "If it handles data that the engine cannot know, such as fingerprints under a derived key, let it re-encrypt "
        "the values: O(method)=command with O(command).",
    ),
    warn(
        "by_command",
        "the command of the application that will re-encrypt the values: the engine checks every value afterwards",
        "Test it on a copy first: its effect on other columns is unknown.",
    ),
    warn(
        "ignored",
        "in O(ignore)",
        "It stays unchanged: check that nothing in it is under the keys that are rotated.",
    ),
    warn(
        "digest",
        "a hash next to tokens or of their rows. Its input and key are unknown, so it stays unchanged",
        "Find out how it is computed. If that uses a rotated key, give its recipe in O(targets), or let the "
        "application recreate it after the rotation. Otherwise searches by it find nothing.",
    ),
    warn(
        "hashing",
        "the application hashes with it: {uses}. No column was found that holds these hashes",
        "If it stores them, for example cut or as numbers, searches by them find nothing after the rotation: give "
        "their recipe in O(targets), or let the application write them again after the rotation. If it only compares "
        "them with what it receives, there is nothing to do.",
    ),
    warn(
        "blank",
        "computed from an empty value in rows without a token. In these rows it stays under the old keys",
        "Let the application recreate it in these rows after the rotation. Otherwise a search for an empty value does "
        "not find them.",
    ),
    warn(
        "plain_index",
        "computed from {target}, which is settled as mixed. In rows with plain text it stays under the old keys",
        "Let the application recreate it in these rows after the rotation. Otherwise a search does not find them.",
    ),
    warn(
        "same_tokens",
        "has the same tokens as {other}: {count} in the sampled values. Each is encrypted again separately, so no two"
        " are the same after the rotation",
        "Check that the application does not search one column by a token of the other: it would find nothing. Copies "
        "that it only reads, as in a history of rows, stay readable.",
    ),
    warn(
        "repeated_in_rows",
        "has the same token in several rows. Each is encrypted again separately, so no two are the same after the "
        "rotation",
        "Check that the application does not search, join or group by the token: it would find one row of each.",
    ),
    warn(
        "timeless",
        "all sampled tokens have the time 0, which no library writes: code of the application creates them",
        "If that code always creates the same token for the same value, to search by it, name its functions in "
        "O(schemes). After a rotation by the engine, the search would find nothing.",
    ),
    warn(
        "unseen",
        "a materialized view that was never refreshed, so it was not searched",
        "It is empty now. Check again when it has values.",
    ),
    warn(
        "other_database",
        "a database of {vendor}, which is not rotated: only a few values of each column were tried under these keys"
        "{unread}",
        "Check that nothing in it is under these keys. Such values could not be decrypted after the rotation.",
    ),
    warn(
        "unreached_database",
        "a database of {vendor}, which is not rotated. The connection to it failed, so it was not searched",
        "Make it reachable, or check that nothing in it is under these keys. Such values could not be decrypted after "
        "the rotation.",
    ),
    warn(
        "secret_name",
        "named like a secret, and nothing in it is a token of a known scheme",
        "Check whether something encrypts it, or hashes it with a key. If not, there is nothing to rotate.",
    ),
    warn(
        "sparse",
        "{look}",
        "Check whether something encrypts or signs them. If it does so with a rotated key, they will be unreadable or "
        "invalid.",
    ),
    warn(
        "foreign",
        "most of its plaintexts look like tokens, and no available key decrypts these: they stay unchanged inside",
        "Check that another system created them. If a process with other keys did, they cannot be read.",
    ),
    warn(
        "cache",
        "a cache ({cache_kind}) outlives the processes: its values under the old keys are not rotated",
        "{advice}",
    ),
    warn(
        "cached_tokens",
        "{count} of {looked_at} entries of this cache hold tokens under the keys that are rotated",
        "Clear the cache after the switch, if possible before the application starts. The application may save a "
        "cached object with its tokens, which are under the old keys.",
    ),
    warn(
        "of_ciphertext",
        "computed from the ciphertext itself, so the rotation does not compare it: it only counts the values",
        "It differs after the rotation. If something outside the database stores it, such as an ETag, renew it there.",
    ),
    warn(
        "dated",
        "depends on the date or the time by its code, as an age does. The rotation compares only the number of values"
        " at which it fails",
        "If it does depend on them, there is nothing to do. If its code only measures time, compare some of its values "
        "before and after the rotation.",
    ),
    warn(
        "not_decrypted",
        "no attribute of a model decrypts it, so the rotation cannot compare what the application reads before and "
        "after the switch",
        "If other code decrypts it, name a command in O(verification_commands) that decrypts some of its values. The "
        "rotation is rolled back if that command fails after the switch. In production, a rotation stops without one.",
    ),
    warn(
        "files",
        "its files are read and written by {storage}, which is not a storage of Django: files are not rotated",
        _CHECK_FILES,
    ),
    warn(
        "files_unread",
        "none of its {count} sampled files can be read here, and code of its model looks like encryption: files are "
        "not rotated",
        _CHECK_FILES,
    ),
    warn(
        "files_elsewhere",
        "its files are in {storage}, which is not searched, and code of its model looks like encryption: files are not "
        "rotated",
        _CHECK_FILES,
    ),
    warn(
        "session_tokens",
        "{count} of {looked_at} sessions hold tokens under the keys that are rotated",
        "Delete the sessions after the switch, if possible before the application starts: {command}. All users are "
        "logged out. A token that stays in a session cannot be read.",
    ),
    warn(
        "unique_constraint",
        "unique constraint",
        _CHECK_SEARCHES,
    ),
    warn("index", "index", f"It is rewritten with the column, so the table grows. {_CHECK_SEARCHES}"),
    warn(
        "update_trigger",
        "update trigger",
        "It fires for every row that is re-encrypted. Check its effect. Disable it during the rotation if it does "
        "harm or keeps the old value.",
    ),
    warn(
        "unvalidated_constraint",
        "constraint that is NOT VALID",
        "An UPDATE of a row that violates it fails. Run ALTER TABLE ... VALIDATE CONSTRAINT before the rotation.",
    ),
    warn("generated_column", "generated column", "A column that is computed from the token changes with it."),
    warn(
        "row_security",
        "row-level security",
        "This role may not see every row. Give it BYPASSRLS, or rotate as the table's owner.",
    ),
    warn("partitioned_table", "partitioned table", "Its partitions are rotated through it. Nothing to do."),
    warn(
        "next_value",
        "computed with {key}, whose next value must be {needed}",
        "Set its type and bytes in O(keys). The value must be {every_need}.",
    ),
    warn(
        "only_member",
        "computed with the only member of {key}, which will have the new key before it",
        "The rotation computes it with the first member of the new list. If the application takes another one, such as"
        " the last, its searches will find nothing: set keep: 0 for {key} in O(keys), and the list keeps one member.",
    ),
    warn("unauthenticated", "a format without authentication", _STOP_WRITERS),
    warn(
        "unknown_functions",
        "encrypted by functions of the application, and it is unknown whether they refuse a wrong key",
        _STOP_WRITERS,
    ),
    warn(
        "no_model",
        "in no model",
        "It is still rotated. Find out which program reads it, and restart that program too.",
    ),
    warn("cached"),  # keys and values of a database cache, which expire
    warn("fixed"),
    warn("empty"),
    warn("kept"),
)
KINDS: Mapping[KindName, FindingKind] = {kind.name: kind for kind in _ROWS}
