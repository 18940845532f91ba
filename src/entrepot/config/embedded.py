# SPDX-License-Identifier: Apache-2.0
"""The configuration of a start that names none: for this machine only, data beside where it was started, deletes on."""

EMBEDDED = """\
version: 0.1
log:
  level: info
storage:
  filesystem:
    rootdirectory: ./entrepot-data
  delete:
    enabled: true
http:
  addr: 127.0.0.1:5000
health:
  storagedriver:
    enabled: false
"""
