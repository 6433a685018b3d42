# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The encrypted values: under which keys they are, and whether they changed."""

from __future__ import annotations

from .base import RotationError
from .discovery import KeyWithoutValue

WRITE_AGAIN = (
    "Or, if the application reads them decrypted, have it write them again as it does the rest. If it does not, what "
    "it writes is lost."
)


class ValuesDamaged(RotationError):
    code = "E_VALUES_DAMAGED"
    count: int
    reads: str
    rows: str
    repair: str
    problem = (
        "another process changed {count:value|values} since the rotation began, and the application cannot read them "
        "({reads}): {rows}"
    )
    remedy = (
        "Stop that process: it may hold other keys. A rollback does not undo what it wrote. To take the values from "
        "the backup after it, run the rollback playbook with {repair}"
    )


# What to do about values that another process wrote, by whether they can still be read.
SAVE_AGAIN = (
    "It saved values that are not encrypted, which are newer than those in the backup: have the application save "
    "these again under the current keys: {rows}."
)
TAKE_FROM_BACKUP = (
    "A rollback does not undo what it wrote. To take the values from the backup after it, run the rollback playbook "
    "with {repair}. A row that is new since the backup is not in it."
)


class ValuesOverwritten(RotationError):
    code = "E_VALUES_OVERWRITTEN"
    count: int
    found: str
    rows: str
    advice: str
    problem = "another process changed {count:value|values} since the rotation began, and {found}: {rows}"
    remedy = "Stop that process: it may hold other keys. {advice}"


class ValuesWritten(RotationError):
    code = "E_VALUES_WRITTEN"
    count: int
    rows: str
    advice: str
    problem = "another process wrote encrypted values of {count:row|rows} while the application was stopped: {rows}"
    remedy = (
        "Whether somebody meant what is in them, only a person can tell. Find that process and stop it: it is not in "
        "O(services), and may hold other keys. Look at these values in the application. {advice}"
    )


class ValuesEmptied(RotationError):
    code = "E_VALUES_EMPTIED"
    count: int
    rows: str
    repair: str
    problem = "another process emptied {count:value|values} since the rotation began: {rows}"
    remedy = (
        "A process that cannot decrypt may have saved that; so may a person. If nobody meant it, stop that process, "
        "and take the values from the backup: run the rollback playbook with {repair}"
    )


class RollbackLoses(RotationError):
    code = "E_ROLLBACK_LOSES"
    count: int
    key_id: str
    rows: str
    losing: str
    problem = "{count:value|values} may need the version {key_id}, which the .env file would no longer hold: {rows}"
    remedy = (
        "Both versions stay in the key store. To keep the new version, run the rotate playbook. To take the values "
        "from the backup, run the rollback playbook with -e O(prefer)=repair. {losing}"
    )


class UnsupportedFormat(RotationError):
    code = "E_FORMAT"
    column: str
    count: int
    description: str
    advice: str
    problem = "{column}: {count:value is|values are} {description}"
    remedy = "{advice}"


class ValuesLeftAlone(RotationError):
    code = "E_LEFT_ALONE"
    count: int
    rows: str
    problem = (
        "{count:value|values} in O(leave_alone) {count:looks/look} encrypted, {count:holds/hold} a token, or "
        "{count:is a code/are codes} or JSON, which ciphertext can be too: {rows}"
    )
    remedy = (
        "If they are under a key that is rotated, they will be unreadable after it. If that is accepted, say so of "
        'each: O(settlements): {{"table.column:key": {{unreadable: "why"}}}}. If they are under none of the '
        "keys, or you have seen that they are plain text, write not_ours in place of unreadable."
    )


class StaleDigests(RotationError):
    code = "E_STALE_DIGESTS"
    column: str
    count: int
    looked_at: int
    rows: str
    problem = (
        "{column}: {count} of {looked_at} digests {count:does/do} not match {count:its/their} row in any known way. "
        "The others are computed with a key that is rotated: {rows}"
    )
    remedy = (
        "The rotation recomputes the others and leaves {count:this one/these} unchanged. If the application computes "
        "{count:it/them} with the same key, searches by {column} no longer find {count:this row/these rows}. Have the "
        "application recreate all digests of the column in one way, and create the plan again. If it recreates "
        "{count:it/them} after the rotation, or nobody searches by {count:it/them}: O(settlements): {{{column}: "
        '{{unreadable: "reason"}}}}. If {count:it is/they are} under none of the rotated keys, write not_ours in place '
        "of unreadable."
    )


class ValuesOfOtherScheme(RotationError):
    code = "E_OTHER_SCHEME"
    count: int
    rows: str
    problem = (
        "{count:value is|values are} under another key than the rest of {count:its/their} column, or in another "
        "format: {rows}"
    )
    remedy = (
        "A rotation would leave them unreadable. Describe the application's own functions, which open both, in "
        f"O(schemes). {WRITE_AGAIN}"
    )


class ValuesUnderKeptKey(RotationError):
    code = "E_KEPT_KEY"
    count: int
    rows: str
    problem = (
        "{count:value is|values are} under a key that is not rotated, and the rest of {count:its/their} column is: "
        "{rows}"
    )
    remedy = (
        "A rotation leaves them unchanged. If the application reads both, list them in O(leave_alone), and settle "
        'each: O(settlements): {{"table.column:key": {{not_ours: "why"}}}}. '
        f"{WRITE_AGAIN}"
    )


class ValuesUnderRotatedKey(RotationError):
    code = "E_MIXED_KEYS"
    column: str
    count: int
    rows: str
    kept: str
    problem = (
        "{column}: {count:value is|values are} under keys that are rotated, and the first ones of the column under "
        "{kept}, which stays: {rows}"
    )
    remedy = (
        "The rotation would leave them unreadable. If the application reads all values of the column decrypted, have "
        "it write them again under one key: that of O(keys), and the column is rotated, or {kept}. If it does not, "
        "what it writes is lost. If nobody needs the values, accept that of the "
        'column: O(settlements): {{"table.column": {{unreadable: "why"}}}}; of a value, list it in O(leave_alone) '
        'and settle "table.column:key".'
    )


class ValuesWithTokens(RotationError):
    code = "E_TOKEN_IN_TEXT"
    count: int
    rows: str
    problem = (
        "{count:value is not a token, and has|values are not tokens, and have} a token of a known version in "
        "{count:it/them}, with text or blanks in or around it, or without its padding: {rows}"
    )
    remedy = (
        "A rotation would leave that token under the old keys, and unreadable. Describe the application's own "
        f"functions, which read and write all of them, in O(schemes). {WRITE_AGAIN} If "
        "nobody needs them, list them in O(leave_alone), and accept of each that no key will open it: O(settlements): "
        '{{"table.column:key": {{unreadable: "why"}}}}'
    )


class UnreadableValues(RotationError):
    code = "E_UNREADABLE"
    count: int
    rows: str
    problem = "{count:value opens|values open} under no known key: {rows}"
    remedy = (
        "If a backup has them, the rollback playbook with -e O(prefer)=repair restores them. If their key is "
        "known, name it in O(keys). Do not save them again before: an application that gives back what it cannot "
        "decrypt encrypts it a second time. If nobody needs them, list them in O(leave_alone), and accept of each that "
        'no key will open it: O(settlements): {{"table.column:key": {{unreadable: "why"}}}}. If you have seen that '
        "they are plain text, write not_ours in place of unreadable."
    )


class ValuesUnderUnlistedKey(RotationError):
    code = "E_UNLISTED_KEY"
    count: int
    rows: str
    problem = "the application reads the {count:value|values} that no key of O(keys) opens: {rows}"
    remedy = (
        "They are under another key of the application, such as one of SECRET_KEY_FALLBACKS. Have the application save "
        "these rows again, which encrypts them with its first key, and run this again. If that key is to be rotated "
        "too, name it in O(keys)."
    )


class PlaintextValues(RotationError):
    code = "E_PLAINTEXT"
    count: int
    rows: str
    problem = "{count:value does|values do} not look encrypted: {rows}"
    remedy = (
        "Look at these rows: numbers, JSON and codes can be ciphertext too, and what is under a key that is rotated "
        "would be lost. Only if you have seen that they are plain text, encrypt them through the application: "
        "ciphertext would be encrypted twice. If plain text is normal in the "
        'column, settle it: O(settlements): {{"table.column": {{mixed: "why"}}}}, and plain text stays while what is '
        "encrypted is rotated; the reason must name numbers, JSON and codes if some look like these. If only some are "
        "to stay unencrypted, list them in O(leave_alone)."
    )


class PlainUnclear(RotationError):
    code = "E_PLAIN_UNCLEAR"
    column: str
    count: int
    look: str
    rows: str
    problem = (
        "{column}: {count:value|values} would stay as plain text, and ciphertext can look like {count:it/them} too "
        "({look}): {rows}"
    )
    remedy = (
        "Look at these rows. What is under a key that is rotated would be lost. If all of them are plain text, say so "
        "in the reason of the settlement, which must have the word {look}: O(settlements): "
        '{{{column}: {{mixed: "why, and {look} are plain text"}}}}. What is ciphertext needs its scheme in '
        "O(schemes)."
    )


class NestedValues(RotationError):
    code = "E_NESTED"
    count: int
    rows: str
    problem = "{count:value is|values are} encrypted twice, and the token inside opens under no key at hand: {rows}"
    remedy = (
        "Stop the process that wrote them: it has other keys. If a backup has the values, the rollback playbook with "
        "-e O(prefer)=repair restores them. If an entry is a token of another system that was stored on "
        "purpose, list it in O(leave_alone): it is re-encrypted, and the token inside stays unchanged. If "
        "the column holds such tokens on purpose, accept all of them: "
        'O(settlements): {{table.column: {{unreadable: "why"}}}}.'
    )


class ValuesOfTwoLayers(RotationError):
    code = "E_TWO_LAYERS"
    count: int
    rows: str
    problem = (
        "{count:value is|values are} encrypted twice, by design or by accident, which {count:it does/they do} not "
        "show: {rows}"
    )
    remedy = (
        "Find out whether the application decrypts them twice. If it does, settle the column: "
        'O(settlements): {{table.column: {{two_layers: "why"}}}}, and both layers are rotated. If it reads '
        "the inner token, settle it with one_layer in place of two_layers, and each value is written as one token."
    )


class ValuesHoldTokens(RotationError):
    code = "E_TOKEN_INSIDE"
    count: int
    rows: str
    problem = (
        "{count:value has|values have} a token of a known version in {count:its/their} plaintext, between other text "
        "or in another writing such as hex: {rows}"
    )
    remedy = (
        "If a process with other keys wrote them, stop it; if a backup has the values, the rollback playbook with "
        "-e O(prefer)=repair restores them. If the application encrypts so by design, describe its own "
        "functions, which decrypt and encrypt both tokens, in O(schemes). Otherwise the token inside stays "
        "as it is, and will be unreadable: if that is accepted of the column, say so: O(settlements): "
        '{{table.column: {{unreadable: "why"}}}}; of a value, list it in O(leave_alone) and settle '
        '"table.column:key".'
    )


class ValuesEncryptedTwice(RotationError):
    code = "E_ENCRYPTED_TWICE"
    count: int
    rows: str
    problem = "{count:value is|values are} encrypted twice, so the application reads a token: {rows}"
    remedy = (
        "Stop the process that wrote them: it has other keys. Then run the rollback playbook with "
        "-e O(prefer)=repair. It writes each value as one token under the current keys; so does the next "
        "rotation."
    )


class ValuesNotCurrent(RotationError):
    code = "E_NOT_CURRENT"
    count: int
    key_id: str
    rows: str
    problem = "{count:value is|values are} not under the keys {key_id}: {rows}"
    remedy = (
        "A process writes under other keys, or a rotation is not finished. Stop what is connected to the database "
        "and is not one of the services, start it again with the keys of the env file, and run the rotate playbook."
    )


class CountChanged(RotationError):
    code = "E_COUNT_CHANGED"
    table: str
    column: str
    before: int
    after: int
    problem = "{table}.{column}: {before:value|values} before, {after} after"
    remedy = "Rows were added or removed meanwhile: stop the application's processes, then run the same command again."


class PlainChanged(RotationError):
    code = "E_PLAIN_CHANGED"
    table: str
    column: str
    before: int
    after: int
    rows: str
    problem = (
        "{table}.{column}: {before:value was|values were} plain text when the rotation began, and {after} are{rows}"
    )
    remedy = (
        "If there are more, something decrypted values meanwhile and stored what it read: find it and stop it, and "
        "have the application save these values again. If there are fewer, something encrypted them. Then run the same "
        "command again."
    )


class DigestChanged(RotationError):
    code = "E_DIGEST_CHANGED"
    columns: str
    rows: str
    advice: str
    problem = "{columns}: the decrypted data changed since the rotation began{rows}"
    remedy = (
        "Values were written meanwhile. Stop the application's processes. {advice}Then run the same command again: "
        "from then on, what is there now is what must stay."
    )


class ScanIncomplete(RotationError):
    code = "E_SCAN"
    table: str
    alias: str
    seen: int
    count: int
    problem = "{table} of DATABASES[{alias}]: the pass saw {seen:row|rows} and the table has {count}"
    remedy = "This is a bug: report it with the table's key."


class PreparedDiffers(RotationError):
    code = "E_PREPARED"
    table: str
    column: str
    problem = (
        "{table}.{column}: with the new keys alone, what was prepared does not have the plaintexts of the values that "
        "it is for"
    )
    remedy = (
        "Run the same command again: what was prepared is dropped and prepared again. If it stops here again, set "
        "O(mode) to window, and report this with the scheme."
    )


class SelfCheck(RotationError):
    code = "E_SELF_CHECK"
    table: str
    column: str
    problem = "{table}.{column}: a new token does not decrypt to its plaintext"
    remedy = "Report this with the scheme; stop here."


# What a rotation refuses of values before its first write, and what other processes that write can bring about later.
OF_VALUES = (
    KeyWithoutValue,
    UnreadableValues,
    ValuesUnderUnlistedKey,
    PlaintextValues,
    PlainUnclear,
    ValuesOfOtherScheme,
    ValuesUnderKeptKey,
    ValuesWithTokens,
    NestedValues,
    ValuesOfTwoLayers,
    ValuesHoldTokens,
    UnsupportedFormat,
    ValuesLeftAlone,
)
