# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The permission for a run as a record has it. Another version, or a person's YAML, may have written it."""

from __future__ import annotations

from typing import TypedDict


class Authorization(TypedDict, total=False):
    """Who allowed a run, by which ticket. An operator may add further members, or give a text instead of members."""

    who: str
    ticket: str


class RecordedApproval(TypedDict, total=False):
    """The approval of a plan with its evidence. That of an earlier version may lack the evidence."""

    plan_hash: str
    environment: str
    principal: str
    time: str
    signer: str
    fingerprint: str
    text: str
    signature: str
    allowed_signers: str
