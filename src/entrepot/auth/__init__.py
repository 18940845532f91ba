# SPDX-License-Identifier: Apache-2.0
"""Who calls and what they may do. Empty until accounts, htpasswd and tokens arrive; until then ``auth`` in the
configuration stops the start, so that a protected registry never starts open.
"""
