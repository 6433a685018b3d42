# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan on the control node: its file, and the approval that another person signed.

Action plugins, the checklist and the record of a run import it. It imports module_utils and the keys.
"""
