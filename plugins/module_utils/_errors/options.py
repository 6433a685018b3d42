# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options, variables and arguments of tasks that are not valid."""

from __future__ import annotations

from .base import RotationError


class UnknownKeyType(RotationError):
    code = "E_KEY_TYPE"
    name: str
    type: str
    known_types: str
    problem = "O(keys): {name} has the unknown type {type}"
    remedy = "Use one of: {known_types}."


class InvalidKeySpec(RotationError):
    code = "E_KEY_SPEC"
    index: int
    fault: str
    problem = "O(keys): entry {index} {fault}"
    remedy = "Write each entry as name:, type:, and optionally bytes:, keep:, use: and destination:."


class InvalidScheme(RotationError):
    code = "E_SCHEME"
    scheme: str
    fault: str
    problem = "O(schemes): {scheme} {fault}"
    remedy = "docs/schemes.md lists the members of a scheme."


class InvalidTarget(RotationError):
    code = "E_TARGET"
    index: int
    fault: str
    problem = "O(targets): entry {index} {fault}"
    remedy = (
        "Write each entry as table:, column: and scheme:; a search column as table:, column:, digest_of: and recipe:, "
        "whose members are in docs/schemes.md."
    )


class RecipeExplainsNothing(RotationError):
    code = "E_DIGEST_RECIPE"
    column: str
    recipe: str
    looked_at: int
    rows: str
    prefix = "{column}: "
    problem = (
        "the recipe in O(targets) explains no digest of the column. {looked_at:digest was|digests were} compared with "
        "{recipe}: {rows}"
    )
    remedy = (
        "Compare the recipe with the code of the application: the hash, how its key is derived, each part of what is "
        "hashed and its order, the encoding and the length. A column is hashed as PostgreSQL shows it as text. If the "
        "recipe cannot be written as data, name the function of the application that makes the digest."
    )


class InvalidLeaveAlone(RotationError):
    code = "E_LEAVE_ALONE"
    index: int
    problem = "O(leave_alone): entry {index} is not table.column:key"
    remedy = "Copy the row from the error that reported it."


class InvalidSettlement(RotationError):
    code = "E_SETTLEMENT"
    name: str
    fault: str
    problem = "O(settlements): {name} {fault}"
    remedy = (
        "Write table.column, or table.column:key for a value in O(leave_alone), as the plan shows it, and under it "
        'not_ours: "reason" or unreadable: "reason". For a column with tokens, one_layer, two_layers or mixed are also '
        "possible; for an ID that is computed from a key, unused_key_id; for tokens with + and / that the application "
        "also reads with - and _, urlsafe."
    )


class InvalidNotify(RotationError):
    code = "E_NOTIFY"
    index: int
    fault: str
    problem = "O(notify): entry {index}: {fault}"
    remedy = "roles/record/README.md lists the members of each type."


class InvalidOption(RotationError):
    code = "E_OPTION"
    option: str
    fault: str
    advice: str
    problem = "O({option}) {fault}"
    remedy = "{advice}"


class InvalidArgument(RotationError):
    code = "E_ARGUMENT"
    argument: str
    fault: str
    advice: str
    problem = "{argument} {fault}"
    remedy = "{advice}"


class InvalidVariable(RotationError):
    code = "E_VARIABLE"
    variable: str
    fault: str
    advice: str
    problem = "{variable} {fault}"
    remedy = "{advice}"


class InvalidOptions(RotationError):
    code = "E_OPTIONS"
    count: int
    problems: str
    problem = "{count:variable is|variables are} invalid"
    remedy = "Correct them:{problems}"
