# SPDX-License-Identifier: Apache-2.0
"""The language of the field: digests, names, media types, manifests, ranges and the table of wire errors.

Immutable values, no I/O. Knows nothing of storage, SQL or HTTP servers; every other room speaks it.
"""
