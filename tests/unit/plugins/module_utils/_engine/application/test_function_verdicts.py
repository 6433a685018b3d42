# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""10,000 random values through functions of every encoding and way to fail: no verdict is wrong."""

from __future__ import annotations

import base64
import concurrent.futures
import contextlib
import functools
import hashlib
import hmac
import itertools
import json
import quopri
import random

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import (
    custom_functions,
    function_verdicts,
    key_worker,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.function_names import Functions
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.application import FunctionFailed
from cryptography.fernet import Fernet, InvalidToken

OLD, NEW, LOST = b"old", b"new", b"lost"  # keys
ERROR = "[Decryption Error]"


def padded32(raw):
    return base64.b32encode(raw).decode().rstrip("=")


def unpadded32(text):
    return base64.b32decode(text.upper() + "=" * (-len(text) % 8))


def lenient16(text):
    return bytes.fromhex(text)


ENCODINGS = {
    "hex": (bytes.hex, lenient16),
    "HEX": (lambda raw: raw.hex().upper(), lenient16),
    "base32": (lambda raw: padded32(raw).lower(), unpadded32),
    "BASE32": (padded32, unpadded32),
    "base64": (lambda raw: base64.b64encode(raw).decode(), base64.b64decode),
    "base64url": (lambda raw: base64.urlsafe_b64encode(raw).decode(), base64.urlsafe_b64decode),
}


def stream(key, iv, length):
    return hashlib.shake_256(key + iv).digest(length)


class Application:
    """Functions of an application: one encoding, one way to fail, tokens whole or in parts."""

    def __init__(self, key, encoding, fails, parts, rng, *, proves=True, old_format=False):
        self.key, self.fails, self.parts, self.rng, self.proves = key, fails, parts, rng, proves
        self.encode, self.decode = ENCODINGS[encoding]
        self.last = None
        self.old_format = old_format

    def encrypt(self, text):
        plain, iv = text.encode(), self.rng.randbytes(12)
        secret = bytes(a ^ b for a, b in zip(plain, stream(self.key, iv, len(plain))))
        tag = hmac.digest(self.key, iv + secret, "sha256")[:16]
        if self.parts:
            return f"AES.2:{self.encode(iv)}:{self.encode(secret + tag)}"
        return self.encode(iv + secret + tag)

    def _decrypt(self, token):
        if self.parts:
            name, iv, rest = token.split(":")
            if name != "AES.2":
                raise ValueError
            iv, rest = self.decode(iv), self.decode(rest)
        else:
            raw = self.decode(token)
            iv, rest = raw[:12], raw[12:]
        secret, tag = rest[:-16], rest[-16:]
        if self.proves and not hmac.compare_digest(hmac.digest(self.key, iv + secret, "sha256")[:16], tag):
            raise ValueError
        return bytes(a ^ b for a, b in zip(secret, stream(self.key, iv, len(secret)))).decode()

    def decrypt(self, token):
        if self.fails == "raises":
            return self._decrypt(token)
        try:
            self.last = self._decrypt(token)
            return self.last
        except Exception:  # noqa: BLE001  # as applications do
            return self.instead(token)

    def instead(self, token):
        return {
            "the token": token,
            "a text": ERROR,
            "None": None,
            "empty": "",
            "made of it": f"? {token[::-1][:9]}",
            "a digest of it": hashlib.sha256(token.encode()).hexdigest(),
            "the last one": self.last,
        }[self.fails]


FAILS = ("raises", "the token", "a text", "None", "empty", "made of it", "a digest of it", "the last one")
SEPARATED = (False, True)


class Process:
    """A process of an application, without one."""

    def __init__(self, application):
        self.opener, self.names = key_worker.Opener(), {"decrypt": application.decrypt, "encrypt": application.encrypt}
        self.find = self.names.__getitem__

    def call(self, verb, function, argument, context=()):
        before, key_worker.find = key_worker.find, self.find
        try:
            outcome, *answer = self.opener.answer(verb, function, argument, context)
        finally:
            key_worker.find = before
        if outcome != "done":
            raise self.refusal(function, answer[0])
        return answer[0]

    def refusal(self, function, fault):
        return FunctionFailed(function=function, key_id="k", fault=fault)


def cipher(make, key, *others):
    """The cipher of one key set: one copy of the application opens, another one seals."""
    pair = custom_functions.ProcessPair(Process(make(key)), Process(make(key)))
    sealers = [Process(make(other)) for other in others]
    return custom_functions.FunctionCipher(pair, Functions("decrypt", "encrypt"), sealers)


def texts(rng, count):
    """Random values, with those among them that a function may give for what it cannot read."""
    alphabet = "abcdefABCDEF0123456789 ž€🔑{}[]\"':=-_"
    for number in range(count):
        if number % 50 < 4:
            yield ("", ERROR, "None", "gAAAAABrBhTYabcdefgh")[number % 50]
        else:
            yield "".join(rng.choices(alphabet, k=rng.choice((1, 2, 5, 16, 40))))


CASES = list(itertools.product(ENCODINGS, SEPARATED, FAILS))
EACH = -(-10_000 // len(CASES))


@pytest.mark.parametrize(("encoding", "parts", "fails"), CASES)
def test_no_true_plaintext_is_an_error_text_and_no_error_text_a_plaintext(encoding, parts, fails):
    rng = random.Random(f"{encoding} {parts} {fails}")
    make = functools.partial(Application, encoding=encoding, fails=fails, parts=parts, rng=rng)
    opens, stranger, lost = cipher(make, OLD, NEW), make(NEW), make(LOST)
    for number, text in enumerate(texts(rng, EACH)):
        assert opens.open(make(OLD).encrypt(text).encode()) == Opened(b"s" + text.encode())
        unread = (stranger.encrypt(text), lost.encrypt(text), text or "x")[number % 3]
        assert opens.open(unread.encode()) is None


@pytest.mark.parametrize("fails", FAILS)
@pytest.mark.parametrize("first", [NEW, OLD])
def test_the_verdicts_do_not_depend_on_the_token_that_comes_first_or_on_other_key_sets(fails, first):
    rng = random.Random(fails)
    make = functools.partial(Application, encoding="hex", fails=fails, parts=True, rng=rng)
    opens = cipher(make, OLD)
    opens.open(make(first).encrypt("first").encode())
    for text in texts(rng, 200):
        assert opens.open(make(OLD).encrypt(text).encode()) == Opened(b"s" + text.encode())
        assert opens.open(make(LOST).encrypt(text).encode()) is None


@pytest.mark.parametrize("fails", FAILS)
def test_a_format_without_authentication_is_read_as_well(fails):
    """Damage gives other texts there: none of them makes a true value an error."""
    rng = random.Random(fails)
    make = functools.partial(Application, encoding="hex", fails=fails, parts=False, rng=rng, proves=False)
    opens = cipher(make, OLD, NEW)
    for text in texts(rng, 200):
        if text != ERROR or fails != "a text":
            assert opens.open(make(OLD).encrypt(text or "x").encode()) == Opened(b"s" + (text or "x").encode())


class Mixed(Application):
    """Two formats in one column: the application reads both, and writes the newer one."""

    def older(self, text):
        return super().encrypt(text).replace("AES.2", "AES.1")

    def _decrypt(self, token):
        if token.startswith("AES.1:"):
            token = token.replace("AES.1", "AES.2")
        return super()._decrypt(token)


@pytest.mark.parametrize("fails", FAILS)
def test_an_older_format_in_the_same_column_is_read(fails):
    rng = random.Random(fails)
    make = functools.partial(Mixed, encoding="hex", fails=fails, parts=True, rng=rng)
    opens = cipher(make, OLD, NEW)
    for text in texts(rng, 100):
        assert opens.open(make(OLD).older(text).encode()) == Opened(b"s" + text.encode())
        assert opens.open(make(LOST).older(text).encode()) is None


class Remembering(Application):
    """An application that keeps what it has read, and what it has sealed."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.kept = {}

    def encrypt(self, text):
        token = super().encrypt(text)
        self.kept[token] = text
        return token

    def decrypt(self, token):
        if token not in self.kept:
            self.kept[token] = super().decrypt(token)
        return self.kept[token]


@pytest.mark.parametrize("fails", FAILS)
def test_a_token_that_is_asked_for_again_gets_the_same_verdict_from_a_cache(fails):
    rng = random.Random(fails)
    make = functools.partial(Remembering, encoding="base64", fails=fails, parts=True, rng=rng)
    opens = cipher(make, OLD, NEW)
    good = {make(OLD).encrypt(text).encode(): text for text in texts(rng, 100)}
    bad = [make(LOST).encrypt(text).encode() for text in texts(rng, 100)]
    for _time in range(2):
        assert [opens.open(token) for token in good] == [Opened(b"s" + text.encode()) for text in good.values()]
        assert {opens.open(token) for token in bad} == {None}


class Particular(Application):
    """Functions that take mail addresses alone: no probe can be sealed."""

    def encrypt(self, text):
        if "@" not in text:
            raise ValueError
        return super().encrypt(text)


@pytest.mark.parametrize("fails", FAILS[:5])
def test_functions_that_seal_no_probe_are_judged_by_damaged_copies_of_each_token(fails):
    rng = random.Random(fails)
    make = functools.partial(Particular, encoding="HEX", fails=fails, parts=False, rng=rng)
    opens = cipher(make, OLD, NEW)
    for number in range(100):
        text = f"a{number}@example.com"
        assert opens.open(make(LOST).encrypt(text).encode()) is None
        assert opens.open(make(OLD).encrypt(text).encode()) == Opened(b"s" + text.encode())


class Valued(Application):
    """Functions that take any value, and have None for what they cannot read, and for nothing."""

    def encrypt(self, value):
        return super().encrypt(json.dumps(value))

    def _decrypt(self, token):
        return json.loads(super()._decrypt(token))


@pytest.mark.parametrize("value", [None, "", 0, False, True, 1, 1.5, [], {"a": None}, ERROR, "ž"], ids=repr)
@pytest.mark.parametrize("fails", FAILS)
def test_a_value_of_any_type_is_read_even_if_it_is_what_an_error_gives(value, fails):
    rng = random.Random(fails)
    make = functools.partial(Valued, encoding="base64url", fails=fails, parts=False, rng=rng)
    opens = cipher(make, OLD, NEW)
    for _time in range(3):
        assert opens.open(make(LOST).encrypt(value).encode()) is None
        assert opens.open(make(OLD).encrypt(value).encode()) == Opened(key_worker.preserved(value))


class Empty(Application):
    """What it does not encrypt, it leaves as it is."""

    def encrypt(self, text):
        return super().encrypt(text) if text else ""


def test_an_error_text_that_cannot_be_sealed_is_not_taken_for_a_plaintext():
    rng = random.Random(0)
    opens = cipher(functools.partial(Empty, encoding="hex", fails="empty", parts=False, rng=rng), OLD)
    lost = Application(LOST, "hex", "empty", False, rng)
    for text in texts(rng, 100):
        assert opens.open(lost.encrypt(text).encode()) is None


DECODERS = [
    bytes.fromhex, base64.b64decode, base64.urlsafe_b64decode, base64.b85decode, base64.a85decode,
    lambda text: base64.b32decode(text, casefold=True, map01="L"),
    lambda text: base64.b32hexdecode(text, casefold=True),
    lambda text: base64.b16decode(text, casefold=True), lambda text: quopri.decodestring(text), str.casefold,
]  # fmt: skip


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_damaged_token_decodes_to_other_bytes_in_every_encoding(encoding):
    rng = random.Random(encoding)
    for number in range(300):
        token = ENCODINGS[encoding][0](rng.randbytes(16 + number % 40))
        for whole in (token, f"AES.2:{token[:8]}:{token}", token.encode()):
            copies = function_verdicts.damaged(whole)
            assert len(copies) >= 5
            assert all(type(copy) is type(whole) and copy != whole for copy in copies)
        for copy, decode in itertools.product(function_verdicts.damaged(token), DECODERS):
            with contextlib.suppress(ValueError):
                assert decode(copy) != decode(token), (copy, token)


@pytest.mark.parametrize("token", ["x", "ab", "é", b"\x80" * 40, bytes(40), b"\x00", "::", "A" * 40])
def test_a_token_of_any_look_is_damaged(token):
    copies = function_verdicts.damaged(token)
    assert copies
    assert all(type(copy) is type(token) and copy != token for copy in copies)


def test_a_token_in_a_token_is_no_echo():
    """Two that were made in one second begin alike."""
    fernet = Fernet(Fernet.generate_key())
    inner = fernet.encrypt_at_time(b"x", 1).decode()
    outer = fernet.encrypt_at_time(inner.encode(), 1).decode()
    assert not function_verdicts.echoes(inner, outer)
    for echo in (outer, f"? {outer}", outer[9:], outer[len(outer) // 2 :], outer.encode()):
        assert function_verdicts.echoes(echo, outer)


@pytest.mark.parametrize("ready", [False, True], ids=["a thread of the call", "a thread that was there before"])
def test_a_function_that_decrypts_in_a_thread_reads_no_token_of_another_key(ready):
    """Its error text has a few characters of the token, which differ from token to token."""
    known, other = Fernet(Fernet.generate_key()), Fernet(Fernet.generate_key())
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        if ready:
            pool.submit(bool).result()

        def inner(token):
            try:
                return known.decrypt(token.encode()).decode()
            except InvalidToken:
                return f"[cannot decrypt {token[20:28]}]"

        reader = function_verdicts.FunctionReader(lambda token, context: pool.submit(inner, token).result())
        for cipher, learn in ((known, reader.learn), (other, reader.learn_foreign)):
            for number in range(2):
                learn(f"probe {number}", cipher.encrypt(f"probe {number}".encode()).decode())
        assert not reader.read(other.encrypt(b"secret").decode()).read
        assert reader.read(known.encrypt(b"good").decode()) == function_verdicts.Verdict(True, "good")
