# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and tokens: key sets, derivations, formats, wrappers, schemes.

The engine imports it. It imports the standard library and cryptography: no Django, no database.
"""
