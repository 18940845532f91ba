# SPDX-License-Identifier: Apache-2.0
"""A remote registry behind the same interface as ours. Empty until mirrors arrive; until then ``proxy`` in the
configuration stops the start.
"""
