# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a record shows to a person: box, pages, log, ticket, calendar. All of them read one ``RotationState``.

Action plugins import it. It imports module_utils.
"""
