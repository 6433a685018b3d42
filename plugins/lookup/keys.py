# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
DOCUMENTATION = r"""
name: keys
author: Tetech (@tetech)
version_added: 0.1.0
short_description: Read an application's keys from the key store
description:
  - Reads one stage of a key set from the store that M(tetech.key_rotation.key_version) manages. It never writes.
  - A lookup is evaluated each time it is used. One login reads all of its terms.
options:
  _terms:
    description: Names of the keys, such as V(SECRET_KEY). Without terms, the whole key set is returned as a dictionary.
  stage:
    description: The stage of the version to read.
    type: str
    choices: [current, pending, previous]
    default: current
  store:
    description:
      - The other options in one dictionary. Its members override variables, environment variables and ini entries.
      - Options of the lookup itself override them.
    type: dict
    default: {}
    vars:
      - name: key_rotation_store
extends_documentation_fragment:
  - tetech.key_rotation.key_store
seealso:
  - module: tetech.key_rotation.key_version
"""

EXAMPLES = r"""
- name: Write a key to the file from which a service reads it
  ansible.builtin.copy:
    content: "{{ lookup('tetech.key_rotation.keys', 'SECRET_KEY') }}"
    dest: /run/credentials/secret_key
    mode: "0400"
  no_log: true
  diff: false

- name: Read both versions from Vault or OpenBao (address and token are in VAULT_ADDR and VAULT_TOKEN)
  ansible.builtin.template:
    src: settings.py.j2
    dest: /srv/app/settings_local.py
    mode: "0600"
  vars:
    key_rotation_store:
      type: hashi_vault
      mount: kv
      path: food_ordering/keys
    secret_key: "{{ lookup('tetech.key_rotation.keys', 'SECRET_KEY') }}"
    secret_key_fallback: "{{ lookup('tetech.key_rotation.keys', 'SECRET_KEY', stage='previous') }}"
  no_log: true
  diff: false
"""

RETURN = r"""
_raw:
  description: One value per term, in order. Without terms, one dictionary of all values by name.
  type: list
  elements: raw
"""

from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase

from ..module_utils._errors.base import RotationError, address
from ..module_utils._errors.options import InvalidArgument
from ..module_utils._errors.unexpected import internal
from ..plugin_utils._keys.configured_store import open_store, refuse_unknown, set_options
from ..plugin_utils._task_types import TaskArguments, Variables


def flattened(terms: list[Any]) -> list[Any]:
    """Return the terms, with the members of lists as terms of their own."""
    return [member for term in terms for member in (flattened(term) if isinstance(term, list) else [term])]


class LookupModule(LookupBase):
    def run(self, terms: list[Any], variables: Variables | None = None, **kwargs: Any) -> list[Any]:
        failure: RotationError | None = None
        try:
            return self._read([str(term) for term in flattened(terms)], kwargs, variables or {})
        except RotationError as exc:
            failure = exc
        except AnsibleError:  # a variable that is not defined must stay one
            raise
        except Exception as exc:  # its text could hold a value
            failure = internal(exc)
        raise AnsibleError(f"{failure} ({address(failure.code)})")

    def _read(self, names: list[str], given: TaskArguments, variables: Variables) -> list[Any]:
        refuse_unknown(given)
        set_options(self, given, variables, self._loader)
        own = {name: value for name, value in given.items() if name not in ("stage", "store")}
        store = open_store({**self.get_option("store"), **own}, variables, self._loader)
        version = store.stage(self.get_option("stage"))
        version.refuse_damaged(store.path)
        for name in names:
            if name not in version.values:
                raise InvalidArgument(
                    argument=f"lookup term {name}",
                    fault=f"is not a key of the set in {store.path}",
                    advice=f"Use one of: {', '.join(version.values)}.",
                )
        return [version.values[name] for name in names] if names else [dict(version.values)]
