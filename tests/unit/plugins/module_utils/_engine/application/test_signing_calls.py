# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import key_uses, signing_calls
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.key_flow import (
    KeyFlow,
    SourceFiles,
)


def find(folder: Path, code: str) -> list[str]:
    (folder / "shop").mkdir()
    (folder / "shop/links.py").write_text(code)
    uses = key_uses.scan(str(folder), ["LINK_KEY"], {}).uses
    files = SourceFiles(str(folder), {}, ())
    return [f"{key} {use}" for key in uses for use in sorted({*signing_calls.find(KeyFlow(files, key))})]


@pytest.mark.parametrize(
    ("code", "place"),
    [
        (
            "from django.core import signing\ndef link(x):\n  return signing.dumps(x, key=settings.LINK_KEY, salt='x')",
            "3 link",
        ),
        (
            "from django.core.signing import loads as read\ndef link(x):\n  return read(x, settings.LINK_KEY)",
            "3 link",
        ),
        ("def link(x):\n  return signing.Signer(key=settings.LINK_KEY).sign(x)", "2 link"),
        ("SIGNER = TimestampSigner(settings.LINK_KEY)", "1"),
        ("key = sha256(settings.LINK_KEY)\nSIGNER = TimestampSigner(key=key)", "2"),
        (
            "class Links(TimestampSigner):\n  def __init__(self):\n    super().__init__(key=settings.LINK_KEY)",
            "3 Links.__init__",
        ),
        ("class Links(Signer):\n  pass\nlinks = Links(key=settings.LINK_KEY)", "3"),
        ("link = partial(signing.dumps, key=settings.LINK_KEY)", "1"),
    ],
)
def test_a_call_that_signs_with_a_key(tmp_path, code, place):
    assert find(tmp_path, code) == [f"LINK_KEY shop/links.py:{place} (signs with it)"]


@pytest.mark.parametrize(
    "code",
    [
        "def link(x):\n  settings.LINK_KEY\n  return signing.dumps(x, salt='x')",
        "def link(x):\n  settings.LINK_KEY\n  return signing.dumps(x, key=settings.OTHER_KEY)",
        "import json\ndef link(x):\n  return json.dumps(x, settings.LINK_KEY)",
        "def link(x):\n  return signing.dumps({'key': settings.LINK_KEY})",
    ],
)
def test_a_call_that_signs_with_another_key_or_not_at_all(tmp_path, code):
    assert find(tmp_path, code) == []
