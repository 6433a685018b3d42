# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The approval of a plan: what was signed, and the evidence that lets anyone check the signature later.

The record keeps the evidence: the text, its signature in OpenSSH's format, and the person's lines of the file of
allowed signers. ``ssh-keygen`` can verify it even after that file has changed.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from .._system.program_environment import TIME_ZONE, run_program
from .._system.timestamps import parse
from . import sshsig

if TYPE_CHECKING:
    from .._result_types.approval_types import RecordedApproval

NAMESPACE = "tetech.key_rotation.approval"
TITLE = "tetech.key_rotation approval"
MEMBERS = ("plan", "environment", "principal", "time")
PATTERN = set('*?!," \t')  # what makes more than one name of a principal (ssh-keygen(1), ALLOWED SIGNERS)
MADE_OF = {"text", "signature", "allowed_signers"}  # the evidence, in a record
DATED = ("valid-after", "valid-before")  # options of a line of allowed signers


@dataclass(frozen=True)
class Approval:
    """The signed statement, and the person who signed it."""

    plan_hash: str
    environment: str
    principal: str
    time: str

    @classmethod
    def read(cls, text: bytes) -> Approval:
        """Parse an approval. Raise ValueError."""
        title, *lines = text.decode("utf-8").splitlines() or [""]
        pairs = [line.partition(" ") for line in lines if line.strip()]
        members = {name: value for name, _, value in pairs}
        if title != TITLE or tuple(name for name, _, _ in pairs) != MEMBERS:  # each once: who signs reads the first
            raise ValueError("no approval")
        if PATTERN & set(members["principal"]):  # with which who signs could choose who that is
            raise ValueError("a pattern")
        read = cls(*(members[name] for name in MEMBERS))
        read.moment  # noqa: B018  # which is a time, or raises
        return read

    @classmethod
    def recorded(cls, recorded_approval: RecordedApproval) -> Approval:
        """Return the approval in a record. Raise KeyError."""
        members = (
            recorded_approval["plan_hash"],
            recorded_approval["environment"],
            recorded_approval["principal"],
            recorded_approval["time"],
        )
        return cls(*map(str, members))

    @property
    def digest(self) -> str:
        """Return a digest that identifies the approval, whatever its signature."""
        return hashlib.sha256("\n".join(asdict(self).values()).encode("utf-8")).hexdigest()

    @property
    def moment(self) -> datetime.datetime:
        return parse(self.time)


@dataclass(frozen=True)
class ApprovalEvidence:
    """An approval with its text, the signature of that, and who was allowed to sign then."""

    approval: Approval
    text: str
    signature: str
    allowed_signers: str

    @classmethod
    def recorded(cls, recorded_approval: RecordedApproval) -> ApprovalEvidence | None:
        """Return the evidence of a record, or None if an earlier version kept none. Raise ValueError if it is
        invalid."""
        if not MADE_OF & set(recorded_approval):
            return None
        try:
            approval = Approval.recorded(recorded_approval)
            return cls(
                approval,
                str(recorded_approval["text"]),
                str(recorded_approval["signature"]),
                str(recorded_approval["allowed_signers"]),
            )
        except KeyError:
            raise ValueError("a member is missing") from None

    @classmethod
    def borne_out(cls, recorded_approval: RecordedApproval | None) -> ApprovalEvidence | None:
        """Return the evidence of a record if it was valid at the time of the approval, otherwise None.

        Raise FileNotFoundError if there is no ``ssh-keygen``.
        """
        if not isinstance(recorded_approval, Mapping):
            return None
        try:
            evidence = cls.recorded(recorded_approval)
            if evidence is None or not evidence.accepted(evidence.approval.moment):
                return None
            return evidence if evidence.as_recorded().items() <= recorded_approval.items() else None
        except ValueError:
            return None

    def as_recorded(self) -> RecordedApproval:
        """All of it for the record, with the public key that has signed."""
        key, approval = sshsig.key_in(self.signature), self.approval
        return {
            "plan_hash": approval.plan_hash,
            "environment": approval.environment,
            "principal": approval.principal,
            "time": approval.time,
            "signer": key,
            "fingerprint": sshsig.fingerprint(key),
            "text": self.text,
            "signature": self.signature,
            "allowed_signers": self.allowed_signers,
        }

    def accepted(self, at: datetime.datetime | None = None) -> bool:
        """Return whether ``ssh-keygen`` accepts the signature: the text is this approval, and its person may sign at
        that time.

        ``at`` is the time; without it, now. Raise FileNotFoundError if there is no ``ssh-keygen``.
        """
        try:
            if Approval.read(self.text.encode("utf-8")) != self.approval:
                return False
        except ValueError:
            return False
        argv = ["ssh-keygen", "-Y", "verify", "-I", self.approval.principal, "-n", NAMESPACE]
        if at and any(word in self.allowed_signers for word in DATED):  # an older ssh-keygen has none of all three
            local = time.localtime(at.timestamp())
            argv.append(f"-Overify-time={time.strftime('%Y%m%d%H%M%S', local)}")
        with _file(self.allowed_signers) as signers, _file(self.signature) as signature:
            argv += ["-f", signers, "-s", signature]
            return run_program(argv, TIME_ZONE, data=self.text, seconds=60).returncode == 0


@contextlib.contextmanager
def _file(text: str) -> Iterator[str]:
    """A private file that holds ``text``."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        yield handle.name
