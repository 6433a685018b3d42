# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The classes of values in a census that are no stage of a key set, and the errors of those that no key opens."""

from __future__ import annotations

from ..discovery.columns.layer_classes import NESTED_UNREADABLE, TOKEN_INSIDE, TWO_LAYERS

PLAINTEXT = "plaintext"  # the class of a value that does not look encrypted
OTHER_SCHEME = "other_scheme"  # the class of a value under an available key, by another scheme than its column
KEPT_KEY = "kept_key"  # the class of a value under a key that is not rotated, in a column under keys that are
TOKEN_IN_TEXT = "token_in_text"  # the class of a value that is not a token, and has one under a rotated key in it
INSIDES = (NESTED_UNREADABLE, TWO_LAYERS, TOKEN_INSIDE)  # classes of what opens, and is not read to its end
# By class, the error of what no key opens to its end.
UNOPENED = {
    "unreadable": "E_UNREADABLE",
    PLAINTEXT: "E_PLAINTEXT",
    OTHER_SCHEME: "E_OTHER_SCHEME",
    KEPT_KEY: "E_KEPT_KEY",
    TOKEN_IN_TEXT: "E_TOKEN_IN_TEXT",
    NESTED_UNREADABLE: "E_NESTED",
    TWO_LAYERS: "E_TWO_LAYERS",
    TOKEN_INSIDE: "E_TOKEN_INSIDE",
}
# Those of them that count if only one key set is available: any other value may be under another one.
UNOPENED_ALONE = (PLAINTEXT, TOKEN_IN_TEXT, *INSIDES)
