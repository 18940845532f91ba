# SPDX-License-Identifier: Apache-2.0
"""What each request to ``/v2/`` needs to be allowed (compat.md 4.1)."""

from collections.abc import Sequence

from entrepot.oci.access import CATALOG, DELETE, PULL, PUSH, Access, to_repository
from entrepot.oci.names import RepositoryName
from entrepot.web.v2.routes import Route

_ACTIONS = {"GET": PULL, "HEAD": PULL, "DELETE": DELETE}


def find_needs(method: str, route: Route) -> Sequence[Access]:
    """Nothing for ``/v2/`` itself: there it is enough to be known. Raises ``NameInvalid``.

    Who may push may cancel an upload, too: its tokens allow no more (docker/distribution asks for ``delete`` there).
    """
    match route.kind:
        case "base":
            return ()
        case "catalog":
            return (CATALOG,)
        case "upload" if method == "DELETE":
            actions = PUSH
        case _:
            actions = _ACTIONS.get(method, PUSH)
    return (to_repository(RepositoryName.parse(route.name), actions),)
