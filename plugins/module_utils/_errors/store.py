# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key store: a vault file, HashiCorp Vault or OpenBao, AWS Secrets Manager."""

from __future__ import annotations

# code: (what is wrong and where, what to do next)
ERRORS: dict[str, tuple[str, str]] = {
    "E_STORE_PASSWORD": (
        "{path} does not open with the vault password given, or is damaged",
        "Give the secret that {path} was made with: --vault-id, --vault-password-file, or the store's password_file.",
    ),
    "E_STORE_VAULT_ID": (
        "the vault id {vault_id} is to encrypt the key store, and Ansible was started with {known}",
        "Start ansible-playbook with --vault-id {vault_id}@..., or correct the store's vault_id.",
    ),
    "E_STORE_FORMAT": ("{path} is not a key store of this collection ({found})", "Restore the file from its backup."),
    "E_STORE_READ": (
        "{path} cannot be read: {reason}",
        "Give the user who runs ansible-playbook the right to read it.",
    ),
    "E_STORE_WRITE": (
        "{path} cannot be written: {reason}",
        "Give the user who runs ansible-playbook the right to write it, and room on the disk.",
    ),
    "E_STORE_READBACK": (
        "{path} does not read back as it was written",
        "Check the disk, then run the same command again.",
    ),
    "E_STORE_TYPE": ("key_rotation_store has the unknown type {type}", "Use one of: {known}."),
    "E_STORE_OPTION": ("key_rotation_store has the unknown option {name}", "Use only: {known}."),
    "E_STORE_STAGE": ("the store {path} has no {stage} version", "{advice}"),
    "E_VERSION_UNKNOWN": ("the store {path} has no version {key_id}", "Take the key id from the record, or the store."),
    "E_VAULT_PASSWORD_FILE": (
        "the vault password file {path} {found}",
        "Point the store's password_file at a file with one line.",
    ),
    "E_STORE_PACKAGE": (
        "key_rotation_store is of the type {type}, and the Python package {package} is missing in {python}",
        "Install it for the Python that runs ansible-playbook: {python} -m pip install {package}",
    ),
    "E_STORE_NEEDS": (
        "key_rotation_store: {name} {found}",
        "See ansible-doc -t lookup tetech.key_rotation.keys.",
    ),
    "E_STORE_CLEARTEXT": (
        "key_rotation_store: the url of {host} is not https, and keys would travel in clear",
        "Give an https:// url, and the CA's certificates in ca_cert if they are your own.",
    ),
    "E_STORE_DOWN": (
        "the key store at {server} does not answer ({reason})",
        "Start it, or correct the address in key_rotation_store, then run the same command again.",
    ),
    "E_STORE_TLS": (
        "the certificate of {server} is not one that is trusted here",
        "Set ca_cert in key_rotation_store (VAULT_CACERT) to the CA's certificates, and see that the url has the "
        "certificate's name.",
    ),
    "E_STORE_NO_TLS": (
        "{server} does not speak TLS, and its address is an https one",
        "Correct the address in key_rotation_store, or have the server listen with TLS there; plain http is for this "
        "machine alone.",
    ),
    "E_STORE_SEALED": ("the key store at {server} is sealed", "Unseal it, then run the same command again."),
    "E_STORE_STANDBY": (
        "{server} is a replica or a standby, which does not write",
        "Set key_rotation_store to the address or region of the primary, then run the same command again.",
    ),
    "E_STORE_LOGIN": (
        "{server} does not take the credentials of the method {method}: they are wrong, expired or revoked",
        "Log in anew, or correct the credentials, or {options} in key_rotation_store, then run the same command again.",
    ),
    "E_STORE_DENIED": (
        "the credentials for the key store may not do {place}",
        "Grant what the policies in examples/stores grant, then run the same command again.",
    ),
    "E_STORE_MOUNT": (
        "{server} has no KV engine at {mount}, or none that this token may see",
        "Correct mount or namespace in key_rotation_store, or grant what the policies in examples/stores grant.",
    ),
    "E_STORE_KV_VERSION": (
        "the KV engine at {mount} is of version 1, which has no check-and-set",
        "Make another of version 2: vault secrets enable -path=NAME -version=2 kv, and set mount to its name.",
    ),
    "E_STORE_MISSING": (
        "there is no secret {path}",
        "Make it, empty: aws secretsmanager create-secret --name {name}; or correct path, region or profile.",
    ),
    "E_STORE_DELETION": (
        "the secret {path} is scheduled for deletion, and AWS gives nothing of it out until it is restored",
        "Bring it back: aws secretsmanager restore-secret --secret-id {name}",
    ),
    "E_STORE_FULL": (
        "the secret {path} has no room for another version: AWS has 20 labels for all of them together",
        "Destroy versions that nothing needs any more: the retire playbook says which those are.",
    ),
    "E_STORE_FOREIGN": (
        "the secret {path} holds a version that is not of this collection ({labels})",
        "Give the keys a secret of their own: aws secretsmanager create-secret --name NAME, and set path to its name.",
    ),
    "E_STORE_EXPIRES": (
        "{place} is set to delete what it keeps ({after}), and keys would be lost",
        "Take delete_version_after away (vault kv metadata put -delete-version-after=0s, or vault write MOUNT/config), "
        "and put what has a deletion time already anew.",
    ),
    "E_STORE_DELETED": (
        "{mount}/{secret} was deleted by hand",
        "Bring it back: vault kv undelete -mount={mount} -versions=N {secret} (vault kv metadata get shows N).",
    ),
    "E_STORE_VALUES": (
        "the store {path} lists the version {key_id} and has no values for it",
        "Restore the store from its backup. Nothing is to be rotated before that.",
    ),
    "E_STORE_DAMAGED": (
        "the store {path} has other values for the version {key_id} of {rotation_id} than were put there",
        "Put them back: a server keeps what was overwritten (bao kv get -version=N, vault kv get -version=N; in AWS "
        "the versions of the secret), a vault file has its backup. Those of the current version may be in the .env.",
    ),
    "E_STORE_CONFLICT": (
        "somebody else changed the store {path} at the same time",
        "Run the same command again: it goes on from what is there now.",
    ),
    "E_STORE_REFUSED": ("{server} refuses the request {place}", "See the server's log for the cause."),
}
