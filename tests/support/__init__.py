# SPDX-License-Identifier: Apache-2.0
"""What tests stand on: real programs found and started, small images made, nothing left behind."""
