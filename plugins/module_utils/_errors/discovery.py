# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Discovery and the plan: what was found in the columns, and what stops a rotation."""

from __future__ import annotations

from .base import RotationError

NOT_OURS = (
    'If the values are under none of the keys that are rotated: O(settlements): {{"table.column": {{not_ours: "why"}}}}'
)


class TargetMissed(RotationError):
    code = "E_TARGET_MISSED"
    column: str
    prefix = "{column} "
    problem = "contains tokens under the keys that are to be rotated, but O(targets) does not list it"
    remedy = (
        "Add it to O(targets), or add the entry auto. Otherwise the application could not read the column after the "
        "rotation."
    )


class ColumnPlain(RotationError):
    code = "E_COLUMN_PLAIN"
    column: str
    prefix = "{column} "
    problem = "is listed as encrypted, but none of the sampled values is a token"
    remedy = (
        "Check some of the values. If they are ciphertext, describe their scheme in O(schemes). If they are plain "
        'text, encrypt them through the application. To leave them unencrypted: O(settlements): {{"table.column": '
        '{{not_ours: "why"}}}}'
    )


class ColumnTied(RotationError):
    code = "E_COLUMN_TIED"
    column: str
    obstacle: str
    advice: str
    prefix = "{column} "
    problem = "{obstacle}"
    remedy = "{advice}"


class RepeatedToken(RotationError):
    code = "E_REPEATED_TOKEN"
    column: str
    name: str
    prefix = "{column}: "
    problem = (
        "{name} always encrypts the same value to the same token, and the engine does not. After a rotation, "
        "searches by value would find nothing, and a unique constraint would not detect duplicates"
    )
    remedy = (
        "Name the application's own functions: O(schemes) with application: {{decrypt: ..., encrypt: ...}}. Or let the "
        "application's own command re-encrypt the column (O(method)=command), and settle it: O(settlements): "
        '{{{column}: {{by_command: "reason"}}}}.'
    )


class NotOnline(RotationError):
    code = "E_NOT_ONLINE"
    column: str
    keys: str
    fault: str
    prefix = "{column}: "
    problem = "if {keys} is a list of the old and the new key, {fault}"
    remedy = (
        "Let the application take {keys} as a list, separated by commas, that it reads every key of and encrypts with "
        "the first of (docs/stop-and-start.md). Or remove O(mode)=online: the other modes stop the application."
    )


class SigningNotOnline(RotationError):
    code = "E_SIGNING_NOT_ONLINE"
    name: str
    fault: str
    prefix = "{name}: "
    problem = "if it is a list of the old and the new key, {fault}"
    remedy = (
        "If it is SECRET_KEY, let the settings read it as "
        'SECRET_KEY, *SECRET_KEY_FALLBACKS = os.environ["{name}"].split(",") (docs/how-to/sessions.md). '
        "Otherwise rotate it in a run of its own, without O(mode)=online."
    )


class ListOrder(RotationError):
    code = "E_LIST_ORDER"
    column: str
    name: str
    number: int
    prefix = "{column}: "
    problem = (
        "{name} encrypts with key {number} of its list, but a rotation puts the new key first. With keep in "
        "O(keys), the application would continue to encrypt with an old key"
    )
    remedy = (
        "Change the application to encrypt with the first key of the list, or remove keep from O(keys) so that no old "
        "key stays in the list."
    )


class ColumnType(RotationError):
    code = "E_COLUMN_TYPE"
    column: str
    type: str
    types: str
    prefix = "{column} "
    problem = "contains values that look like tokens, but its type is {type}, which the engine cannot read or rewrite"
    remedy = f"Change the type to one of {{types}} with a migration. {NOT_OURS}"


class ColumnNotFound(RotationError):
    code = "E_TABLE"
    column: str
    types: str
    problem = "there is no column {column} with one of the types {types}"
    remedy = "Correct O(targets). Names are case-sensitive."


class NoTargets(RotationError):
    code = "E_NO_TARGETS"
    tables: int
    keys: str
    problem = "no column of {tables:table|tables} contains a token of a known format under {keys}"
    remedy = "Check O(project_dir) and its database, or describe the scheme in O(schemes)."


class OtherKeys(RotationError):
    code = "E_OTHER_KEYS"
    count: int
    settings: str
    line: str
    problem = (
        "{count:column contains|columns contain} tokens, all encrypted with {settings}, which no key in O(keys) sets"
    )
    remedy = "List the keys to rotate: {line}"


class WrongKey(RotationError):
    code = "E_WRONG_KEY"
    column: str
    field: str
    tokens: int
    settings: str
    source: str
    prefix = "{column} "
    problem = (
        "is a {field}, but {settings}, with which that library encrypts, decrypts none of its {tokens:sampled "
        "value|sampled values}"
    )
    remedy = (
        "The data is encrypted with another key: put that key into {source}. If that key is lost, and nobody needs the "
        'values: O(settlements): {{{column}: {{unreadable: "why"}}}}'
    )


class UnprovedColumn(RotationError):
    code = "E_UNPROVED"
    column: str
    tokens: int
    look: str
    advice: str
    source: str
    prefix = "{column}: "
    problem = "no known key or scheme decrypts any of the {tokens:sampled value|sampled values}{look}"
    remedy = (
        f"{{advice}}If their key is another setting, name it in O(keys). If the value in {{source}} is not the one "
        f"with which the data is encrypted, correct it. If the format is unknown, describe it in O(schemes). "
        f"{NOT_OURS}"
    )


class UnprovedField(RotationError):
    code = "E_FIELD_UNPROVED"
    column: str
    field: str
    prefix = "{column} "
    problem = "is a {field}, but no known scheme decrypts any of the sampled values"
    remedy = f"Describe its scheme in O(schemes). {NOT_OURS}"


class IgnoredOpen(RotationError):
    code = "E_IGNORED_OPEN"
    column: str
    prefix = "{column} "
    problem = "is in O(ignore), but its values are under the keys that are to be rotated"
    remedy = (
        "The rotation would make them unreadable. Remove the column from O(ignore). If nobody needs the values: "
        'O(settlements): {{"table.column": {{unreadable: "why"}}}}'
    )


class IgnoredTokens(RotationError):
    code = "E_IGNORED_TOKENS"
    column: str
    prefix = "{column} "
    problem = "is in O(ignore), but its values look encrypted"
    remedy = (
        f"If they are under a rotated key, the rotation makes them unreadable. {NOT_OURS} If nobody needs the values, "
        f"write unreadable instead of not_ours."
    )


class KeyPair(RotationError):
    code = "E_KEY_PAIR"
    column: str
    prefix = "{column} "
    problem = "is encrypted with an OpenPGP public key, and no available key pair decrypts it"
    remedy = (
        "List both halves in O(keys) with the type openpgp: PRIVATE_PGP_KEY and PUBLIC_PGP_KEY of "
        "django-pgcrypto-fields. Each must have one encryption subkey (RSA or ElGamal) and no passphrase. If the pair "
        'is not to be rotated: O(settlements): {{"table.column": {{not_ours: "why"}}}}'
    )


class DerivedFromKeys(RotationError):
    code = "E_MADE_OF_KEYS"
    column: str
    derived_key: str
    prefix = "{column} "
    problem = "is under {derived_key}, which the application derives from the keys that are to be rotated"
    remedy = (
        "Describe in O(schemes) how it is derived from the keys in the .env file. If the column contains hashes, list "
        "it in O(ignore), and let the application recreate it after the rotation."
    )


class TokenPacked(RotationError):
    code = "E_TOKEN_PACKED"
    column: str
    count: int
    looked_at: int
    prefix = "{column}: "
    problem = (
        "{count} of {looked_at} sampled values contain tokens under the rotated keys that the engine cannot rewrite: "
        "inside other data, such as base64 of JSON or compressed data, after a text that the engine does not know, or "
        "without a prefix in less than half of the values"
    )
    remedy = (
        "If all follow one fixed text, name it as the prefix of their scheme in O(schemes); if they are in members of "
        "a JSON document, name these as its json_members. Otherwise let functions of the application decrypt and "
        "encrypt them (application: {{decrypt, encrypt}} in O(schemes)), or its own command (O(method)=command). If "
        "nobody needs these values: "
        'O(settlements): {{{column}: {{unreadable: "reason"}}}}.'
    )


class FilesUnderKey(RotationError):
    code = "E_FILES_UNDER_KEY"
    column: str
    storage: str
    key: str
    prefix = "{column}: "
    problem = "its files are read and written by {storage}, whose code uses {key}, and files are not rotated"
    remedy = (
        "If that code encrypts the files with {key}, let the application re-encrypt them with the new key, and then "
        'settle the column. If it does not: O(settlements): {{{column}: {{not_ours: "reason"}}}}.'
    )


class FilesOpen(RotationError):
    code = "E_FILES_OPEN"
    column: str
    count: int
    looked_at: int
    prefix = "{column}: "
    problem = (
        "{count} of {looked_at} sampled files can be decrypted with a rotated key, or contain data that can, "
        "and files are not rotated"
    )
    remedy = (
        "Let the application re-encrypt the files with the new key, with code that still has the old key. For a key "
        'list, set keep: 1 in O(keys). When that is prepared: O(settlements): {{{column}: {{unreadable: "reason"}}}}, '
        "or use by_command if O(command) does it."
    )


class FilesUnexplained(RotationError):
    code = "E_FILES_UNEXPLAINED"
    column: str
    count: int
    looked_at: int
    form: str
    prefix = "{column}: "
    problem = "{count} of {looked_at} sampled files look like ciphertext ({form}), and files are not rotated"
    remedy = (
        "Find out what encrypts them. If it uses a rotated key, let the application re-encrypt the files with the new "
        'key, and then settle the column. If it does not: O(settlements): {{{column}: {{not_ours: "reason"}}}}.'
    )


class KeyFingerprintStored(RotationError):
    code = "E_KEY_FINGERPRINT"
    column: str
    fingerprint: str
    prefix = "{column} "
    problem = "contains {fingerprint}. The rotation does not change it, although it replaces that key"
    remedy = (
        "If the application chooses its key by this ID, let its own functions decrypt and encrypt the tokens "
        "(application: {{decrypt, encrypt}} in O(schemes)). If the ID is in another column, the application's own "
        "command must update it (O(method)=command). If the application does not read the ID: O(settlements): "
        '{{{column}: {{unused_key_id: "reason"}}}}.'
    )


class TokenDigestStored(RotationError):
    code = "E_TOKEN_DIGEST"
    column: str
    target: str
    digest: str
    count: int
    looked_at: int
    prefix = "{column}: "
    problem = (
        "{count} of {looked_at} sampled values are {digest} of the stored token in {target}, which a rotation changes"
    )
    remedy = (
        "If the application compares them, it refuses every value of {target} after the rotation. It also does after a "
        "rollback, because a rollback encrypts again. Let the application's own command encrypt the values and write "
        'the digests (O(method)=command), and settle it: O(settlements): {{{column}: {{by_command: "reason"}}}}. If a '
        "trigger or the application recomputes them after the rotation, or nothing compares them, write unreadable "
        "instead of by_command."
    )


class DigestWithoutToken(RotationError):
    code = "E_DIGEST_WITHOUT_TOKEN"
    column: str
    count: int
    of_columns: str
    prefix = "{column}: "
    problem = (
        "{count:digest is|digests are} in {count:a row/rows} without a value in {of_columns}, from which the "
        "rotation computes the others of this column under the new key"
    )
    remedy = (
        "{count:It stays|They stay} under the old key, so searches by {column} no longer find {count:this row/these "
        "rows}. Let the application delete {count:it/them}, or settle the column: O(settlements): {{{column}: "
        '{{unreadable: "reason"}}}} if nobody searches by {count:it/them}, or if the application recreates '
        "{count:it/them} after the rotation. If {count:it is/they are} under none of the rotated keys, write not_ours "
        "instead of unreadable."
    )


class KeyedHash(RotationError):
    code = "E_KEYED_HASH"
    column: str
    keys: str
    uses: str
    prefix = "{column}: "
    problem = (
        "hashes that no known recipe with a key computes, and the application hashes with {keys}, which is rotated: "
        "{uses}. If it makes these hashes there, searches by them would find nothing after the rotation"
    )
    remedy = (
        'If they are not made with that key: O(settlements): {{"table.column": {{not_ours: "reason"}}}}. If they are '
        "made of encrypted values, give their recipe in O(targets) (digest_of and recipe), and the rotation computes "
        "them again. If the application's own command writes them (O(method)=command), write by_command instead of "
        "not_ours; if you will let the application write them again after the rotation, unreadable. If what they are "
        "made of is not stored, let that code read a variable of its own with the key's present value, leave that "
        "variable out of O(keys), and write not_ours."
    )


class PasswordPepper(RotationError):
    code = "E_PASSWORD_PEPPER"
    column: str
    hashers: str
    prefix = "{column}: "
    problem = (
        "passwords hashed by {hashers} depend on a key that is rotated. After the rotation, users with such "
        "a password could not log in"
    )
    remedy = (
        "Let the application read the pepper from its own variable and setting, with the key's present value, and "
        "leave that variable out of O(keys). If the plan then reports E_SHARED_VALUE for it, settle it as not_a_key. "
        "If all of these users will reset their passwords instead: O(settlements): {{{column}: {{unreadable: "
        '"reason"}}}}.'
    )


class SharedValue(RotationError):
    code = "E_SHARED_VALUE"
    column: str
    description: str
    key: str
    advice: str
    problem = (
        "{column}, {description}, shares a value with {key}, which is rotated. Values encrypted with {column} would be "
        "re-encrypted with {key}, and {column} could no longer decrypt them"
    )
    remedy = "{advice}"


class UnexplainedColumn(RotationError):
    code = "E_UNEXPLAINED"
    column: str
    finding: str
    prefix = "{column}: "
    problem = "{finding}, and its key is unknown"
    remedy = (
        "If it uses a key in O(keys), describe it in O(schemes) and O(targets). Otherwise settle it: O(settlements): "
        '{{{column}: {{not_ours: "reason"}}}}. If it depends on one of these keys, as a hash may, and nobody needs it '
        "afterwards, write unreadable instead of not_ours."
    )


class SetAsideOpen(RotationError):
    code = "E_SET_ASIDE_OPEN"
    column: str
    count: int
    rows: str
    by: str
    prefix = "{column} "
    problem = "is left out by {by}, but {count} of its values are under rotated keys: {rows}"
    remedy = (
        "The rotation would leave them unreadable. Remove the column from {by}: a value that is one token is rotated, "
        "and any other one stops the rotation. A token between other text is rotated only by the application's own "
        "functions: describe them in O(schemes). If nobody needs these values: "
        'O(settlements): {{"table.column": {{unreadable: "why"}}}}'
    )


class EncodedField(RotationError):
    code = "E_FIELD_ENCODED"
    column: str
    field: str
    finding: str
    prefix = "{column}: "
    problem = "its field {field} {finding}, and its key is unknown"
    remedy = (
        "If it uses a key in O(keys), describe it in O(schemes) and O(targets). Otherwise settle it: O(settlements): "
        '{{{column}: {{not_ours: "reason"}}}}.'
    )


class OutOfReach(RotationError):
    code = "E_OUT_OF_REACH"
    column: str
    why: str
    advice: str
    prefix = "{column}: "
    problem = "{why}"
    remedy = "{advice}"


class SignedValues(RotationError):
    code = "E_SIGNED"
    column: str
    count: int
    looked_at: int
    signature: str
    key: str
    prefix = "{column}: "
    problem = (
        "{count} of {looked_at} sampled values are {signature} with {key}, which is rotated: they will become invalid"
    )
    remedy = (
        "Let the application sign them again after the rotation, or keep the old key valid (Django's "
        "SECRET_KEY_FALLBACKS). If that is prepared, or nobody needs them: O(settlements): {{{column}: {{unreadable: "
        '"why"}}}}. If they are signed with another key, write not_ours instead of unreadable.'
    )


class DependsOnKey(RotationError):
    code = "E_DEPENDS_ON_KEY"
    column: str
    columns: str
    advice: str
    prefix = "{column} "
    problem = (
        "reads differently under other keys although the values stored in {columns} are the same. The "
        "rotation would change what the application reads, and would be rolled back"
    )
    remedy = "{advice}"


class KeyWithoutValue(RotationError):
    code = "E_KEY_WITHOUT_VALUE"
    column: str
    uses: str
    hashes: str
    line: str
    prefix = "{column} "
    problem = "is in O(keys), but no encrypted value was found under it. It is used by {uses}{hashes}"
    remedy = (
        "If it only signs, write it as {line} in O(keys). Otherwise describe the values under it in O(schemes) and "
        "O(targets), or remove it from O(keys)."
    )


class SeveralFindings(RotationError):
    code = "E_FINDINGS"
    count: int
    problem = "{count:finding stops|findings stop} the rotation"
    remedy = "Resolve each finding, then run the same command again."


class RowFile(RotationError):
    code = "E_ROW_FILE"
    path: str
    reason: str | None
    problem = "the list of rows {path} cannot be written: {reason}"
    remedy = "Check your write permission and the free space there, then run the same command again."


class PlanNotReady(RotationError):
    code = "E_PLAN_NOT_READY"
    path: str
    count: int
    findings: str
    problem = "the plan {path} has {count:finding that stops|findings that stop} a rotation: {findings}"
    remedy = (
        "Resolve each finding as the plan says: change the data or an option, or settle the column in O(settlements). "
        "Then create the plan again with the plan playbook."
    )


class PlanFile(RotationError):
    code = "E_PLAN_FILE"
    path: str
    fault: str
    problem = "the plan {path} {fault}"
    remedy = "Create it again with the plan playbook, or set O(plan)."


class PlanChanged(RotationError):
    code = "E_PLAN_CHANGED"
    path: str
    difference: str
    problem = "the application differs from the plan {path}: {difference}"
    remedy = "Create the plan again with the plan playbook, and have it reviewed."
