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
    problem = "{column} holds tokens under the keys that are to be rotated, and O(targets) does not list it"
    remedy = (
        "List it too, or write auto as one more entry of O(targets). Under new keys the application could not read it."
    )


class ColumnPlain(RotationError):
    code = "E_COLUMN_PLAIN"
    column: str
    problem = "{column} is named as encrypted, and none of the values looked at is a token"
    remedy = (
        "Look at some of them. If they are ciphertext after all, describe its scheme in O(schemes). If they are plain "
        "text, encrypt them through the application. If they are to stay unencrypted: O(settlements): "
        '{{"table.column": {{not_ours: "why"}}}}'
    )


class ColumnTied(RotationError):
    code = "E_COLUMN_TIED"
    column: str
    found: str
    advice: str
    problem = "{column} {found}"
    remedy = "{advice}"


class RepeatedToken(RotationError):
    code = "E_REPEATED_TOKEN"
    column: str
    name: str
    problem = (
        "{column}: {name} encrypts a value as the same token each time, which the engine does not: a search by a value "
        "and a unique constraint would find nothing of what a rotation writes"
    )
    remedy = (
        "Name the application's own functions: O(schemes) with application: {{decrypt: ..., encrypt: ...}}. Or let its "
        "own command re-encrypt (O(method)=command), and settle it: "
        'O(settlements): {{{column}: {{by_command: "reason"}}}}.'
    )


class ListOrder(RotationError):
    code = "E_LIST_ORDER"
    column: str
    name: str
    number: int
    problem = (
        "{column}: {name} encrypts with key {number} of its list, and a rotation puts the new key first: with keep in "
        "O(keys) the application would continue to encrypt with an old one"
    )
    remedy = (
        "Have the application encrypt with the first key of the list, or keep no old key: remove keep from O(keys)."
    )


class ColumnType(RotationError):
    code = "E_COLUMN_TYPE"
    column: str
    type: str
    types: str
    problem = "{column} holds what looks like tokens in the type {type}, in which none is opened or rewritten"
    remedy = f"Make it one of {{types}} by a migration. {NOT_OURS}"


class ColumnNotFound(RotationError):
    code = "E_TABLE"
    column: str
    types: str
    problem = "there is no column {column} of the types {types}"
    remedy = "Names are case sensitive; correct O(targets)."


class NoTargets(RotationError):
    code = "E_NO_TARGETS"
    tables: int
    schemes: str
    problem = "no column of {tables:table|tables} holds a token of the schemes {schemes}"
    remedy = "Check O(project_dir) and its database, or describe the scheme in O(schemes)."


class OtherKeys(RotationError):
    code = "E_OTHER_KEYS"
    count: int
    settings: str
    line: str
    problem = "{count:column holds|columns hold} tokens, and all open under {settings}, which O(keys) does not feed"
    remedy = "List the keys to rotate: {line}"


class WrongKey(RotationError):
    code = "E_WRONG_KEY"
    column: str
    field: str
    tokens: int
    settings: str
    source: str
    problem = (
        "{column} is a {field}, and its {tokens} of {tokens} values looked at do not open under {settings}, with which "
        "that library encrypts"
    )
    remedy = (
        "That is not the key the data is encrypted with: put the right one into {source}. If that one is lost, and "
        'nobody needs the values: O(settlements): {{{column}: {{unreadable: "why"}}}}'
    )


class UnprovedColumn(RotationError):
    code = "E_UNPROVED"
    column: str
    tokens: int
    look: str
    advice: str
    source: str
    problem = "{column}: nothing known opens the {tokens} of {tokens} values looked at{look}"
    remedy = (
        f"{{advice}}If their key is another setting, name it in O(keys). If its value in {{source}} is not "
        f"the one that the data is encrypted with, correct it. If their format is not known, describe it in "
        f"O(schemes). {NOT_OURS}"
    )


class UnprovedField(RotationError):
    code = "E_FIELD_UNPROVED"
    column: str
    field: str
    problem = "{column} is a {field}, and none of the values looked at opens under a known scheme"
    remedy = f"Describe its scheme in O(schemes). {NOT_OURS}"


class IgnoredOpen(RotationError):
    code = "E_IGNORED_OPEN"
    column: str
    problem = "{column} is in O(ignore), and its values are under the keys that are to be rotated"
    remedy = (
        "The rotation would make them unreadable. Take it out of O(ignore). If nobody needs the values: "
        'O(settlements): {{"table.column": {{unreadable: "why"}}}}'
    )


class IgnoredTokens(RotationError):
    code = "E_IGNORED_TOKENS"
    column: str
    problem = "{column} is in O(ignore), and its values look encrypted"
    remedy = (
        f"If they are under a key that is rotated, they will be unreadable. {NOT_OURS} If nobody needs the values, "
        f"write unreadable in place of not_ours."
    )


class KeyPair(RotationError):
    code = "E_KEY_PAIR"
    column: str
    problem = "{column} is encrypted with an OpenPGP public key, and no pair at hand opens it"
    remedy = (
        "Name both halves in O(keys), PRIVATE_PGP_KEY and PUBLIC_PGP_KEY of django-pgcrypto-fields with the "
        "type openpgp: each has one subkey that encrypts, by RSA or ElGamal, and no passphrase. If the pair is not "
        'rotated: O(settlements): {{"table.column": {{not_ours: "why"}}}}'
    )


class DerivedFromKeys(RotationError):
    code = "E_MADE_OF_KEYS"
    column: str
    found: str
    problem = "{column} is under {found}, which the application makes of the keys that are to be rotated"
    remedy = (
        "Describe how in O(schemes), from the keys of the env file. A column of hashes list in "
        "O(ignore), and have the application recreate it after the rotation."
    )


class TokenPacked(RotationError):
    code = "E_TOKEN_PACKED"
    column: str
    count: int
    looked_at: int
    problem = (
        "{column}: {count} of {looked_at} values looked at hold tokens under the keys that are rotated inside other "
        "data, such as JSON in base64 or compressed data, in which none is rewritten"
    )
    remedy = (
        "Let functions of the application decrypt and encrypt them (application: {{decrypt, encrypt}} in O(schemes)), "
        "or its own command (O(method)=command). If nobody needs these values: O(settlements): "
        '{{{column}: {{unreadable: "reason"}}}}.'
    )


class FilesUnderKey(RotationError):
    code = "E_FILES_UNDER_KEY"
    column: str
    storage: str
    key: str
    problem = "{column}: its files are read and written by {storage}, whose code reads {key}, and files are not rotated"
    remedy = (
        "If it encrypts them under {key}, have the application re-encrypt the files under the new key, and settle the "
        'column then. If it does not: O(settlements): {{{column}: {{not_ours: "reason"}}}}.'
    )


class FilesOpen(RotationError):
    code = "E_FILES_OPEN"
    column: str
    count: int
    looked_at: int
    problem = (
        "{column}: {count} of its {looked_at} files looked at open under a key that is rotated, or hold what does, and "
        "files are not rotated"
    )
    remedy = (
        "Have the application re-encrypt the files under the new key, by code that still has the old one: of a key "
        "that is a list, keep: 1 in O(keys) keeps it there. Once that is prepared: O(settlements): "
        '{{{column}: {{unreadable: "reason"}}}}, or by_command if O(command) does it.'
    )


class FilesUnexplained(RotationError):
    code = "E_FILES_UNEXPLAINED"
    column: str
    count: int
    looked_at: int
    found: str
    problem = (
        "{column}: {count} of its {looked_at} files looked at look like ciphertext ({found}), and files are not rotated"
    )
    remedy = (
        "Find out what encrypts them. If a key does that is rotated, have the application re-encrypt the files under "
        "the new key, and settle the column then. If none does: O(settlements): "
        '{{{column}: {{not_ours: "reason"}}}}.'
    )


class KeyFingerprintStored(RotationError):
    code = "E_KEY_FINGERPRINT"
    column: str
    found: str
    problem = "{column} holds {found}. The rotation does not change it, and that key will be gone"
    remedy = (
        "If the application chooses its key by this ID, let its own functions decrypt and encrypt the tokens "
        "(application: {{decrypt, encrypt}} in O(schemes)); an ID in another column its own command must write "
        "(O(method)=command). If it does not read the ID: O(settlements): "
        '{{{column}: {{unused_key_id: "reason"}}}}.'
    )


class TokenDigestStored(RotationError):
    code = "E_TOKEN_DIGEST"
    column: str
    target: str
    found: str
    count: int
    looked_at: int
    problem = (
        "{column}: {count} of {looked_at} values looked at are {found} of the encrypted value in {target} as it is "
        "stored, which a rotation changes"
    )
    remedy = (
        "If the application compares them, it refuses every value of {target} after the rotation, and after a rollback "
        "too, since that encrypts again. Let the application's own command encrypt the values and write the digests "
        '(O(method)=command), and settle it: O(settlements): {{{column}: {{by_command: "reason"}}}}. If a trigger or '
        "the application computes them again after the rotation, or nobody compares them, write unreadable in place "
        "of by_command."
    )


class PasswordPepper(RotationError):
    code = "E_PASSWORD_PEPPER"
    column: str
    hashers: str
    problem = (
        "{column}: the passwords that are hashed by {hashers} depend on a key that is rotated, and under another key "
        "none of them is accepted. After the rotation nobody with such a password could log in again"
    )
    remedy = (
        "Have the application read the pepper from a variable and a setting of its own, with the value that the key "
        "has now, and leave it out of O(keys). If the plan then reports E_SHARED_VALUE for it, settle it as not_a_key. "
        'If every user will reset the password instead: O(settlements): {{{column}: {{unreadable: "reason"}}}}.'
    )


class SharedValue(RotationError):
    code = "E_SHARED_VALUE"
    column: str
    found: str
    key: str
    advice: str
    problem = (
        "{column}, {found}, has a value of {key}, which is rotated. What is encrypted with {column} would be "
        "re-encrypted with {key}, and {column} would no longer decrypt it"
    )
    remedy = "{advice}"


class UnexplainedColumn(RotationError):
    code = "E_UNEXPLAINED"
    column: str
    found: str
    problem = "{column}: {found}, and nothing tells under which key"
    remedy = (
        "If it is under a key of O(keys), describe it in O(schemes) and O(targets). "
        'Otherwise settle it: O(settlements): {{{column}: {{not_ours: "reason"}}}}. If it is made with one of them, as '
        "a hash may be, and nobody needs it afterwards, write unreadable in place of not_ours."
    )


class SetAsideOpen(RotationError):
    code = "E_SET_ASIDE_OPEN"
    column: str
    count: int
    rows: str
    by: str
    problem = "{column} is left out by {by}, and {count} of its values are under keys that are rotated: {rows}"
    remedy = (
        "The rotation would leave them unreadable. Take the column out of {by}: what opens is rotated, and the rest is "
        'named. If nobody needs these values: O(settlements): {{"table.column": {{unreadable: "why"}}}}'
    )


class EncodedField(RotationError):
    code = "E_FIELD_ENCODED"
    column: str
    field: str
    found: str
    problem = "{column}: its field {field} {found}, and nothing tells under which key"
    remedy = (
        "If it is under a key of O(keys), describe it in O(schemes) and O(targets). "
        'Otherwise settle it: O(settlements): {{{column}: {{not_ours: "reason"}}}}.'
    )


class OutOfReach(RotationError):
    code = "E_OUT_OF_REACH"
    column: str
    why: str
    advice: str
    problem = "{column}: {why}"
    remedy = "{advice}"


class SignedValues(RotationError):
    code = "E_SIGNED"
    column: str
    count: int
    looked_at: int
    found: str
    key: str
    problem = (
        "{column}: {count} of {looked_at} values looked at are {found} with {key}, which is rotated: they will be "
        "invalid"
    )
    remedy = (
        "Have the application sign them again after the rotation, or keep the old key valid (SECRET_KEY_FALLBACKS of "
        'Django). If that is done, or nobody needs them: O(settlements): {{{column}: {{unreadable: "why"}}}}. If they '
        "are signed with another key, write not_ours in place of unreadable."
    )


class DependsOnKey(RotationError):
    code = "E_DEPENDS_ON_KEY"
    column: str
    columns: str
    advice: str
    problem = (
        "{column} reads another value of the same row under other keys, and the same is stored in {columns}: the "
        "rotation would change what the application reads, and be rolled back"
    )
    remedy = "{advice}"


class KeyWithoutValue(RotationError):
    code = "E_KEY_WITHOUT_VALUE"
    column: str
    uses: str
    hashes: str
    line: str
    problem = "{column} is in O(keys), and no value was found under it. It is used by {uses}{hashes}"
    remedy = (
        "If it only signs, write it as {line} in O(keys). Otherwise describe what is under it in "
        "O(schemes) and O(targets), or take it out of O(keys)."
    )


class SeveralFindings(RotationError):
    code = "E_FINDINGS"
    count: int
    problem = "{count:finding stops|findings stop} the rotation"
    remedy = "Do what is said of each, then run the same command again."


class RowFile(RotationError):
    code = "E_ROW_FILE"
    path: str
    reason: str | None
    problem = "the list of rows {path} cannot be written: {reason}"
    remedy = "Give yourself the right to write there, and room, then run the same command again."


class PlanNotReady(RotationError):
    code = "E_PLAN_NOT_READY"
    path: str
    count: int
    found: str
    problem = "the plan {path} has {count:finding that stops|findings that stop} a rotation: {found}"
    remedy = (
        "Do what it says of each: change the data or an option, or settle the column in O(settlements). Then create "
        "the plan again with the plan playbook."
    )


class PlanFile(RotationError):
    code = "E_PLAN_FILE"
    path: str
    found: str
    problem = "the plan {path} {found}"
    remedy = "Create it again with the plan playbook, or set O(plan)."


class PlanChanged(RotationError):
    code = "E_PLAN_CHANGED"
    path: str
    difference: str
    problem = "the application is not as the plan {path} says: {difference}"
    remedy = "Create the plan again with the plan playbook, and have it reviewed."
