# SPDX-License-Identifier: Apache-2.0
"""What clients are told, for exactly one host and port; and the script, which a shell really runs."""

from pathlib import Path

import pytest

from entrepot.certificates.issuing import make_authority
from entrepot.certificates.trusting import find_fingerprint, is_authority, join_port, write_instructions, write_script
from support import programs


def test_instructions() -> None:
    """Each client is there, with the host and port in its own form."""
    said = write_instructions("registry:5000", Path("/certs/ca.crt"))
    for words in (
        "sudo cp /certs/ca.crt /etc/docker/certs.d/registry:5000/ca.crt",
        "sudo cp /certs/ca.crt /etc/containers/certs.d/registry:5000/ca.crt",
        "/etc/containerd/certs.d/registry:5000/hosts.toml",
        '[host."https://registry:5000"]',
        "/etc/rancher/k3s/registries.yaml",
        "update-ca-certificates",
        "update-ca-trust",
        "security add-trusted-cert",
        "certutil -addstore -f Root",
        '{"insecure-registries": ["registry:5000"]}',
        "The price",
        "What does not work",
        "restart docker",
        "curl -fsS --insecure https://registry:5000/ca.sh | sudo sh",
    ):
        assert words in said


def test_ports() -> None:
    """443 goes without saying, as in an image's name; IPv6 stands in brackets."""
    assert join_port("a.example.com", 443) == "a.example.com"
    assert join_port("a", 5000) == "a:5000"
    assert join_port("::1", 5000) == "[::1]:5000"
    assert join_port("[::1]", 5000) == "[::1]:5000"


@pytest.mark.parametrize("shell", [["sh"], ["busybox", "sh"]])
def test_the_script_runs(tmp_path: Path, shell: list[str]) -> None:
    """A POSIX shell writes the very certificate at the place of the host, and says so with its fingerprint."""
    pem = make_authority(tmp_path).pem
    script = tmp_path / "ca.sh"
    script.write_text(write_script("registry:5000", pem))
    command = [programs.find("busybox"), "sh"] if shell[0] == "busybox" else ["/bin/sh"]
    said = programs.run([*command, script], env={"CERTS_D": str(tmp_path / "certs.d")})
    assert (tmp_path / "certs.d" / "registry:5000" / "ca.crt").read_bytes() == pem
    shown = programs.run(["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", tmp_path / "ca.crt"])
    fingerprint = shown.strip().rpartition("=")[2]
    assert fingerprint == find_fingerprint(pem)
    assert fingerprint in said
    assert "/etc/docker/certs.d}/registry:5000" in script.read_text()


@pytest.mark.parametrize("host", ["registry", "registry:5000", "a.b-c_d.example:1", "10.0.0.1:5000", "[fd00::1]:5000"])
def test_hosts(host: str) -> None:
    """What a client asks for."""
    assert is_authority(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "a;id",
        "a b",
        "$(id)",
        "`id`",
        "a'b",
        'a"b',
        "a\nb",
        "a/b",
        "../x",
        "a..b",
        "-a",
        "a:5000:1",
        "a:",
        "[a;b]",
        "ä",
        *("x" * 300, "a:123456", "a\n", "a&b", "a|b", "a>b", "${IFS}", "a\\b", "%2e%2e", "user@a"),
    ],
)
def test_no_hosts(host: str) -> None:
    """What a shell or a path would take for something else is no host, and no script is written for it."""
    assert not is_authority(host)
    with pytest.raises(ValueError, match="is no host"):
        write_script(host, b"")
