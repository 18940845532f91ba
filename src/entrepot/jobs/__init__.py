# SPDX-License-Identifier: Apache-2.0
"""Work that nobody waits for: expiry of uploads, settling of intents whose holder died, adopting what storage holds."""
