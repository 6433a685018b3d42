# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encrypts and decrypts with Ansible Vault: a key store in a vault file, and the operator's own files."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Collection

import yaml
from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import (
    VaultLib,
    VaultSecret,
    get_file_vault_secret,
    match_encrypt_secret,
    parse_vaulttext_envelope,
)
from ansible.utils.display import Display

from ...module_utils._errors.backup import BackupIdentity
from ...module_utils._errors.keys import UnusableKeyFile
from ...module_utils._errors.store import StoreVaultId, VaultPasswordFile
from ...module_utils._system import atomic_file
from .._control_node.paths import expand

display = Display()
DEFAULT_PASSWORD_FILE = "~/.config/key_rotation/vault_password"


class AnsibleVault:
    """Encryption and decryption with the vault secrets that Ansible was started with.

    If there are none, the secret is a password file of our own, which is created at the first write.
    """

    def __init__(self, loader: DataLoader, password_file: str | None, vault_id: str | None) -> None:
        self._loader = loader
        self._given = [] if password_file else list(loader._vault.secrets or [])
        self._password_file = expand(password_file or DEFAULT_PASSWORD_FILE)
        self._ours = not password_file and not self._given
        self._vault_id = vault_id

    def encrypt(self, plaintext: bytes, before: bytes | None) -> bytes:
        """Encrypt under the configured vault ID, otherwise like ``before``, otherwise under the first secret."""
        if before is not None and not self._vault_id:
            _, _, secret = VaultLib(self._secrets()).decrypt_and_get_vault_id(before)
            return bytes(VaultLib([]).encrypt(plaintext, secret, parse_vaulttext_envelope(before)[3]))
        if self._ours and not os.path.lexists(self._password_file):
            _make_password_file(self._password_file)
        known = self._secrets()
        try:
            chosen = match_encrypt_secret(known, self._vault_id or C.DEFAULT_VAULT_ENCRYPT_IDENTITY)
        except AnsibleError:
            ids = ", ".join(vault_id for vault_id, _ in known)
            raise StoreVaultId(vault_id=self._vault_id or C.DEFAULT_VAULT_ENCRYPT_IDENTITY, vault_ids=ids) from None
        return bytes(VaultLib(known).encrypt(plaintext, chosen[1], chosen[0]))

    def decrypt(self, text: bytes) -> bytes | None:
        """The plaintext, or None if no secret opens it."""
        known = self._secrets()
        if not known:
            return None
        try:
            return bytes(VaultLib(known).decrypt(text))
        except AnsibleError:  # a wrong secret or a damaged file: Ansible does not distinguish the two
            return None

    def refuse_without_password(self) -> None:
        """Raise E_VAULT_PASSWORD_FILE if nothing could be encrypted. Our own password file is created when needed."""
        if not self._ours:
            self._secrets()

    def describe(self) -> str:
        """Return a description of where the secrets come from."""
        if self._given:
            files = {vault_id: getattr(secret, "filename", None) for vault_id, secret in self._given}
            return " or ".join(f"the vault password of {file or vault_id}" for vault_id, file in files.items())
        if not self._ours:
            return f"the vault password of {self._password_file}"
        missing = "" if os.path.lexists(self._password_file) else ", which is missing"
        return f"{self._password_file}{missing}: Ansible was started without a vault password"

    def _secrets(self) -> list[tuple[str, VaultSecret]]:
        """Ansible's secrets, otherwise that of the password file, which may be a script that prints it, as in
        Ansible."""
        if self._given or (self._ours and not os.path.lexists(self._password_file)):
            return self._given
        try:
            secret = get_file_vault_secret(self._password_file, vault_id=self._vault_id, loader=self._loader)
            secret.load()
        except AnsibleError:  # its text may hold what a script printed
            fault = "is missing, empty, not a file, or a script that fails"
            raise VaultPasswordFile(path=self._password_file, fault=fault) from None
        return [(self._vault_id or C.DEFAULT_VAULT_IDENTITY, secret)]


def _make_password_file(path: str) -> None:
    try:
        atomic_file.private_folder(os.path.dirname(path))
        atomic_file.create(path, secrets.token_urlsafe(48).encode() + b"\n")
    except FileExistsError:
        return  # another run was first, and its password counts
    except OSError as exc:
        raise VaultPasswordFile(path=path, fault=f"cannot be created: {exc.strerror}") from None
    display.warning(
        f"Ansible was started without a vault password, so one was created in {path}. "
        "Keep a copy elsewhere: only this password decrypts the key store."
    )


def read_vaulted(path: str, names: Collection[str], loader: DataLoader) -> dict[str, str]:
    """Read settings from a YAML file that Ansible Vault encrypted. Raise E_KEY_FILE, which shows only ``names``."""
    content = None
    with contextlib.suppress(OSError, yaml.YAMLError, ValueError):
        content = yaml.safe_load(AnsibleVault(loader, None, None).decrypt(atomic_file.read(path)) or b"")
    if not isinstance(content, dict):
        fault = "is not a file of settings that the vault secrets of this Ansible run can decrypt"
        raise UnusableKeyFile(path=path, fault=fault)
    for number, (name, value) in enumerate(content.items(), start=1):
        if not isinstance(value, str):  # YAML reads digits, a date or yes as another type
            which = name if name in names else f"entry {number}"
            raise UnusableKeyFile(path=path, fault=f"has a value of {which} that is not text: put it in quotes")
    return content


def read_identity(path: str | None, loader: DataLoader) -> str | None:
    """Read the age identity from a file on the control node, which may be encrypted with Ansible Vault.

    Raise E_BACKUP_IDENTITY.
    """
    if not path:
        return None
    content: bytes | None = None
    with contextlib.suppress(OSError), open(expand(path), "rb") as handle:
        content = handle.read()
    if content is None:
        raise BackupIdentity(fault=f"in {path} cannot be read on the control node")
    if content.startswith(b"$ANSIBLE_VAULT;"):
        content = AnsibleVault(loader, None, None).decrypt(content)
    try:
        return (content or b"").decode("utf-8") or _no_identity(path)
    except UnicodeDecodeError:
        return _no_identity(path)


def _no_identity(path: str) -> str:
    raise BackupIdentity(fault=f"in {path} is empty, not text, or under another vault secret")
