# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key store: a vault file, HashiCorp Vault or OpenBao, AWS Secrets Manager."""

from __future__ import annotations

from .base import RotationError


class StorePassword(RotationError):
    code = "E_STORE_PASSWORD"
    path: str
    tried: str
    problem = "{path} cannot be decrypted with {tried}, or is damaged"
    remedy = (
        "Supply the password with which {path} was encrypted: --vault-id, --vault-password-file, or the store's "
        "password_file."
    )


class StoreVaultId(RotationError):
    code = "E_STORE_VAULT_ID"
    vault_id: str
    vault_ids: str
    problem = "the key store should be encrypted with the vault ID {vault_id}, but Ansible was started with {vault_ids}"
    remedy = "Start ansible-playbook with --vault-id {vault_id}@..., or correct the store's vault_id."


class StoreFormat(RotationError):
    code = "E_STORE_FORMAT"
    path: str
    reason: str
    problem = "{path} is not a key store of this collection ({reason})"
    remedy = "Restore the file from its backup."


class StoreRead(RotationError):
    code = "E_STORE_READ"
    path: str
    reason: str | None
    problem = "{path} cannot be read: {reason}"
    remedy = "Give the user who runs ansible-playbook read permission."


class StoreWrite(RotationError):
    code = "E_STORE_WRITE"
    path: str
    reason: str | None
    problem = "{path} cannot be written: {reason}"
    remedy = "Give the user who runs ansible-playbook write permission, and check the free space on the disk."


class StoreEphemeral(RotationError):
    code = "E_STORE_EPHEMERAL"
    name: str
    path: str
    problem = "the {name} {path} exists only in this container, and is deleted with it"
    remedy = (
        "Keep the keys on a server (O(store) of the type hashi_vault or aws_secrets_manager), and set O(record_dir) to "
        "a folder that is mounted into the container and kept after the job: see docs/how-to/awx.md."
    )


class StoreReadback(RotationError):
    code = "E_STORE_READBACK"
    path: str
    problem = "{path} reads back differently than it was written"
    remedy = "Check the disk, then run the same command again."


class StoreType(RotationError):
    code = "E_STORE_TYPE"
    type: str
    known_types: str
    problem = "O(store) has the unknown type {type}"
    remedy = "Use one of: {known_types}."


class StoreOption(RotationError):
    code = "E_STORE_OPTION"
    name: str
    known_options: str
    problem = "O(store) has the unknown option {name}"
    remedy = "Use only: {known_options}."


class StoreStage(RotationError):
    code = "E_STORE_STAGE"
    path: str
    stage: str
    advice: str
    problem = "the store {path} has no {stage} version"
    remedy = "{advice}"


class VersionUnknown(RotationError):
    code = "E_VERSION_UNKNOWN"
    path: str
    key_id: str
    problem = "the store {path} has no version {key_id}"
    remedy = "Take the key ID from the record or from the store."


class VaultPasswordFile(RotationError):
    code = "E_VAULT_PASSWORD_FILE"
    path: str
    fault: str
    problem = "the vault password file {path} {fault}"
    remedy = "Set the store's password_file to a file with one line."


class StorePackage(RotationError):
    code = "E_STORE_PACKAGE"
    type: str
    package: str | None
    python: str
    problem = "O(store) is of the type {type}, and the Python package {package} is missing in {python}"
    remedy = "Install it for the Python that runs ansible-playbook: {python} -m pip install {package}"


class StoreNeeds(RotationError):
    code = "E_STORE_NEEDS"
    name: str
    fault: str
    problem = "O(store): {name} {fault}"
    remedy = "See ansible-doc -t lookup tetech.key_rotation.keys."


class StoreCleartext(RotationError):
    code = "E_STORE_CLEARTEXT"
    host: str
    problem = "O(store): the URL of {host} is not https, so keys would be sent unencrypted"
    remedy = "Set an https:// URL. If you have your own CA, set ca_cert to its certificates."


class StoreDown(RotationError):
    code = "E_STORE_DOWN"
    server: str
    reason: str
    problem = "the key store at {server} does not answer ({reason})"
    remedy = "Start it, or correct the address in O(store), then run the same command again."


class StoreTls(RotationError):
    code = "E_STORE_TLS"
    server: str
    problem = "the certificate of {server} is not trusted here"
    remedy = (
        "Set ca_cert in O(store) (VAULT_CACERT) to the CA's certificates, and check that the URL has the name in the "
        "certificate."
    )


class StoreNoTls(RotationError):
    code = "E_STORE_NO_TLS"
    server: str
    problem = "{server} does not use TLS, but its address begins with https"
    remedy = (
        "Correct the address in O(store), or let the server use TLS. Plain http is only for servers on this machine."
    )


class StoreSealed(RotationError):
    code = "E_STORE_SEALED"
    server: str
    problem = "the key store at {server} is sealed"
    remedy = "Unseal it, then run the same command again."


class StoreStandby(RotationError):
    code = "E_STORE_STANDBY"
    server: str
    problem = "{server} is a replica or a standby, which cannot write"
    remedy = "Set O(store) to the address or region of the primary, then run the same command again."


class StoreLogin(RotationError):
    code = "E_STORE_LOGIN"
    server: str
    method: str
    options: str
    problem = "{server} does not accept the credentials of the method {method}: they are wrong, expired or revoked"
    remedy = "Log in again, or correct the credentials, or {options} in O(store), then run the same command again."


class StoreDenied(RotationError):
    code = "E_STORE_DENIED"
    place: str
    problem = "the credentials for the key store may not do {place}"
    remedy = "Grant the permissions of the policies in examples/stores, then run the same command again."


class StoreMount(RotationError):
    code = "E_STORE_MOUNT"
    server: str
    mount: str
    problem = "{server} has no KV engine at {mount}, or this token may not see it"
    remedy = "Correct mount or namespace in O(store), or grant the permissions of the policies in examples/stores."


class StoreKvVersion(RotationError):
    code = "E_STORE_KV_VERSION"
    mount: str
    problem = "the KV engine at {mount} has version 1, which has no check-and-set"
    remedy = "Create an engine of version 2: vault secrets enable -path=NAME -version=2 kv, and set mount to its name."


class StoreMissing(RotationError):
    code = "E_STORE_MISSING"
    path: str
    name: str
    problem = "there is no secret {path}"
    remedy = (
        "Create it without a value: aws secretsmanager create-secret --name {name}. Or correct path, region or profile."
    )


class StoreDeletion(RotationError):
    code = "E_STORE_DELETION"
    path: str
    name: str
    problem = "the secret {path} is scheduled for deletion: it cannot be read until it is restored"
    remedy = "Restore it: aws secretsmanager restore-secret --secret-id {name}"


class StoreFull(RotationError):
    code = "E_STORE_FULL"
    path: str
    problem = "the secret {path} has no room for another version: AWS allows 20 labels for all versions together"
    remedy = "Destroy versions that nothing needs anymore: the retire playbook lists them."


class StoreForeign(RotationError):
    code = "E_STORE_FOREIGN"
    path: str
    labels: str
    problem = "the secret {path} contains a version that this collection did not create ({labels})"
    remedy = (
        "Create a separate secret for the keys: aws secretsmanager create-secret --name NAME. Then set path to its "
        "name."
    )


class StoreExpires(RotationError):
    code = "E_STORE_EXPIRES"
    place: str
    after: str
    problem = "{place} is configured to delete its data ({after}), so keys would be lost"
    remedy = (
        "Remove delete_version_after (vault kv metadata put -delete-version-after=0s, or vault write MOUNT/config). "
        "Write the secrets that already have a deletion time again."
    )


class StoreDeleted(RotationError):
    code = "E_STORE_DELETED"
    mount: str
    secret: str
    problem = "{mount}/{secret} was deleted by hand"
    remedy = "Restore it: vault kv undelete -mount={mount} -versions=N {secret} (vault kv metadata get shows N)."


class StoreValues(RotationError):
    code = "E_STORE_VALUES"
    path: str
    key_id: str
    problem = "the store {path} lists version {key_id}, but has no values for it"
    remedy = "Restore the store from its backup. Do not rotate before that."


class StoreDamaged(RotationError):
    code = "E_STORE_DAMAGED"
    path: str
    key_id: str
    rotation_id: str
    problem = (
        "the store {path} has other values for version {key_id} of {rotation_id} than those that were written to it"
    )
    remedy = (
        "Restore the values: a server keeps overwritten ones (bao kv get -version=N, vault kv get -version=N; in AWS "
        "the versions of the secret), and a vault file has its backup. The values of the current version may be in the "
        ".env file."
    )


class StoreConflict(RotationError):
    code = "E_STORE_CONFLICT"
    path: str
    problem = "somebody else changed the store {path} during this run"
    remedy = "Run the same command again: it resumes from what is there now."


class StoreRefused(RotationError):
    code = "E_STORE_REFUSED"
    server: str
    place: str
    problem = "{server} refused the request {place}"
    remedy = "Check the server's log for the cause."
