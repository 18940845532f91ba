# SPDX-License-Identifier: Apache-2.0
"""``/api/v1/``: the registry's own JSON API. Errors have the form of the distribution API's."""
