# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The approval of a plan: a small text that a person other than the operator signs with ``ssh-keygen -Y sign``.

Next to ``PLAN`` are ``PLAN.approval`` and its signature ``PLAN.approval.sig``. The text names the plan's hash, the
environment, the person and the time, so an approval for staging is not valid for production. A file of allowed signers
names who may sign. No server is needed (docs/design/record-format.md).
"""

from __future__ import annotations

import datetime
import fnmatch
import getpass
import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ...module_utils._engine.plan import plan_document
from ...module_utils._errors.approval import (
    ApprovalEnvironment,
    ApprovalFormat,
    ApprovalMissing,
    ApprovalOld,
    ApprovalPlan,
    ApprovalSelf,
    ApprovalSigner,
    AuthorizationMissing,
)
from ...module_utils._errors.base import RotationError
from ...module_utils._record import sshsig
from ...module_utils._record.approval import NAMESPACE, TITLE, Approval, ApprovalEvidence
from ...module_utils._system import users
from .._task_types import TaskArguments
from . import plan_file

if TYPE_CHECKING:
    from ...module_utils._result_types.approval_types import RecordedApproval

AHEAD = 300  # seconds by which two clocks may differ
BLOB = "AAAA"  # how a public key begins in base64: the length of its name, four bytes (RFC 4253, section 6.6)


def commands(path: str, plan_hash: str, environment: str) -> Iterator[str]:
    """Yield the commands with which another person approves the plan at ``path`` for an environment."""
    name = shlex.quote(f"{os.path.basename(path)}.approval")
    form = f"{TITLE}\\nplan {plan_hash}\\nenvironment {environment}\\nprincipal %s\\ntime %s\\n"
    yield "To approve it, somebody other than the operator reads the plan and runs, with their own name and key:"
    yield f"    printf '{form}' YOUR_NAME \"$(date -u +%FT%TZ)\" > {name}"
    yield f"    ssh-keygen -Y sign -f ~/.ssh/id_ed25519 -n {NAMESPACE} {name}"
    yield f"{name} and its signature go next to {path}."
    yield "YOUR_NAME is the name in the file of allowed signers: one word, such as an email address."


def verified(
    path: str, environment: str, signers: str | None, operator: str | None, max_hours: float
) -> ApprovalEvidence:
    """Return the approval of the plan at ``path`` for that environment, with the evidence that proves it later.

    Without an ``operator``, the user who runs this is the operator. Raise E_APPROVAL_*, E_PLAN_FILE or E_PLAN_CHANGED.
    """
    plan_hash = _plan_hash(path)
    text = _text(f"{path}.approval", path, plan_hash, environment)  # once: what is checked is what was read
    approval = _read(f"{path}.approval", text)
    if approval.plan_hash != plan_hash:
        raise ApprovalPlan(path=f"{path}.approval", approved=approval.plan_hash, expected=plan_hash)
    if approval.environment != environment:
        raise ApprovalEnvironment(path=f"{path}.approval", approved=approval.environment, expected=environment)
    evidence = _signed(f"{path}.approval", text, approval, signers)
    _refuse_own(approval, operator, _names_with_a_key_of(approval.principal, str(signers)))
    age = datetime.datetime.now(datetime.timezone.utc) - approval.moment
    if not -AHEAD <= age.total_seconds() <= max_hours * 3600:
        raise ApprovalOld(principal=approval.principal, time=approval.time, hours=max_hours)
    return evidence


def refuse_unauthorized(asked: TaskArguments) -> None:
    """Raise E_AUTHORIZATION if a run in production has no reason or no authorization."""
    missing = [name for name in ("reason", "authorization") if not words(asked.get(name))]
    if asked.get("environment") == "production" and missing:
        raise AuthorizationMissing(missing=" and ".join(missing), environment=asked["environment"])


def words(statement: object) -> str:
    """Return the operator's text on one line; empty if it has only blanks."""
    if isinstance(statement, Mapping):
        return ", ".join(f"{name} {text}" for name, value in statement.items() if (text := words(value)))
    return " ".join(str(statement or "").split())


def recorded(approval: RecordedApproval | None, environment: str, signers: str | None) -> ApprovalEvidence | None:
    """Return the approval in the record of a rotation, if its evidence is valid and its person may still sign.

    Otherwise return None: somebody edited it, or the file of allowed signers no longer names its signer.
    """
    try:
        evidence = ApprovalEvidence.borne_out(approval)
        if evidence is None or evidence.approval.environment != environment:
            return None
        if signers:  # what a record says of who may sign, whoever wrote to it could have made up
            lines = "".join(_lines_of(evidence.approval.principal, signers))
            return evidence if replace(evidence, allowed_signers=lines).accepted(evidence.approval.moment) else None
        return evidence
    except OSError:  # there is no such file, or no ssh-keygen
        return None


def _plan_hash(path: str) -> str:
    """The hash over the plan in the file, whatever hash it states."""
    plan = plan_file.read(path)
    if plan is None:
        raise ApprovalMissing(missing=f"there is no plan {path}", advice=_MAKE)
    return plan_document.plan_hash(plan)


_MAKE = "Create the plan with the plan playbook: it shows how to approve it."


def _text(path: str, plan_path: str, plan_hash: str, environment: str) -> bytes:
    try:
        with open(path, "rb") as handle:
            return handle.read()
    except FileNotFoundError:
        advice = " ".join(line.strip() for line in commands(plan_path, plan_hash, environment))
        raise ApprovalMissing(missing=f"there is no {path}", advice=advice) from None
    except OSError as exc:
        raise _unread(path, exc) from None


def _unread(path: str, exc: OSError) -> RotationError:
    """Return the error for a file that exists and cannot be read: the approval may still be good."""
    advice = "Let the user who runs the rotation read it, then run again."
    return ApprovalMissing(missing=f"{path} cannot be read: {exc.strerror}", advice=advice)


def _read(path: str, text: bytes) -> Approval:
    try:
        return Approval.read(text)
    except ValueError:
        raise ApprovalFormat(path=path) from None


def _signed(path: str, text: bytes, approval: Approval, signers: str | None) -> ApprovalEvidence:
    """Check with ``ssh-keygen`` that the person whom the text names signed it, and may sign. Raise an error
    otherwise."""
    if not signers or not os.path.isfile(signers):
        advice = "Set key_rotation_allowed_signers to a file of allowed signers, as ssh-keygen(1) describes it."
        raise ApprovalMissing(missing=f"there is no file of allowed signers ({signers})", advice=advice)
    try:
        with open(f"{path}.sig", encoding="ascii", errors="replace") as handle:
            signature = handle.read()
    except FileNotFoundError:
        advice = f"Sign it: ssh-keygen -Y sign -f ~/.ssh/id_ed25519 -n {NAMESPACE} {shlex.quote(path)}"
        raise ApprovalMissing(missing=f"{path} is not signed", advice=advice) from None
    except OSError as exc:
        raise _unread(f"{path}.sig", exc) from None
    try:
        sshsig.key_in(signature)  # ssh-keygen ignores what follows a signature, such as a second one
    except ValueError:
        raise ApprovalFormat(path=f"{path}.sig") from None
    try:
        lines = "".join(_lines_of(approval.principal, signers))
    except OSError as exc:
        raise _unread(signers, exc) from None
    try:
        evidence = ApprovalEvidence(approval, text.decode("utf-8"), signature, lines)
        accepted = evidence.accepted()
    except FileNotFoundError:
        advice = "Install OpenSSH's client programs on the control node."
        raise ApprovalMissing(missing="ssh-keygen is not installed here", advice=advice) from None
    if not accepted:
        raise ApprovalSigner(path=path, principal=approval.principal, signers=signers)
    return evidence


def _lines_of(principal: str, signers: str) -> list[str]:
    """Return the lines of a file of allowed signers that name only this person.

    If a line has a pattern or several names, its signer could choose one of them.
    """
    with open(signers, encoding="utf-8", errors="replace") as handle:
        return [line for line in handle if line.casefold().split(None, 1)[:1] == [principal.casefold()]]


def _names_with_a_key_of(principal: str, signers: str) -> set[str]:
    """Return all names that share a key with this person in the file of allowed signers."""
    keys = {word for line in _lines_of(principal, signers) for word in line.split() if word.startswith(BLOB)}
    with open(signers, encoding="utf-8", errors="replace") as handle:
        shared = [line for line in handle if keys & set(line.split())]
    return {name.strip() for line in shared for name in _principals(line).split(",")}


def _principals(line: str) -> str:
    """Return the names in a line of allowed signers: its first word, or its text in quotes (ssh-keygen(1))."""
    line = line.lstrip()
    return line[1:].partition('"')[0] if line.startswith('"') else line.split(None, 1)[0]


def _refuse_own(approval: Approval, operator: str | None, names: set[str]) -> None:
    """Raise E_APPROVAL_SELF if the operator approved the plan, or if it is unknown who the operator is."""
    accounts = _accounts()
    known = {operator} if operator else accounts - {"root"}
    if not known:
        advice = "Set key_rotation_operator to the person who rotates: the account is only known as root."
        raise ApprovalSelf(operator="root", principal=approval.principal, advice=advice)
    for name in {*known, *accounts} - {"root"}:
        if any(_may_be(name, other) for other in (approval.principal, *names)):
            advice = "Have somebody else read the plan and sign it."
            raise ApprovalSelf(operator=name, principal=approval.principal, advice=advice)


def _accounts() -> set[str]:
    """The accounts of who runs this, before and after they became another user, whatever the environment says."""
    names = {getpass.getuser(), os.environ.get("SUDO_USER"), users.name_of(os.getuid()), users.login()}
    return {name for name in names if name}


def _may_be(name: str, other: str) -> bool:
    """Return whether a line of the allowed signers may name an account, by name or by an ssh pattern with * and ?."""
    pattern = other.casefold().replace("[", "[[]")
    if pattern.startswith("*@"):  # whoever is of that domain, which a bare name does not say
        return fnmatch.fnmatchcase(name.casefold(), pattern)
    return fnmatch.fnmatchcase(_person(name), pattern.partition("@")[0])


def _person(name: str) -> str:
    """Return a name in the form in which ``ada`` and ``Ada@example.org`` are one person."""
    return name.split("@", 1)[0].casefold()
