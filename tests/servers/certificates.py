"""An own certificate authority with a server's and a client's certificate, for one run. Needs the program openssl."""
import dataclasses
import pathlib
import shutil
import subprocess

from .downloads import Unavailable, install

DAYS = 30
NAMES = ",".join(["DNS:localhost"] + [f"IP:127.0.0.{n}" for n in (1, 2, 3, 11, 12, 13)])


@dataclasses.dataclass
class Certificates:
    """Files in PEM; `server_bundle` and `client_bundle` hold key and certificate in one."""
    authority: pathlib.Path
    server_certificate: pathlib.Path
    server_key: pathlib.Path
    server_bundle: pathlib.Path
    client_certificate: pathlib.Path
    client_key: pathlib.Path
    client_bundle: pathlib.Path


def openssl(*words):
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise Unavailable(f"openssl {words[0]} failed: {done.stderr.strip()}")


def _signed(folder, who, subject, extensions):
    """A key (PKCS#8) and a certificate by our authority."""
    key, request, certificate = (folder / f"{who}.{kind}" for kind in ("key", "csr", "crt"))
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
            f"/O=Leat tests/CN={subject}", "-keyout", key, "-out", request)
    (folder / f"{who}.ext").write_text(extensions)
    openssl("x509", "-req", "-in", request, "-CA", folder / "ca.crt", "-CAkey", folder / "ca.key",
            "-CAcreateserial", "-days", DAYS, "-extfile", folder / f"{who}.ext", "-out", certificate)
    bundle = folder / f"{who}.pem"
    bundle.write_text(key.read_text() + certificate.read_text() + (folder / "ca.crt").read_text())
    return certificate, key, bundle


def make(folder, user):
    """Into the folder; the client's certificate names the user."""
    if not shutil.which("openssl"):
        install("tls")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", DAYS,
            "-subj", "/O=Leat tests/CN=authority", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout", folder / "ca.key", "-out", folder / "ca.crt")
    server = _signed(folder, "server", "localhost", f"subjectAltName={NAMES}\n"
                     "extendedKeyUsage=serverAuth,clientAuth\n")
    client = _signed(folder, "client", user, "extendedKeyUsage=clientAuth\n")
    return Certificates(folder / "ca.crt", *server, *client)
