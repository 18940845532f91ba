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
