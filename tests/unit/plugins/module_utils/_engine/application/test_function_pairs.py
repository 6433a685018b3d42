# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import function_pairs, key_uses
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.function_pairs import Candidates

HELPER = """
from django.conf import settings
def cipher():
    return Fernet(settings.FIELD_KEY)
"""


def find(folder: Path, modules: dict[str, str], packages: dict[str, str] | None = None) -> function_pairs.CodeOfKeys:
    for name, text in modules.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    uses = key_uses.scan(str(folder), {"FIELD_KEY"}, packages or {}).uses
    return function_pairs.find(str(folder), packages or {}, uses)


@pytest.mark.parametrize(
    ("code", "encrypt", "decrypt"),
    [
        pytest.param("def encrypt(text): cipher()\ndef decrypt(text): cipher()", "encrypt", "decrypt", id="a pair"),
        pytest.param("def seal_it(x): cipher()\ndef open_it(x): cipher()", "seal_it", "open_it", id="other words"),
        pytest.param(
            "def encrypt(x): cipher()\ndef decrypt(x): cipher()\ndef encode(x): cipher()\ndef decode(x): cipher()",
            "encrypt", "decrypt", id="words that say more",
        ),
        pytest.param(
            "def save(x): return cipher().encrypt(x)\ndef view(x): return cipher().decrypt(x)",
            "save", "view", id="by what they call",
        ),
        pytest.param(
            "def tool_encrypt(x): return cipher().encrypt(x)\ndef save(x): return cipher().encrypt(x)\n"
            "def view(x): return cipher().decrypt(x)",
            "tool_encrypt", "view", id="a name before what another one calls",
        ),
        pytest.param(
            "KEY = settings.FIELD_KEY\ndef encrypt(x): return of(KEY)\ndef decrypt(x, key=None): return of(KEY)",
            "encrypt", "decrypt", id="a key that the module keeps",
        ),
        pytest.param(
            "try:\n  from shop.settings import FIELD_KEY as key\nexcept ImportError:\n  key = None\n"
            "def encrypt(x): of(key)\ndef decrypt(x): of(key)",
            "encrypt", "decrypt", id="a key that is imported",
        ),
        pytest.param(
            "def encrypt(x): cipher()\ndef decrypt(x): cipher()\ndef _encrypt(x): cipher()\ndef _decrypt(x): cipher()",
            "encrypt", "decrypt", id="private ones do not count",
        ),
    ],
)  # fmt: skip
def test_a_pair_by_its_names_or_by_what_it_calls(tmp_path, code, encrypt, decrypt):
    found = find(tmp_path, {"shop/codes.py": HELPER + code})
    assert found.candidates() == Candidates([f"shop.codes.{encrypt}"], [f"shop.codes.{decrypt}"])


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(
            "class Manager:\n  def encrypt(self, x): cipher()\n  def decrypt(self, x): cipher()", id="methods"
        ),
        pytest.param("def encrypt(x, iv): cipher()\ndef decrypt(x, iv): cipher()", id="two arguments"),
        pytest.param("def encrypt(x, *, iv): cipher()\ndef decrypt(x, *, iv): cipher()", id="a name that is needed"),
        pytest.param("def encrypt(): cipher()\ndef decrypt(): cipher()", id="no argument"),
        pytest.param("async def encrypt(x): cipher()\nasync def decrypt(x): cipher()", id="coroutines"),
        pytest.param("def encrypt(x): pass\ndef decrypt(x): pass", id="no key"),
        pytest.param("def send(x): cipher()\ndef receive(x): cipher()", id="names that say nothing"),
        pytest.param("def rotate(x): cipher().encrypt(cipher().decrypt(x))", id="one that does both"),
    ],
)
def test_what_is_no_pair(tmp_path, code):
    assert find(tmp_path, {"shop/codes.py": HELPER + code}).candidates() == Candidates([], [])


def test_of_two_pairs_none_is_preferred(tmp_path):
    pair = HELPER + "def encrypt(x): cipher()\ndef decrypt(x): cipher()"
    found = find(tmp_path, {"shop/cards.py": pair, "shop/notes.py": pair})
    assert found.candidates() == Candidates(
        ["shop.cards.encrypt", "shop.notes.encrypt"], ["shop.cards.decrypt", "shop.notes.decrypt"]
    )


def test_one_function_without_a_counterpart_is_a_candidate(tmp_path):
    found = find(tmp_path, {"shop/codes.py": HELPER + "def decrypt(x): cipher()"})
    assert found.candidates() == Candidates([], ["shop.codes.decrypt"])


CARDS = """
def encrypt_card(x): cipher()
def decrypt_card(x): cipher()
def encrypt_note(x): cipher()
def decrypt_note(x): cipher()
"""


class Customer:
    """A model by what is looked at."""

    @property
    def number(self):
        return decrypt_card(self.number_stored)  # noqa: F821

    def notes(self):
        return decrypt_note(self.note_stored)  # noqa: F821


@pytest.mark.parametrize(("column", "used"), [("number_stored", ["card"]), ("note_stored", ["note"])])
def test_the_pair_that_the_models_own_code_names_with_the_column_is_preferred(tmp_path, column, used):
    found = find(tmp_path, {"shop/codes.py": HELPER + CARDS})
    field = types.SimpleNamespace(attname=column, model=Customer)
    assert found.candidates(field) == Candidates(
        [f"shop.codes.encrypt_{each}" for each in used], [f"shop.codes.decrypt_{each}" for each in used]
    )


def test_a_model_whose_code_names_both_pairs_prefers_none(tmp_path):
    found = find(tmp_path, {"shop/codes.py": HELPER + CARDS})
    field = types.SimpleNamespace(attname="other", model=Customer)
    assert len(found.candidates(field).decrypt) == 2


def test_tests_and_installed_packages_are_no_code_of_the_application(tmp_path):
    pair = HELPER + "def encrypt(x): cipher()\ndef decrypt(x): cipher()"
    package = tmp_path / "lib/site-packages/fields"
    package.mkdir(parents=True)
    (package / "codes.py").write_text(pair)
    project = tmp_path / "tests/project"
    found = find(project, {"shop/tests/test_codes.py": pair, "shop/codes.py": pair}, {"fields": str(package)})
    assert found.candidates() == Candidates(["shop.codes.encrypt"], ["shop.codes.decrypt"])


def test_a_module_goes_by_the_name_under_which_the_application_has_imported_it(tmp_path, monkeypatch):
    module = types.ModuleType("cards.codes")
    module.__file__ = str(tmp_path / "src/cards/codes.py")
    monkeypatch.setitem(sys.modules, "cards.codes", module)
    found = find(tmp_path, {"src/cards/codes.py": HELPER + "def encrypt(x): cipher()\ndef decrypt(x): cipher()"})
    assert found.candidates() == Candidates(["cards.codes.encrypt"], ["cards.codes.decrypt"])
