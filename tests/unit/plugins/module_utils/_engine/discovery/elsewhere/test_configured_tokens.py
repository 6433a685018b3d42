# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import Keyring
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.elsewhere import configured_tokens
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import settlements
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.findings import (
    Finding,
    unsettled,
)
from cryptography.fernet import Fernet

from ...conftest import nothing_set

KEY, OLD = Fernet.generate_key(), Fernet.generate_key()
TOKEN = Fernet(KEY).encrypt(b"CANARY").decode()
FOREIGN = Fernet(Fernet.generate_key()).encrypt(b"of another key").decode()
DESCRIBED = {"field": {"format": "fernet", "key": {"derive": "direct", "secret": "FIELD_KEY"}}}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an application without settings of its own."""
    configure(monkeypatch)
    return tmp_path


def configure(monkeypatch: pytest.MonkeyPatch, **values: Any) -> None:
    from django.conf import LazySettings

    settings = LazySettings()
    settings.configure(**values)
    monkeypatch.setattr("django.conf.settings", settings)


def find(project: Path, **env: str) -> list[Finding]:
    stages = {"current": KeySet({"FIELD_KEY": KEY.decode()}), "previous": KeySet({"FIELD_KEY": OLD.decode()})}
    keyring = Keyring(schemes.parse(DESCRIBED), stages, nothing_set)
    found = configured_tokens.find(keyring, ["field"], env, str(project), str(project / ".env"))
    assert all(secret not in str(each.as_notice()) for each in found for secret in (TOKEN, "CANARY", KEY.decode()))
    return found


def names(found: list[Finding]) -> list[str]:
    return [each.column for each in found]


def write(path: Path, text: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (TOKEN, "PAYMENT"),
        (TOKEN.encode(), "PAYMENT"),
        (f"token:{TOKEN};", "PAYMENT"),
        (base64.b64encode(TOKEN.encode()).decode(), "PAYMENT"),
        (Fernet(OLD).encrypt(b"CANARY").decode(), "PAYMENT"),
        ({"live": {"token": TOKEN}}, "PAYMENT.live.token"),
        ([{"token": "none"}, ("a", TOKEN)], "PAYMENT.1.1"),
        ({"keys": {TOKEN}}, "PAYMENT.keys"),
        ({TOKEN: "plain"}, "PAYMENT"),
        ({TOKEN: TOKEN}, "PAYMENT.0"),
    ],
    ids=["text", "bytes", "in a text", "base64", "previous key", "mapping", "list", "set", "key", "key and value"],
)
def test_a_token_in_a_setting_is_named_by_its_path(
    project: Path, monkeypatch: pytest.MonkeyPatch, value: Any, path: str
) -> None:
    configure(monkeypatch, PAYMENT=value, PUBLIC="a text of ordinary words that is long enough")
    found = find(project)
    assert f"setting {path}" in names(found)
    assert {each.kind.code for each in found} == {"E_OUT_OF_REACH"}
    assert {each.column.partition(".")[0] for each in found} == {"setting PAYMENT"}


def test_a_variable_is_named_once_if_a_setting_reads_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, PASSWORD=TOKEN, FIELD_KEY=KEY)
    assert names(find(project, SMTP_PASSWORD_ENC=TOKEN, FIELD_KEY=KEY.decode())) == ["variable SMTP_PASSWORD_ENC"]


def test_a_text_file_is_named_with_its_lines(project: Path) -> None:
    write(project / "config/gateway.json", json.dumps({"name": "x", "secret": TOKEN}, indent=1))
    (found,) = find(project)
    assert (found.column, found.kind.code) == ("file config/gateway.json", "E_OUT_OF_REACH")
    assert "in line 3, it holds a token" in found.what


def test_a_literal_in_source_is_named_once_if_it_is_a_setting(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, PAYMENT=TOKEN)
    write(project / "shop/settings.py", f"PAYMENT = '{TOKEN}'\n")
    write(project / "shop/constants.py", f"OTHER = '{Fernet(KEY).encrypt(b'CANARY').decode()}'\n")
    write(project / "shop.json", json.dumps([TOKEN]))
    assert names(find(project)) == ["setting PAYMENT", "file shop.json", "file shop/constants.py"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("gateway.json", FOREIGN),
        ("keys.txt", KEY + b"\n" + OLD),
        (".env", f"SMTP_PASSWORD_ENC={TOKEN}\n"),  # its variables are looked at by name
        (".git/config", TOKEN),
        ("node_modules/a/gateway.json", TOKEN),
        ("media/upload.txt", TOKEN),
        ("uploads/upload.txt", TOKEN),
        ("logs/app.txt", TOKEN),
        ("app.log.1", TOKEN),
        ("db.sqlite3-journal", TOKEN),
        ("image.bin", b"\0" + TOKEN.encode()),
        ("large.txt", TOKEN + "\n" * configured_tokens.LARGEST),
    ],
    ids=map(str, range(12)),
)
def test_other_files_are_no_findings(project: Path, monkeypatch: pytest.MonkeyPatch, path: str, text: Any) -> None:
    configure(monkeypatch, MEDIA_ROOT=project / "uploads", KEYS=[KEY, OLD.decode()], TOKEN=FOREIGN)
    write(project / path, text)
    assert find(project, KEYS=f"{KEY.decode()},{OLD.decode()}", TOKEN=FOREIGN) == []


def test_files_that_cannot_be_read_are_passed_over(project: Path) -> None:
    os.mkfifo(project / "pipe.txt")
    (project / "gone.txt").symlink_to(project / "nowhere")
    assert find(project) == []


@pytest.mark.parametrize(("limit", "value"), [("MOST_FILES", 1), ("MOST_SECONDS", -1)])
def test_a_search_of_files_is_bounded_and_says_so(
    project: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    for name in ("a.txt", "b.txt"):
        write(project / name, "a text that is longer than the shortest token")
    assert find(project) == []
    monkeypatch.setattr(configured_tokens, limit, value)
    (found,) = find(project)
    assert (found.kind.name, found.kind.stops) == ("configured_cut_off", False)


def test_each_is_settled_by_its_name(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, PAYMENT={"token": TOKEN})
    write(project / "gateway.json", TOKEN)
    found = find(project, SMTP_PASSWORD_ENC=Fernet(KEY).encrypt(b"CANARY").decode())
    decided = settlements.parse({name: {"unreadable": "it is replaced at once"} for name in names(found)})
    assert len(decided) == 3
    assert unsettled(found, decided) == []
    assert configured_tokens.places([*decided, "profile.name", "default of profile.name"]) == {*decided}


def test_an_id_of_a_key_in_a_variable_is_found_and_a_copy_of_the_key_does_not_count(project: Path) -> None:
    short = hashlib.sha256(KEY).hexdigest()[:16]
    found = find(project, KEY_FINGERPRINT=short, KEY_LABEL=f"v1:{short}", COPY=KEY.decode(), PORT="5432432432")
    assert names(found) == ["variable KEY_FINGERPRINT", "variable KEY_LABEL"]
    assert {each.kind.code for each in found} == {"E_KEY_FINGERPRINT"}
    assert short not in str([each.as_notice() for each in found])
    settled = settlements.parse({each.column: {"unused_key_id": "only shown"} for each in found})
    assert unsettled(found, settled) == []
