# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key store: a vault file, HashiCorp Vault or OpenBao, AWS Secrets Manager."""

from __future__ import annotations

from .base import RotationError


class StorePassword(RotationError):
    code = "E_STORE_PASSWORD"
    path: str
    tried: str
    problem = "{path} does not open with {tried}, or is damaged"
    remedy = (
        "Give the secret that {path} was encrypted with: --vault-id, --vault-password-file, or the store's "
        "password_file."
    )


class StoreVaultId(RotationError):
    code = "E_STORE_VAULT_ID"
    vault_id: str
    known: str
    problem = "the vault id {vault_id} is to encrypt the key store, and Ansible was started with {known}"
    remedy = "Start ansible-playbook with --vault-id {vault_id}@..., or correct the store's vault_id."


class StoreFormat(RotationError):
    code = "E_STORE_FORMAT"
    path: str
    found: str
    problem = "{path} is not a key store of this collection ({found})"
    remedy = "Restore the file from its backup."


class StoreRead(RotationError):
    code = "E_STORE_READ"
    path: str
    reason: str | None
    problem = "{path} cannot be read: {reason}"
    remedy = "Give the user who runs ansible-playbook the right to read it."


class StoreWrite(RotationError):
    code = "E_STORE_WRITE"
    path: str
    reason: str | None
    problem = "{path} cannot be written: {reason}"
    remedy = "Give the user who runs ansible-playbook the right to write it, and room on the disk."


class StoreEphemeral(RotationError):
    code = "E_STORE_EPHEMERAL"
    name: str
    path: str
    problem = "the {name} {path} is in this container only, and is deleted with it"
    remedy = (
        "Keep the keys on a server (O(store) of the type hashi_vault or aws_secrets_manager), and set O(record_dir) to "
        "a folder that is mounted into the container and outlives the job: see docs/how-to/awx.md."
    )


class StoreReadback(RotationError):
    code = "E_STORE_READBACK"
    path: str
    problem = "{path} does not read back as it was written"
    remedy = "Check the disk, then run the same command again."


class StoreType(RotationError):
    code = "E_STORE_TYPE"
    type: str
    known: str
    problem = "O(store) has the unknown type {type}"
    remedy = "Use one of: {known}."


class StoreOption(RotationError):
    code = "E_STORE_OPTION"
    name: str
    known: str
    problem = "O(store) has the unknown option {name}"
    remedy = "Use only: {known}."


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
    remedy = "Take the key id from the record, or the store."


class VaultPasswordFile(RotationError):
    code = "E_VAULT_PASSWORD_FILE"
    path: str
    found: str
    problem = "the vault password file {path} {found}"
    remedy = "Point the store's password_file at a file with one line."


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
    found: str
    problem = "O(store): {name} {found}"
    remedy = "See ansible-doc -t lookup tetech.key_rotation.keys."


class StoreCleartext(RotationError):
    code = "E_STORE_CLEARTEXT"
    host: str
    problem = "O(store): the url of {host} is not https, and keys would be sent unencrypted"
    remedy = "Give an https:// url, and the CA's certificates in ca_cert if they are your own."


class StoreDown(RotationError):
    code = "E_STORE_DOWN"
    server: str
    reason: str
    problem = "the key store at {server} does not answer ({reason})"
    remedy = "Start it, or correct the address in O(store), then run the same command again."


class StoreTls(RotationError):
    code = "E_STORE_TLS"
    server: str
    problem = "the certificate of {server} is not one that is trusted here"
    remedy = (
        "Set ca_cert in O(store) (VAULT_CACERT) to the CA's certificates, and check that the url has the "
        "certificate's name."
    )


class StoreNoTls(RotationError):
    code = "E_STORE_NO_TLS"
    server: str
    problem = "{server} does not speak TLS, and its address is an https one"
    remedy = (
        "Correct the address in O(store), or have the server listen with TLS there; plain http is for this "
        "machine alone."
    )


class StoreSealed(RotationError):
    code = "E_STORE_SEALED"
    server: str
    problem = "the key store at {server} is sealed"
    remedy = "Unseal it, then run the same command again."


class StoreStandby(RotationError):
    code = "E_STORE_STANDBY"
    server: str
    problem = "{server} is a replica or a standby, which does not write"
    remedy = "Set O(store) to the address or region of the primary, then run the same command again."


class StoreLogin(RotationError):
    code = "E_STORE_LOGIN"
    server: str
    method: str
    options: str
    problem = "{server} does not take the credentials of the method {method}: they are wrong, expired or revoked"
    remedy = "Log in again, or correct the credentials, or {options} in O(store), then run the same command again."


class StoreDenied(RotationError):
    code = "E_STORE_DENIED"
    place: str
    problem = "the credentials for the key store may not do {place}"
    remedy = "Grant what the policies in examples/stores grant, then run the same command again."


class StoreMount(RotationError):
    code = "E_STORE_MOUNT"
    server: str
    mount: str
    problem = "{server} has no KV engine at {mount}, or none that this token may see"
    remedy = "Correct mount or namespace in O(store), or grant what the policies in examples/stores grant."


class StoreKvVersion(RotationError):
    code = "E_STORE_KV_VERSION"
    mount: str
    problem = "the KV engine at {mount} is of version 1, which has no check-and-set"
    remedy = (
        "Create another one of version 2: vault secrets enable -path=NAME -version=2 kv, and set mount to its name."
    )


class StoreMissing(RotationError):
    code = "E_STORE_MISSING"
    path: str
    name: str
    problem = "there is no secret {path}"
    remedy = "Create it, empty: aws secretsmanager create-secret --name {name}; or correct path, region or profile."


class StoreDeletion(RotationError):
    code = "E_STORE_DELETION"
    path: str
    name: str
    problem = "the secret {path} is scheduled for deletion, and AWS gives nothing of it out until it is restored"
    remedy = "Restore it: aws secretsmanager restore-secret --secret-id {name}"


class StoreFull(RotationError):
    code = "E_STORE_FULL"
    path: str
    problem = "the secret {path} has no room for another version: AWS has 20 labels for all of them together"
    remedy = "Destroy versions that nothing needs anymore: the retire playbook says which those are."


class StoreForeign(RotationError):
    code = "E_STORE_FOREIGN"
    path: str
    labels: str
    problem = "the secret {path} holds a version that is not of this collection ({labels})"
    remedy = (
        "Give the keys a secret of their own: aws secretsmanager create-secret --name NAME, and set path to its name."
    )


class StoreExpires(RotationError):
    code = "E_STORE_EXPIRES"
    place: str
    after: str
    problem = "{place} is set to delete what it keeps ({after}), and keys would be lost"
    remedy = (
        "Take delete_version_after away (vault kv metadata put -delete-version-after=0s, or vault write "
        "MOUNT/config), and write again what already has a deletion time."
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
    problem = "the store {path} lists the version {key_id} and has no values for it"
    remedy = "Restore the store from its backup. Nothing is to be rotated before that."


class StoreDamaged(RotationError):
    code = "E_STORE_DAMAGED"
    path: str
    key_id: str
    rotation_id: str
    problem = "the store {path} has other values for the version {key_id} of {rotation_id} than were put there"
    remedy = (
        "Put them back: a server keeps what was overwritten (bao kv get -version=N, vault kv get -version=N; in AWS "
        "the versions of the secret), a vault file has its backup. Those of the current version may be in the .env."
    )


class StoreConflict(RotationError):
    code = "E_STORE_CONFLICT"
    path: str
    problem = "somebody else changed the store {path} at the same time"
    remedy = "Run the same command again: it resumes from what is there now."


class StoreRefused(RotationError):
    code = "E_STORE_REFUSED"
    server: str
    place: str
    problem = "{server} refuses the request {place}"
    remedy = "See the server's log for the cause."
