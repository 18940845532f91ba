# SPDX-License-Identifier: Apache-2.0
"""Examples of hypothesis may take their time: machines that run tests are shared."""

from hypothesis import settings

settings.register_profile("shared", deadline=None)
settings.load_profile("shared")
