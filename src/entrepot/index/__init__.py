# SPDX-License-Identifier: Apache-2.0
"""Facts in SQL, derived from storage: repositories, manifests, tags, blobs, who references what, open intents.

The only room that speaks SQL. Knows nothing of bytes or HTTP.
"""
