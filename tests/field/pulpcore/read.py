# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pulpcore itself reads of every field that it encrypts, as JSON after the word READ."""

import json

from django.apps import apps
from pulpcore.app.models.fields import EncryptedJSONField, EncryptedTextField

found = {}
for model in apps.get_models():
    for field in model._meta.local_concrete_fields:
        if isinstance(field, (EncryptedJSONField, EncryptedTextField)):
            for instance in model._base_manager.order_by("pk"):
                found[f"{model._meta.db_table}.{field.column}:{instance.pk}"] = getattr(instance, field.attname)
print("READ" + json.dumps(found))
