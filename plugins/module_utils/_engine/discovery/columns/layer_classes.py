# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Classes of the census for a value whose plaintext is, or holds, a token. Reports need them without the engine."""

from __future__ import annotations

NESTED, NESTED_UNREADABLE, TOKEN_INSIDE, TWO_LAYERS = "nested", "nested_unreadable", "token_inside", "two_layers"
