# SPDX-License-Identifier: Apache-2.0
"""The one place that turns what was raised into what is answered."""

from entrepot.oci.errors import UNKNOWN, RegistryError
from entrepot.web.exchange import Answer, json_answer


def answer_error(error: RegistryError) -> Answer:
    """With the status of the error's row."""
    return json_answer(describe_error(error), status=error.status, headers=error.headers)


def describe_error(error: RegistryError) -> dict[str, object]:
    """``{"errors": [{code, message, detail}]}``."""
    errors = []
    for detail in error.details:
        entry: dict[str, object] = {"code": error.row.code, "message": error.row.message}
        if detail is not None:
            entry["detail"] = detail
        errors.append(entry)
    return {"errors": errors}


def answer_fault(request_id: str) -> Answer:
    """A fault of ours: the log has the rest under the request's id."""
    entry = {
        "code": UNKNOWN.code,
        "message": UNKNOWN.message,
        "detail": f"request {request_id}; see the log",
    }
    return json_answer({"errors": [entry]}, status=500)
