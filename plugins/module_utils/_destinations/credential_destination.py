# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that systemd units get as credentials: in files of their own, or in lines of a unit file, encrypted or not.

The content of a credential is that of a key file.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from .._errors.destinations import ConfigValue
from . import env_file_editor, key_files, systemd_creds
from .destination_interface import Delivery, Destination, DestinationChange
from .unit_credentials import CredentialSource, InvalidLine

PLAIN = "Write it on one line, or load it from a file with LoadCredential=."


class CredentialDestination(Destination):
    """Credentials of one file. ``sources`` has the source of each key.

    Raise E_ENV_*, E_CONFIG_VALUE, E_KEY_LINE, E_SYSTEMD_CREDS or E_CREDENTIAL_KEY.
    """

    path: str

    def __init__(self, path: str, sources: Mapping[str, CredentialSource]) -> None:
        super().__init__(path, list(sources), path, Delivery.CREDENTIAL)
        self._sources = sources
        self._is_secret = not all(source.is_encrypted for source in sources.values())

    def read(self, *, every: bool = True) -> dict[str, str]:
        text = env_file_editor.read_text(self.path, is_secret=self._is_secret)
        contents = {name: self._content(source, text) for name, source in self._sources.items()}
        return {name: key_files.parse(content, self.path) for name, content in contents.items()}

    def contents(self, values: Mapping[str, str]) -> dict[str, bytes]:
        """Return what an application finds in each credential if the keys have these values. Others are unchanged."""
        text = env_file_editor.read_text(self.path, is_secret=self._is_secret)
        contents = {}
        for name, source in self._sources.items():
            content = self._content(source, text)
            new = key_files.replaced(content, values[name]) if name in values else content
            contents[source.name] = new.encode("utf-8")
        return contents

    def refuse_unwritable(self) -> None:
        env_file_editor.refuse_unwritable(self.path)

    def change(self, values: Mapping[str, str]) -> DestinationChange | None:
        text = new_text = env_file_editor.read_text(self.path, is_secret=self._is_secret)
        for name, source in self._sources.items():
            content = self._content(source, text)
            key_files.parse(content, self.path)
            new = key_files.replaced(content, values[name])
            if new != content:
                new_text = self._replaced(source, new_text, new)
        return env_file_editor.FileChange(self.path, text, new_text, self._is_secret) if new_text != text else None

    def _content(self, source: CredentialSource, text: str) -> str:
        with self._refusing(source):
            written = source.find(text)
            if not source.is_encrypted:
                return written
            return systemd_creds.decrypt(source.name, written.encode("utf-8")).decode("utf-8")

    def _replaced(self, source: CredentialSource, text: str, content: str) -> str:
        with self._refusing(source):
            if source.is_encrypted:
                options = source.options or systemd_creds.options_like(source.name, source.find(text))
                content = systemd_creds.encrypt(source.name, content.encode("utf-8"), options)
            return source.replaced(text, content)

    @contextlib.contextmanager
    def _refusing(self, source: CredentialSource) -> Iterator[None]:
        try:
            yield
        except InvalidLine as exc:
            raise ConfigValue(path=self.path, place=source.name, fault=exc.fault, advice=PLAIN) from None
        except UnicodeDecodeError:
            fault = "has bytes that are not UTF-8"
            raise ConfigValue(path=self.path, place=source.name, fault=fault, advice=PLAIN) from None
