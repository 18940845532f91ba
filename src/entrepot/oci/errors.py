# SPDX-License-Identifier: Apache-2.0
"""The table of wire errors, and the exceptions that carry them.

Inner rooms raise; one place (``entrepot.web.errors``) turns what was raised into an answer.

RegistryError
├── DigestInvalid, SizeInvalid, RangeInvalid, NameInvalid, TagInvalid, PaginationNumberInvalid
├── NameUnknown, ManifestUnknown, BlobUnknown, BlobUploadUnknown, BlobUploadInvalid
├── ManifestInvalid ─ ManifestTooLarge
├── ManifestBlobUnknown             (one wire error for each missing digest)
│   └── NotRestorable
├── Unsupported ─ ReadOnly
├── Unavailable ─ StorageFull       (with Retry-After)
├── RequestInvalid ─ BodyTooLarge, MediaTypeUnsupported
├── Unauthorized, Denied, TooManyRequests
├── AccessUnknown, AccessConflict   (accounts, roles, rules)
└── RouteUnknown, RangeMalformed, Foreign
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One row of the table (compat.md 3.7; distribution-spec, error codes)."""

    code: str
    status: int
    message: str


UNKNOWN = ErrorCode("UNKNOWN", 500, "unknown error")
UNSUPPORTED = ErrorCode("UNSUPPORTED", 405, "The operation is unsupported.")
UNAUTHORIZED = ErrorCode("UNAUTHORIZED", 401, "authentication required")
DENIED = ErrorCode("DENIED", 403, "requested access to the resource is denied")
UNAVAILABLE = ErrorCode("UNAVAILABLE", 503, "service unavailable")
TOOMANYREQUESTS = ErrorCode("TOOMANYREQUESTS", 429, "too many requests")
DIGEST_INVALID = ErrorCode("DIGEST_INVALID", 400, "provided digest did not match uploaded content")
SIZE_INVALID = ErrorCode("SIZE_INVALID", 400, "provided length did not match content length")
RANGE_INVALID = ErrorCode("RANGE_INVALID", 416, "invalid content range")
NAME_INVALID = ErrorCode("NAME_INVALID", 400, "invalid repository name")
TAG_INVALID = ErrorCode("TAG_INVALID", 400, "manifest tag did not match URI")
NAME_UNKNOWN = ErrorCode("NAME_UNKNOWN", 404, "repository name not known to registry")
MANIFEST_UNKNOWN = ErrorCode("MANIFEST_UNKNOWN", 404, "manifest unknown")
MANIFEST_INVALID = ErrorCode("MANIFEST_INVALID", 400, "manifest invalid")
MANIFEST_UNVERIFIED = ErrorCode("MANIFEST_UNVERIFIED", 400, "manifest failed signature verification")
MANIFEST_BLOB_UNKNOWN = ErrorCode("MANIFEST_BLOB_UNKNOWN", 400, "blob unknown to registry")
BLOB_UNKNOWN = ErrorCode("BLOB_UNKNOWN", 404, "blob unknown to registry")
BLOB_UPLOAD_UNKNOWN = ErrorCode("BLOB_UPLOAD_UNKNOWN", 404, "blob upload unknown to registry")
BLOB_UPLOAD_INVALID = ErrorCode("BLOB_UPLOAD_INVALID", 404, "blob upload invalid")
PAGINATION_NUMBER_INVALID = ErrorCode("PAGINATION_NUMBER_INVALID", 400, "invalid number of results requested")


class RegistryError(Exception):
    """What a client is told: a row of the table, a detail that says what to do, and headers where they matter."""

    row: ClassVar[ErrorCode] = UNKNOWN
    http_status: ClassVar[int | None] = None

    def __init__(self, detail: object = None, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers: Mapping[str, str] = headers or {}

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return self.http_status or self.row.status

    @property
    def details(self) -> Sequence[object]:
        """One wire error is written for each."""
        return (self.detail,)


class DigestInvalid(RegistryError):
    """A digest that breaks the grammar, or that the bytes do not have."""

    row = DIGEST_INVALID


class SizeInvalid(RegistryError):
    """A body shorter or longer than announced."""

    row = SIZE_INVALID


class RangeInvalid(RegistryError):
    """A chunk that does not begin where the upload ends; ``headers`` hold the current Range."""

    row = RANGE_INVALID


class RangeMalformed(RegistryError):
    """A Content-Range that is not ``<start>-<end>``."""

    row = RANGE_INVALID
    http_status = 400


class NameInvalid(RegistryError):
    """A repository name that breaks the grammar."""

    row = NAME_INVALID


class TagInvalid(RegistryError):
    """A tag that breaks the grammar."""

    row = TAG_INVALID


class PaginationNumberInvalid(RegistryError):
    """``n`` is not a number from 0 to the cap."""

    row = PAGINATION_NUMBER_INVALID


class NameUnknown(RegistryError):
    """No such repository."""

    row = NAME_UNKNOWN


class ManifestUnknown(RegistryError):
    """No such manifest or tag in this repository."""

    row = MANIFEST_UNKNOWN


class BlobUnknown(RegistryError):
    """No such blob in this repository."""

    row = BLOB_UNKNOWN


class BlobUploadUnknown(RegistryError):
    """No such upload in this repository: finished, cancelled, expired, or never begun."""

    row = BLOB_UPLOAD_UNKNOWN


class BlobUploadInvalid(RegistryError):
    """A request that does not fit an upload."""

    row = BLOB_UPLOAD_INVALID
    http_status = 400


class ManifestInvalid(RegistryError):
    """A manifest that is refused; the detail says why."""

    row = MANIFEST_INVALID


class ManifestTooLarge(ManifestInvalid):
    """Over 4 MiB."""

    http_status = 413


class ManifestBlobUnknown(RegistryError):
    """A manifest that names blobs or manifests which this repository does not hold."""

    row = MANIFEST_BLOB_UNKNOWN

    def __init__(self, missing: Sequence[str]) -> None:
        super().__init__(list(missing))
        self.missing = tuple(missing)

    @property
    def details(self) -> Sequence[object]:
        return self.missing


class NotRestorable(ManifestBlobUnknown):
    """A manifest in the trash of which blobs are gone for good; the details name them."""

    http_status = 409


class Unauthorized(RegistryError):
    """Who asks did not say who they are, or may not; ``headers`` hold WWW-Authenticate."""

    row = UNAUTHORIZED


class Denied(RegistryError):
    """Who asks is known and may not do this."""

    row = DENIED


class TooManyRequests(RegistryError):
    """Too many logins at once; ``headers`` hold Retry-After."""

    row = TOOMANYREQUESTS


class AccessUnknown(RegistryError):
    """No such account, role, rule or robot."""

    row = ErrorCode("NOT_FOUND", 404, "not found")


class AccessConflict(RegistryError):
    """An account, role or robot that is there already, or that must stay: the last administrator."""

    row = ErrorCode("CONFLICT", 409, "conflict")


class Unsupported(RegistryError):
    """An operation that is switched off or not part of the protocol."""

    row = UNSUPPORTED


class ReadOnly(Unsupported):
    """Writing while ``storage.maintenance.readonly`` is on."""

    def __init__(self) -> None:
        super().__init__("the registry is read-only (storage.maintenance.readonly)", headers={"Allow": "GET, HEAD"})


class Unavailable(RegistryError):
    """Try again later."""

    row = UNAVAILABLE

    def __init__(self, detail: object = None, *, retry_after: int = 5) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class StorageFull(Unavailable):
    """Less than the reserve is free."""

    http_status = 507


class RequestInvalid(RegistryError):
    """A request that breaks HTTP or this API in a way for which the table has no row of its own."""

    row = UNSUPPORTED
    http_status = 400


class BodyTooLarge(RequestInvalid):
    """More bytes than such a request can mean."""

    http_status = 413


class MediaTypeUnsupported(RequestInvalid):
    """A body of another type than is asked for."""

    http_status = 415


class Foreign(RegistryError):
    """A page of another site has a browser ask for a change."""

    row = DENIED


class RouteUnknown(RegistryError):
    """No such endpoint."""

    row = ErrorCode("NOT_FOUND", 404, "no such endpoint")
