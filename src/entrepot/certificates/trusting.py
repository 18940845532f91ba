# SPDX-License-Identifier: Apache-2.0
"""How clients come to trust a private authority: for exactly one host and port, as text to read or a script to run.

Loads no library: workers that offer the script should not hold one for it.
"""

import hashlib
import re
import ssl
from pathlib import Path

_AUTHORITY = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")

_INSTRUCTIONS = """\
How clients come to trust it. {ca} is the file to give them; it is no secret.

docker (no restart; podman, skopeo and buildah read this place, too):
  sudo mkdir -p /etc/docker/certs.d/{host}
  sudo cp {ca} /etc/docker/certs.d/{host}/ca.crt
  On a client that can reach the registry, one line does the same; read it first: https://{host}/ca.sh
    curl -fsS --insecure https://{host}/ca.sh | sudo sh
  Docker Desktop reads ~/.docker/certs.d/{host}/ca.crt (then restart it), rootless docker
  ~/.config/docker/certs.d/{host}/ca.crt

podman, skopeo, buildah, CRI-O alone (no restart):
  sudo mkdir -p /etc/containers/certs.d/{host}
  sudo cp {ca} /etc/containers/certs.d/{host}/ca.crt

containerd, Kubernetes on it, nerdctl (/etc/containerd/certs.d/{host}/hosts.toml):
  sudo mkdir -p /etc/containerd/certs.d/{host}
  sudo cp {ca} /etc/containerd/certs.d/{host}/ca.crt
  sudo tee /etc/containerd/certs.d/{host}/hosts.toml <<'END'
server = "https://{host}"
[host."https://{host}"]
  ca = "/etc/containerd/certs.d/{host}/ca.crt"
END
  /etc/containerd/config.toml must say config_path = "/etc/containerd/certs.d" under the section
  [plugins."io.containerd.grpc.v1.cri".registry] (containerd 2: [plugins."io.containerd.cri.v1.images".registry]);
  restart containerd when you add that line, not for a new hosts.toml. ctr wants --hosts-dir /etc/containerd/certs.d

k3s (/etc/rancher/k3s/registries.yaml on each node; then restart: sudo systemctl restart k3s, or k3s-agent):
  sudo cp {ca} /etc/rancher/k3s/entrepot-ca.crt
  configs:
    "{host}":
      tls:
        ca_file: /etc/rancher/k3s/entrepot-ca.crt

All programs of a machine:
  Debian, Ubuntu:  sudo cp {ca} /usr/local/share/ca-certificates/entrepot-{file}.crt && sudo update-ca-certificates
  RHEL, Fedora:    sudo cp {ca} /etc/pki/ca-trust/source/anchors/entrepot-{file}.crt && sudo update-ca-trust
  macOS:           sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {ca}
  Windows:         certutil -addstore -f Root ca.crt        (as administrator)
  Programs read these when they start: restart docker (sudo systemctl restart docker), containerd or Docker Desktop.

Without trust, as a last resort: {{"insecure-registries": ["{host}"]}} in /etc/docker/daemon.json, then
  sudo systemctl reload docker. podman: --tls-verify=false; containerd: skip_verify = true in hosts.toml.
  The price: whoever stands between client and registry can read passwords and give out other images as yours.

What does not work:
  a file elsewhere than under the very name and port that stand in the image's name ({host}/...);
  a file named ca.cert, ca.pem or domain.crt.txt there (.crt is an authority, .cert with .key a client's own pair);
  SSL_CERT_FILE or a trust store beside the docker command: the docker daemon, not the command, asks the registry;
  curl -k: that it answers says nothing about trust.
"""

_SCRIPT = """\
#!/bin/sh
# Lets docker (and podman, skopeo, buildah) on this machine trust the registry {host}.
# It writes one file and does nothing else: /etc/docker/certs.d/{host}/ca.crt
# Another place, such as rootless docker's: CERTS_D=$HOME/.config/docker/certs.d sh ca.sh
#
# SHA-256 of the certificate:
#   {fingerprint}
# It came over a connection that nothing verified. Compare it with what `entrepot cert show` says at the registry.
set -eu

install_ca() {{
  directory="${{CERTS_D:-/etc/docker/certs.d}}/{host}"
  mkdir -p "$directory"
  cat >"$directory/ca.crt" <<'CERTIFICATE'
{pem}CERTIFICATE
  chmod 0644 "$directory/ca.crt"
  echo "wrote $directory/ca.crt; docker trusts {host} from now on, without a restart"
  echo "SHA-256 {fingerprint}"
}}

install_ca
"""


def is_authority(text: str) -> bool:
    """Whether this is a host, with a port or without, and nothing that a shell or a path would take otherwise."""
    return _AUTHORITY.fullmatch(text) is not None and ".." not in text


def join_port(host: str, port: int) -> str:
    """How an image's name begins; 443 goes without saying."""
    shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return shown if port == 443 else f"{shown}:{port}"


def write_instructions(host: str, ca: Path) -> str:
    """What each client needs. ``host``: as in an image's name, with its port; ``ca``: the authority's certificate."""
    name = re.sub(r"[^A-Za-z0-9.-]", "-", host.strip("[]"))
    return _INSTRUCTIONS.format(host=host, ca=ca, file=name)


def write_script(host: str, pem: bytes) -> str:
    """A POSIX shell script that installs the authority. ``host`` must be an authority, see :func:`is_authority`."""
    if not is_authority(host):
        raise ValueError(f"{host[:300]!r} is no host")
    return _SCRIPT.format(host=host, pem=pem.decode("ascii"), fingerprint=find_fingerprint(pem))


def find_fingerprint(pem: bytes) -> str:
    """SHA-256 of a certificate, as openssl writes it."""
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.decode("ascii"))).hexdigest().upper()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
