# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run does as a whole: it opens, closes and verifies records, and chooses how a rotation is rolled back.

The action plugins of the record and of the rollback strategy import it. It imports module_utils, the services, the
reports, the notifications and the screen.
"""
