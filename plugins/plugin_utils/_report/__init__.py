# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a record shows to a person: box, pages, log, ticket, calendar.

Action plugins import it. It imports module_utils.
"""
