# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The encrypted values: under which keys they are, and whether they changed."""

from __future__ import annotations

from .base import RotationError
from .discovery import KeyWithoutValue

WRITE_AGAIN = (
    "Or, if the application can decrypt them, let it save them again like the other values. If it cannot decrypt them, "
    "saving loses the data."
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
        "Stop that process: it may use other keys. A rollback does not undo what it wrote. To take the values from the "
        "backup after a rollback, run the rollback playbook with {repair}"
    )


# What to do about values that another process wrote, by whether they can still be read.
SAVE_AGAIN = (
    "It saved unencrypted values, which are newer than those in the backup. Let the application save these again under "
    "the current keys: {rows}."
)
TAKE_FROM_BACKUP = (
    "A rollback does not undo what it wrote. To take the values from the backup after a rollback, run the rollback "
    "playbook with {repair}. Rows that are newer than the backup are not in it."
)


class ValuesOverwritten(RotationError):
    code = "E_VALUES_OVERWRITTEN"
    count: int
    outcome: str
    rows: str
    advice: str
    problem = "another process changed {count:value|values} since the rotation began, and {outcome}: {rows}"
    remedy = "Stop that process: it may use other keys. {advice}"


class ValuesWritten(RotationError):
    code = "E_VALUES_WRITTEN"
    count: int
    rows: str
    advice: str
    problem = "another process wrote encrypted values in {count:row|rows} while the application was stopped: {rows}"
    remedy = (
        "Find that process and stop it: it is not in O(services), and may use other keys. Check in the application "
        "whether these values are intended. {advice}"
    )


class ValuesEmptied(RotationError):
    code = "E_VALUES_EMPTIED"
    count: int
    rows: str
    repair: str
    problem = "another process emptied {count:value|values} since the rotation began: {rows}"
    remedy = (
        "A process that cannot decrypt may have saved empty values, or a person may have. If this is not intended, "
        "stop that process. Then run the rollback playbook to take the values from the backup: {repair}"
    )


class RollbackLoses(RotationError):
    code = "E_ROLLBACK_LOSES"
    count: int
    key_id: str
    rows: str
    losing: str
    problem = "{count:value|values} may need version {key_id}, which would no longer be in the .env file: {rows}"
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
    prefix = "{column}: "
    problem = "{count:value is|values are} {description}"
    remedy = "{advice}"


class ValuesOutsideDataKeys(RotationError):
    code = "E_DATA_KEY"
    column: str
    count: int
    rows: str
    keys: str
    prefix = "{column}: "
    problem = (
        "{count:value does|values do} not open under the data key of {count:its row/their rows} in {keys}, as others "
        "of this column do: {rows}"
    )
    remedy = (
        "Their rows may have no data key, or not the one with which the values are encrypted. Check whether the "
        "application reads them. If it does so with a key in O(keys), let it save them again under a data key. If "
        'they are under none of the keys that are rotated: O(settlements): {{{column}: {{not_ours: "why"}}}}. If '
        "nobody needs them, write unreadable instead of not_ours."
    )


class ValuesLeftAlone(RotationError):
    code = "E_LEFT_ALONE"
    count: int
    rows: str
    problem = (
        "{count:value|values} in O(leave_alone) {count:looks/look} encrypted, {count:contains/contain} a token, or "
        "{count:is a code/are codes} or JSON, which may be ciphertext: {rows}"
    )
    remedy = (
        "If they are under a rotated key, they will be unreadable afterwards. To accept that, settle each: "
        'O(settlements): {{"table.column:key": {{unreadable: "why"}}}}. If they are under none of the keys, or you '
        "checked that they are plain text, write not_ours instead of unreadable."
    )


class StaleDigests(RotationError):
    code = "E_STALE_DIGESTS"
    column: str
    count: int
    looked_at: int
    rows: str
    prefix = "{column}: "
    problem = (
        "{count} of {looked_at} digests {count:does/do} not match {count:its/their} row in any known way. "
        "The others are computed with a key that is rotated: {rows}"
    )
    remedy = (
        "The rotation recomputes the others and leaves {count:this one/these} unchanged. If the application computes "
        "{count:it/them} with the same key, searches by {column} no longer find {count:this row/these rows}. Let the "
        "application recreate all digests of the column in one way, and create the plan again. If it recreates "
        "{count:it/them} after the rotation, or nobody searches by {count:it/them}: O(settlements): {{{column}: "
        '{{unreadable: "reason"}}}}. If {count:it is/they are} under none of the rotated keys, write not_ours instead '
        "of unreadable."
    )


class ValuesOfOtherScheme(RotationError):
    code = "E_OTHER_SCHEME"
    count: int
    rows: str
    problem = "{count:value differs|values differ} in key or format from the rest of {count:its/their} column: {rows}"
    remedy = (
        "A rotation would leave them unreadable. Describe the application's own functions, which read both, in "
        f"O(schemes). {WRITE_AGAIN}"
    )


class ValuesUnderKeptKey(RotationError):
    code = "E_KEPT_KEY"
    count: int
    rows: str
    problem = (
        "{count:value is|values are} under a key that is not rotated, unlike the rest of {count:its/their} column: "
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
    prefix = "{column}: "
    problem = (
        "{count:value is|values are} under rotated keys, but the first ones of the column are under {kept}, "
        "which is not rotated: {rows}"
    )
    remedy = (
        "The rotation would leave them unreadable. If the application can decrypt all values of the column, let it "
        "save them again under one key: either the key in O(keys), so that the column is rotated, or {kept}. If it "
        "cannot decrypt them, saving loses the data. If nobody needs the values, settle the column: O(settlements): "
        '{{"table.column": {{unreadable: "why"}}}}. For a single value, list it in O(leave_alone) and settle '
        '"table.column:key".'
    )


class ValuesWithTokens(RotationError):
    code = "E_TOKEN_IN_TEXT"
    count: int
    rows: str
    problem = (
        "{count:value is not a token but contains|values are not tokens but contain} a token of a known version, with "
        "other text or spaces, or without its padding: {rows}"
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
    problem = "no known key decrypts {count:value|values}: {rows}"
    remedy = (
        "If a backup has them, the rollback playbook with -e O(prefer)=repair restores them. If their key is known, "
        "name it in O(keys). Do not save them again before: an application that returns the token if it cannot decrypt "
        "it would encrypt it a second time. If nobody needs them, list them in O(leave_alone), and settle each as "
        'unreadable: O(settlements): {{"table.column:key": {{unreadable: "why"}}}}. If you checked that they are plain '
        "text, write not_ours instead of unreadable."
    )


class ValuesUnderUnlistedKey(RotationError):
    code = "E_UNLISTED_KEY"
    count: int
    rows: str
    problem = "the application reads {count:value|values} that no key in O(keys) decrypts: {rows}"
    remedy = (
        "They are under another key of the application, such as one in SECRET_KEY_FALLBACKS. Let the application save "
        "these rows again, which encrypts them with its first key, and run the same command again. To rotate that key "
        "too, add it to O(keys)."
    )


class PlaintextValues(RotationError):
    code = "E_PLAINTEXT"
    count: int
    rows: str
    problem = "{count:value does|values do} not look encrypted: {rows}"
    remedy = (
        "Check these rows: numbers, JSON and codes can be ciphertext, and values under a rotated key would be lost. "
        "Encrypt them through the application only if you checked that they are plain text: ciphertext would be "
        'encrypted twice. If plain text is normal in the column, settle it: O(settlements): {{"table.column": {{mixed: '
        '"why"}}}}. Then plain text stays, and encrypted values are rotated. If some values are numbers, JSON or '
        "codes, the reason must name these. To leave only some values unencrypted, list them in O(leave_alone)."
    )


class PlainUnclear(RotationError):
    code = "E_PLAIN_UNCLEAR"
    column: str
    count: int
    look: str
    rows: str
    prefix = "{column}: "
    problem = "{count:value|values} would stay as plain text, but ciphertext can look the same ({look}): {rows}"
    remedy = (
        "Check these rows. Values under a rotated key would be lost. If all of them are plain text, say so in the "
        'reason of the settlement, which must contain {look}: O(settlements): {{{column}: {{mixed: "why, and {look} '
        'are plain text"}}}}. If some are ciphertext, describe their scheme in O(schemes).'
    )


class NestedValues(RotationError):
    code = "E_NESTED"
    count: int
    rows: str
    problem = "{count:value is|values are} encrypted twice, and no available key decrypts the inner token: {rows}"
    remedy = (
        "Stop the process that wrote them: it uses other keys. If a backup has the values, the rollback playbook with "
        "-e O(prefer)=repair restores them. If a value is a token of another system that was stored on purpose, list "
        "it in O(leave_alone): the value is re-encrypted, and the inner token stays unchanged. If the whole column "
        'stores such tokens on purpose, settle it: O(settlements): {{table.column: {{unreadable: "why"}}}}.'
    )


class ValuesOfTwoLayers(RotationError):
    code = "E_TWO_LAYERS"
    count: int
    rows: str
    problem = (
        "{count:value is|values are} encrypted twice, by design or by accident, and the {count:value does/values do} "
        "not show which: {rows}"
    )
    remedy = (
        "Find out whether the application decrypts them twice. If it does, settle the column to rotate both layers: "
        'O(settlements): {{table.column: {{two_layers: "why"}}}}. If it reads the inner token, write one_layer instead '
        "of two_layers: then each value is written as one token."
    )


class ValuesHoldTokens(RotationError):
    code = "E_TOKEN_INSIDE"
    count: int
    rows: str
    problem = (
        "{count:value has|values have} a token of a known version in {count:its/their} plaintext, inside other text or "
        "in another encoding such as hex: {rows}"
    )
    remedy = (
        "If a process with other keys wrote them, stop it. If a backup has the values, the rollback playbook with -e "
        "O(prefer)=repair restores them. If the application encrypts this way by design, describe its own functions, "
        "which decrypt and encrypt both tokens, in O(schemes). Otherwise the inner token stays unchanged, and will be "
        'unreadable. To accept that for the column: O(settlements): {{table.column: {{unreadable: "why"}}}}. For a '
        'single value, list it in O(leave_alone) and settle "table.column:key".'
    )


class ValuesEncryptedTwice(RotationError):
    code = "E_ENCRYPTED_TWICE"
    count: int
    rows: str
    problem = "{count:value is|values are} encrypted twice, so the application reads a token: {rows}"
    remedy = (
        "Stop the process that wrote them: it uses other keys. Then run the rollback playbook with -e "
        "O(prefer)=repair: it writes each value as one token under the current keys. The next rotation does so too."
    )
    next_command = "rollback -e O(prefer)=repair"


class ValuesNotCurrent(RotationError):
    code = "E_NOT_CURRENT"
    count: int
    key_id: str
    rows: str
    problem = "{count:value is|values are} not under the keys {key_id}: {rows}"
    remedy = (
        "If a rotation or rollback has not finished, run the same command again. Otherwise a process writes under "
        "other keys: stop every process that is connected to the database and is not in O(services), restart it with "
        "the keys in the .env file, and run the rotate playbook."
    )
    next_command = "rotate"


class CountChanged(RotationError):
    code = "E_COUNT_CHANGED"
    table: str
    column: str
    before: int
    after: int
    problem = "{table}.{column}: {before:value|values} before, {after} after"
    remedy = (
        "Rows were added or removed during the rotation. Stop the application's processes, then run the same command "
        "again."
    )


class PlainChanged(RotationError):
    code = "E_PLAIN_CHANGED"
    table: str
    column: str
    before: int
    after: int
    rows: str
    problem = (
        "{table}.{column}: {before:value was|values were} plain text when the rotation began, and now {after}{rows}"
    )
    remedy = (
        "If there are more now, a process stored decrypted values: find it and stop it, and let the application save "
        "these values again. If there are fewer, a process encrypted them. Then run the same command again."
    )


class DigestChanged(RotationError):
    code = "E_DIGEST_CHANGED"
    columns: str
    rows: str
    advice: str
    problem = "{columns}: the decrypted data changed since the rotation began{rows}"
    remedy = (
        "Values were written during the rotation. Stop the application's processes. {advice}Then run the same command "
        "again: it continues with the data at that time."
    )


class ScanIncomplete(RotationError):
    code = "E_SCAN"
    table: str
    alias: str
    seen: int
    count: int
    problem = "{table} of DATABASES[{alias}]: the pass read {seen:row|rows}, but the table has {count}"
    remedy = "This is a bug: report it with the definition of the table's primary key."


class PreparedDiffers(RotationError):
    code = "E_PREPARED"
    table: str
    column: str
    problem = (
        "{table}.{column}: the prepared tokens do not decrypt to the plaintexts of their values with the new keys alone"
    )
    remedy = (
        "Run the same command again: it drops the prepared tokens and prepares them again. If it stops here again, set "
        "O(mode) to window, and report this as a bug, with the scheme."
    )


class SelfCheck(RotationError):
    code = "E_SELF_CHECK"
    table: str
    column: str
    problem = "{table}.{column}: a new token does not decrypt to its plaintext"
    remedy = "This is a bug: report it with the scheme. Do not rotate before it is fixed."


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
