# SPDX-License-Identifier: Apache-2.0
"""The rows of the table, by name and in the order in which they run; neighbours share a stage where they can."""

from collections.abc import Callable, Mapping

from bench.rows import access, gets, lists, memory, pull, push, tls, upkeep
from bench.stage import Bench
from bench.table import Line

ROWS: Mapping[str, Callable[[Bench], list[Line]]] = {
    "get-random": gets.random_tags,
    "get-hot": gets.hot_tag,
    "rebuild": upkeep.rebuild,
    "get-beside-uploads": gets.beside_uploads,
    "get-htpasswd": access.htpasswd,
    "get-token": access.token,
    "get-tls": tls.gets_over_tls,
    "pull-tls": tls.pull_over_tls,
    "push-blob": push.blob,
    "push-images": push.images,
    "pull-blob": pull.blob,
    "catalog": lists.last_page,
    "catalog-million": lists.last_of_a_million,
    "tags-page": lists.last_tags,
    "collect": upkeep.collect,
    "memory-idle": memory.idle,
    "memory-uploads": memory.uploads,
}
