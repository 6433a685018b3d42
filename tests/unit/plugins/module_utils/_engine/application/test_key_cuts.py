# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import key_cuts
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.key_flow import SourceFiles


def find(folder: Path, code: str) -> list[str]:
    (folder / "shop").mkdir()
    (folder / "shop/secrets.py").write_text(code)
    return [str(cut.use) for cut in key_cuts.find(SourceFiles(str(folder), {}, ()), "APP_KEY")]


@pytest.mark.parametrize(
    ("code", "place"),
    [
        ("def key():\n  return sha256(settings.APP_KEY[:32].encode()).digest()", "2 key"),
        ("def key():\n  return sha256(settings.APP_KEY.encode('utf-8')[0:32]).digest()", "2 key"),
        ("KEY = sha256(bytes(os.environ['APP_KEY'], 'utf-8')[:32]).digest()", "1"),
        ("KEY = os.getenv('APP_KEY')\nclass Cipher:\n  def key(self):\n    return KEY.ljust(32)[:32]", "4 Cipher.key"),
        ("def secret():\n  return settings.APP_KEY or ''\ndef key():\n  text = secret()\n  return text[:32]", "5 key"),
        ("def cut(text):\n  return text[:32]\nKEY = cut(force_bytes(settings.APP_KEY))", "2 cut"),
        (
            "class Cipher:\n  def __init__(self):\n    self.raw = settings.APP_KEY\n    self.key = self.raw[:32]",
            "4 Cipher.__init__",
        ),
    ],
)
def test_a_key_that_is_cut(tmp_path, code, place):
    assert find(tmp_path, code) == [f"shop/secrets.py:{place} (cuts it to 32)"]


@pytest.mark.parametrize(
    "code",
    [
        "KEY = sha512(settings.APP_KEY.encode()).digest()[:32]",
        "derived = sha512(settings.APP_KEY.encode()).digest()\nKEY = derived[:32]",
        "KEY = settings.APP_KEY[32:]",
        "KEY, NAME = settings.APP_KEY, title[:32]",
        "KEY = settings.OTHER_KEY[:32] if settings.APP_KEY else None",
        "KEY = settings.APP_KEY[:length]",
        "KEY = settings.APP_KEY.split(',')[:2]",
    ],
)
def test_what_is_no_part_of_the_key_itself(tmp_path, code):
    assert find(tmp_path, code) == []


def test_a_folder_with_the_name_of_media_is_searched_if_it_is_a_package(tmp_path):
    (tmp_path / "media").mkdir()
    (tmp_path / "media/secrets.py").write_text("KEY = settings.APP_KEY[:32]")
    assert [*key_cuts.find(SourceFiles(str(tmp_path), {}, ()), "APP_KEY")] == []
    (tmp_path / "media/__init__.py").write_text("")
    assert [cut.size for cut in key_cuts.find(SourceFiles(str(tmp_path), {}, ()), "APP_KEY")] == [32]


@pytest.mark.parametrize(
    "code",
    [
        "def box():\n  key = settings.APP_KEY\ndef short(key):\n  return key[:32]",
        "class Box:\n  def __init__(self):\n    self.key = settings.APP_KEY\n"
        "class Name:\n  def short(self):\n    return self.key[:32]",
        "class Box:\n  def __init__(self):\n    self.secret = settings.APP_KEY\n"
        "def name(link):\n  return link.secret[:32]",
    ],
    ids=["a parameter", "an attribute of another class", "an attribute of another object"],
)
def test_another_value_of_the_same_name_is_not_the_key(tmp_path, code):
    assert find(tmp_path, code) == []
