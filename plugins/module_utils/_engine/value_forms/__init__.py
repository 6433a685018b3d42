# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forms of one stored value: known, plain, encoded, or like ciphertext. No key, no database and no Django.

``columns``, ``discovery``, ``elsewhere`` and ``proof`` import it. It imports ``crypto``.
"""
