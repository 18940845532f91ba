# SPDX-License-Identifier: Apache-2.0
"""What was raised, and what is answered."""

import json

import pytest

from entrepot.oci import errors
from entrepot.oci.errors import RegistryError
from entrepot.web.errors import answer_error, answer_fault


def body(error: RegistryError) -> object:
    """The parsed body of an answer, which ends in a newline as distribution's does."""
    answer = answer_error(error)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.body.endswith(b"}\n")
    return json.loads(answer.body)


def test_one_error() -> None:
    """Code, message and detail, with the status of the row."""
    error = errors.BlobUnknown("sha256:0")
    assert answer_error(error).status == 404
    assert body(error) == {
        "errors": [{"code": "BLOB_UNKNOWN", "message": "blob unknown to registry", "detail": "sha256:0"}]
    }


def test_without_detail() -> None:
    """Where there is no detail there is no key for it."""
    assert body(errors.NameUnknown()) == {
        "errors": [{"code": "NAME_UNKNOWN", "message": "repository name not known to registry"}]
    }


def test_several_errors() -> None:
    """One error for each missing blob, one status for all."""
    error = errors.ManifestBlobUnknown(["sha256:0", "sha256:1"])
    assert answer_error(error).status == 400
    document = body(error)
    assert isinstance(document, dict)
    assert [entry["detail"] for entry in document["errors"]] == ["sha256:0", "sha256:1"]
    assert {entry["code"] for entry in document["errors"]} == {"MANIFEST_BLOB_UNKNOWN"}


@pytest.mark.parametrize(
    ("error", "status", "headers"),
    [
        (errors.RangeInvalid("x", headers={"Range": "0-9"}), 416, {"Range": "0-9"}),
        (errors.Unavailable("x", retry_after=7), 503, {"Retry-After": "7"}),
        (errors.StorageFull("x"), 507, {"Retry-After": "5"}),
        (errors.ReadOnly(), 405, {"Allow": "GET, HEAD"}),
        (errors.ManifestTooLarge("x"), 413, {}),
    ],
)
def test_status_and_headers(error: RegistryError, status: int, headers: dict[str, str]) -> None:
    """The error's own status and headers reach the answer."""
    answer = answer_error(error)
    assert answer.status == status
    assert dict(answer.headers) == {"Content-Type": "application/json", **headers}


@pytest.mark.parametrize("detail", [{"name": "ä"}, ["a", 1, None], 'quote " and \n newline', "\u2028"])
def test_any_detail(detail: object) -> None:
    """Details of any shape are JSON in the answer."""
    document = body(errors.ManifestInvalid(detail))
    assert isinstance(document, dict)
    assert document["errors"][0]["detail"] == detail


def test_fault() -> None:
    """A fault of ours says nothing but where to look."""
    answer = answer_fault("abc-1")
    assert answer.status == 500
    assert json.loads(answer.body) == {
        "errors": [{"code": "UNKNOWN", "message": "unknown error", "detail": "request abc-1; see the log"}]
    }
