# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens with keys that are compromised."""

from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._checklist import compromise

from .observations import both, fact, option, seen

ENDS = "ends the sessions in the database;"
VALID = "keeps everything valid that SECRET_KEY signed, including sessions, since it is not in key_rotation_keys"


@pytest.mark.parametrize(
    ("change", "said", "unsaid"),
    [
        ({"sessions": "db"}, ENDS, VALID),
        ({"sessions": "cached_db"}, ENDS, VALID),
        ({"sessions": "signed_cookies"}, "ends no session itself: the users have them", ENDS),
        ({"sessions": "cache"}, "ends no session itself: they are not in the database", ENDS),
        ({"sessions": "ours"}, "ends the sessions of ours that are in the database, if there are any;", ENDS),
        ({"sessions": ""}, "keeps nothing valid that the old SECRET_KEY signed;", "session"),
        ({"fallbacks": 2}, "from SECRET_KEY_FALLBACKS, which has 2 keys: any other one stays valid;", VALID),
        ({"keys": ["SIGNER"]}, "keeps nothing valid", "SECRET_KEY_FALLBACKS"),
    ],
)
def test_what_a_compromise_does_is_said_as_it_will_be(change, said, unsaid):
    found = seen(both(option(sessions="drop"), fact(secret_key={"keys": [], **change})))
    text = "\n".join(compromise.what_happens(found, "r1"))
    assert (said in text, unsaid in text) == (True, False), text


def test_of_a_secret_key_that_is_not_rotated_a_compromise_says_that_it_stays_valid():
    keys = option(sessions="drop", settings=[{"name": "FIELD_KEY"}])
    text = "\n".join(compromise.what_happens(seen(both(keys, fact(secret_key={"sessions": "db", "keys": []}))), "r1"))
    assert (VALID in text, ENDS in text, "keeps nothing valid" in text) == (True, False, False), text
    unseen = seen(lambda made: made.update(hosts={}))
    assert "no host could be asked" in "\n".join(compromise.what_happens(unseen, "r1"))
