# SPDX-License-Identifier: Apache-2.0
"""The table of wire errors (compat.md 3.7)."""

import pytest

from entrepot.oci import errors
from entrepot.oci.errors import ErrorCode, RegistryError

TABLE = {
    "UNKNOWN": (500, "unknown error"),
    "UNSUPPORTED": (405, "The operation is unsupported."),
    "UNAUTHORIZED": (401, "authentication required"),
    "DENIED": (403, "requested access to the resource is denied"),
    "UNAVAILABLE": (503, "service unavailable"),
    "TOOMANYREQUESTS": (429, "too many requests"),
    "DIGEST_INVALID": (400, "provided digest did not match uploaded content"),
    "SIZE_INVALID": (400, "provided length did not match content length"),
    "RANGE_INVALID": (416, "invalid content range"),
    "NAME_INVALID": (400, "invalid repository name"),
    "TAG_INVALID": (400, "manifest tag did not match URI"),
    "NAME_UNKNOWN": (404, "repository name not known to registry"),
    "MANIFEST_UNKNOWN": (404, "manifest unknown"),
    "MANIFEST_INVALID": (400, "manifest invalid"),
    "MANIFEST_UNVERIFIED": (400, "manifest failed signature verification"),
    "MANIFEST_BLOB_UNKNOWN": (400, "blob unknown to registry"),
    "BLOB_UNKNOWN": (404, "blob unknown to registry"),
    "BLOB_UPLOAD_UNKNOWN": (404, "blob upload unknown to registry"),
    "BLOB_UPLOAD_INVALID": (404, "blob upload invalid"),
    "PAGINATION_NUMBER_INVALID": (400, "invalid number of results requested"),
}

ROWS = {value.code: value for value in vars(errors).values() if isinstance(value, ErrorCode)}

EXCEPTIONS = {
    errors.DigestInvalid: ("DIGEST_INVALID", 400),
    errors.SizeInvalid: ("SIZE_INVALID", 400),
    errors.RangeInvalid: ("RANGE_INVALID", 416),
    errors.RangeMalformed: ("RANGE_INVALID", 400),
    errors.NameInvalid: ("NAME_INVALID", 400),
    errors.TagInvalid: ("TAG_INVALID", 400),
    errors.PaginationNumberInvalid: ("PAGINATION_NUMBER_INVALID", 400),
    errors.NameUnknown: ("NAME_UNKNOWN", 404),
    errors.ManifestUnknown: ("MANIFEST_UNKNOWN", 404),
    errors.BlobUnknown: ("BLOB_UNKNOWN", 404),
    errors.BlobUploadUnknown: ("BLOB_UPLOAD_UNKNOWN", 404),
    errors.BlobUploadInvalid: ("BLOB_UPLOAD_INVALID", 400),
    errors.ManifestInvalid: ("MANIFEST_INVALID", 400),
    errors.ManifestTooLarge: ("MANIFEST_INVALID", 413),
    errors.Unsupported: ("UNSUPPORTED", 405),
    errors.Unavailable: ("UNAVAILABLE", 503),
    errors.StorageFull: ("UNAVAILABLE", 507),
    errors.RequestInvalid: ("UNSUPPORTED", 400),
    errors.RouteUnknown: ("NOT_FOUND", 404),
}


@pytest.mark.parametrize("code", TABLE)
def test_rows(code: str) -> None:
    """Every code of the table is there with distribution's status and message."""
    row = ROWS[code]
    assert (row.status, row.message) == TABLE[code]


def test_no_rows_besides() -> None:
    """The table holds no code that clients do not know."""
    assert set(ROWS) == set(TABLE)


@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: kind.__name__)
def test_exceptions(kind: type[RegistryError]) -> None:
    """Every exception answers with its row and status, and one wire error for its detail."""
    error = kind("why")
    assert (error.row.code, error.status) == EXCEPTIONS[kind]
    assert list(error.details) == ["why"]


def test_one_error_for_each_missing_blob() -> None:
    """A manifest with missing blobs is told of each by a wire error of its own."""
    error = errors.ManifestBlobUnknown(["sha256:1", "sha256:2"])
    assert (error.row.code, error.status) == ("MANIFEST_BLOB_UNKNOWN", 400)
    assert list(error.details) == ["sha256:1", "sha256:2"]


def test_headers() -> None:
    """Unavailable says when to come back, read-only what still works."""
    assert errors.Unavailable("x").headers == {"Retry-After": "5"}
    assert errors.StorageFull("x", retry_after=9).headers == {"Retry-After": "9"}
    assert errors.ReadOnly().headers == {"Allow": "GET, HEAD"}
    assert errors.ReadOnly().status == 405
