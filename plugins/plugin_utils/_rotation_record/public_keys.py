# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The public keys that an operator names."""

from __future__ import annotations

from collections.abc import Sequence

from ...module_utils._errors.options import InvalidOption
from ...module_utils._record import sshsig


def public_keys(named: Sequence[str]) -> Sequence[str]:
    """Check public keys, and remove their comments. Raise E_OPTION."""
    for key in named:
        try:
            sshsig.fingerprint(key)
        except ValueError:
            advice = "Write each as a public key, as in record_signers: ssh-ed25519 AAAA..."
            raise InvalidOption(option="former_signers", fault="has an invalid public key", advice=advice) from None
    return [" ".join(key.split()[:2]) for key in named]
