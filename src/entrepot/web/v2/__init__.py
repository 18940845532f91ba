# SPDX-License-Identifier: Apache-2.0
"""The OCI distribution API and Docker Registry API V2: one module for each kind of resource."""
