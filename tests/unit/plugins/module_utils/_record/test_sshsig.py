# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._record import sshsig

MESSAGE = b"one line\nand another\n"


@pytest.fixture(scope="module")
def key() -> str:
    return sshsig.new_key()


def test_openssh_takes_our_signature_and_no_other_message(key, tmp_path):
    (tmp_path / "signers").write_text(f'auditor namespaces="test" {sshsig.public(key)}\n')
    (tmp_path / "signature").write_text(sshsig.sign(key, MESSAGE, "test"))
    argv = ["ssh-keygen", "-Y", "verify", "-f", "signers", "-I", "auditor", "-n", "test", "-s", "signature"]
    assert subprocess.run(argv, input=MESSAGE, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    assert subprocess.run(argv, input=MESSAGE + b"x", cwd=tmp_path, capture_output=True, check=False).returncode != 0


def test_we_take_a_signature_of_openssh(tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "key"], cwd=tmp_path, check=True)
    (tmp_path / "message").write_bytes(MESSAGE)
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", "key", "-n", "test", "message"], cwd=tmp_path, check=True)
    armored = (tmp_path / "message.sig").read_text()
    public = " ".join((tmp_path / "key.pub").read_text().split()[:2])
    assert sshsig.signer(armored, MESSAGE, "test") == public


def test_whose_signature_it_is(key):
    armored = sshsig.sign(key, MESSAGE, "test")
    assert sshsig.signer(armored, MESSAGE, "test") == sshsig.public(key)
    assert sshsig.signer(armored, MESSAGE + b"x", "test") is None
    assert sshsig.signer(armored, MESSAGE, "another purpose") is None


@pytest.mark.parametrize(
    "spoil", [lambda text: "", lambda text: text[:200], lambda text: text.replace("U1NIU0", "AAAA")]
)
def test_what_is_no_signature_is_nobodys(key, spoil):
    assert sshsig.signer(spoil(sshsig.sign(key, MESSAGE, "test")), MESSAGE, "test") is None


def test_a_key_is_called_as_openssh_calls_it(key, tmp_path):
    (tmp_path / "key.pub").write_text(f"{sshsig.public(key)} a comment\n")
    argv = ["ssh-keygen", "-l", "-f", "key.pub"]
    said = subprocess.run(argv, cwd=tmp_path, capture_output=True, check=True, text=True).stdout
    assert sshsig.fingerprint(sshsig.public(key)) == sshsig.fingerprint(f"{sshsig.public(key)} x") == said.split()[1]
    assert sshsig.key_in(sshsig.sign(key, MESSAGE, "test")) == sshsig.public(key)


@pytest.mark.parametrize("text", ["", "ssh-ed25519", "ssh-ed25519 ", "ssh-ed25519 AAAA", "ssh-ed25519 !", "ssh-rsa {}"])
def test_what_is_no_public_key_has_no_fingerprint(key, text):
    with pytest.raises(ValueError, match=r".*"):
        sshsig.fingerprint(text.format(sshsig.public(key).split()[1]))
