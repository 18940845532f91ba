# SPDX-License-Identifier: Apache-2.0
"""For schemathesis: values of our formats, mostly of what was pushed, which the environment names as JSON."""

import json
import os

import schemathesis
from hypothesis import strategies

NAMES, TAGS, DIGESTS, CURSORS = json.loads(os.environ["PUSHED"])

schemathesis.openapi.format("repository", strategies.sampled_from([*NAMES, "never/pushed"]))
schemathesis.openapi.format("tag", strategies.sampled_from([*TAGS, "never"]))
schemathesis.openapi.format("digest", strategies.sampled_from([*DIGESTS, f"sha256:{'0' * 64}"]))
schemathesis.openapi.format("cursor", strategies.sampled_from(CURSORS))

PEOPLE = ("ann", "bob", "ci", "never-added")
ROLES = ("builders", "read-all", "never-made")
SUBJECTS = ["anonymous", "everyone", "role:builders", "role:read-all", "user:ann", "robot:ci", "user:never-added"]

schemathesis.openapi.format("account", strategies.sampled_from(PEOPLE))
schemathesis.openapi.format("after", strategies.sampled_from(["", *PEOPLE]))
schemathesis.openapi.format("role", strategies.sampled_from(ROLES))
schemathesis.openapi.format("rule", strategies.sampled_from([str(number) for number in range(1, 20)]))
schemathesis.openapi.format("subject", strategies.sampled_from(SUBJECTS))
schemathesis.openapi.format("secret", strategies.just("battery staple"))  # of who asks
schemathesis.openapi.format("comment", strategies.sampled_from(["", "what it is for"]))
schemathesis.openapi.format("pattern", strategies.sampled_from(["**", "team/*", "team/app", "v?/app"]))
schemathesis.openapi.format("network", strategies.sampled_from(["*", "10.0.0.0/8", "192.168.*", "2001:db8::1"]))
schemathesis.openapi.format("address", strategies.sampled_from(["", "10.1.2.3", "2001:db8::1"]))
