# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalog of errors: code, what is wrong, what was changed so far, what to do.

To add an error, add a class to the file of its domain. ``base`` has the base class. ``errors_by_code`` lists the errors
of all domains and finds one by its code. Everything may import it. It imports the standard library only.
"""
