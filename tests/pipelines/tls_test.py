#!/usr/bin/env python3
"""Pulls from HTTPS servers that are, and are not, who they should be: certificates are made here by openssl."""
import http.server
import json
import pathlib
import shutil
import ssl
import subprocess
import sys
import threading
import time
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import leat_program  # noqa: E402
from leat_program import Server  # noqa: E402
from patience import patience  # noqa: E402

CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
WAIT_SECONDS_MAX = patience(30)


class Certificates:
    """Files NAME.pem and NAME.key in a folder."""

    def __init__(self, folder):
        self.folder = folder

    def openssl(self, *arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=self.folder)

    def authority(self, name):
        self.openssl("req", "-x509", *CURVE, "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", 2,
                     "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE")

    def certificate(self, name, authority, names="IP:127.0.0.1,DNS:localhost", days=2, password=None):
        hidden = ["-passout", f"pass:{password}"] if password else ["-nodes"]
        self.openssl("req", *CURVE, *hidden, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (self.folder / f"{name}.ext").write_text(f"subjectAltName={names}\n")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key",
                     "-days", days, "-extfile", f"{name}.ext", "-out", f"{name}.pem")


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"seen": self.path, "n": 1}).encode()
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", self.server.moved_to)
            body = b""
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve(folder, name, asks_for=None, newest=None):
    """The server's port; it asks its clients for a certificate by the authority `asks_for`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    if newest:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an old version is what is wanted here
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = newest
        context.set_ciphers("ALL:@SECLEVEL=0")
    if asks_for:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(folder / f"{asks_for}.pem")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def pipeline(sources):
    lines = ["pipeline: secure", "sources:"]
    for name, (server, tls, path) in sources.items():
        settings = "".join(f", {key}: {value}" for key, value in tls.items())[2:]
        lines.append(f"  {name}: {{http: {{url: \"https://127.0.0.1:{server.server_port}/{path}\", every: 200ms, "
                     f"retries: 0, tls: {{{settings}}}}}, topic: {name}_topic}}")
    return "\n".join(lines) + "\n"


def main():
    if shutil.which("openssl") is None:
        leat_program.skip("there is no openssl to make certificates with")
    failures = leat_program.Failures()
    with leat_program.scratch_folder() as folder:
        made = Certificates(folder)
        for authority in ("ours", "theirs"):
            made.authority(authority)
        made.certificate("server", "ours")
        made.certificate("elsewhere", "ours", names="DNS:elsewhere.test")
        made.certificate("expired", "ours", days=-1)
        made.certificate("client", "ours")
        made.certificate("locked", "ours", password="sesame")
        made.certificate("stranger", "theirs")
        good, asking = serve(folder, "server"), serve(folder, "server", asks_for="ours")
        good.moved_to = f"https://localhost:{asking.server_port}/"
        asking.moved_to = ""
        ours = {"ca": folder / "ours.pem"}
        client = {**ours, "cert": folder / "client.pem", "key": folder / "client.key"}
        sources = {
            "right": (good, ours, ""),
            "unknown": (good, {}, ""),
            "wrong_authority": (good, {"ca": folder / "theirs.pem"}, ""),
            "no_authority": (good, {"ca": folder / "none.pem"}, ""),
            "elsewhere": (serve(folder, "elsewhere"), ours, ""),
            "expired": (serve(folder, "expired"), ours, ""),
            "old": (serve(folder, "server", newest=ssl.TLSVersion.TLSv1_1), ours, ""),
            "nobody": (asking, ours, ""),
            "known": (asking, client, ""),
            "password": (asking, {**ours, "cert": folder / "locked.pem", "key": folder / "locked.key",
                                  "key_password": '"${LOCK}"'}, ""),
            "wrong_password": (asking, {**ours, "cert": folder / "locked.pem", "key": folder / "locked.key",
                                        "key_password": '"${WRONG}"'}, ""),
            "stranger": (asking, {**ours, "cert": folder / "stranger.pem", "key": folder / "stranger.key"}, ""),
            "other_key": (asking, {**client, "key": folder / "locked.key"}, ""),
            "moved": (good, client, "moved"),
        }
        accepted = {"right", "known", "password"}
        refused_by_server = {"nobody", "stranger", "moved"}  # which may hang up before it has said why
        path = folder / "secure.yaml"
        path.write_text(pipeline(sources))
        with Server(path, folder / "data", env={"LOCK": "sesame", "WRONG": "simsim"}) as server:
            server.wait_ready()
            ends = time.monotonic() + WAIT_SECONDS_MAX
            while time.monotonic() < ends:
                states = {state["name"]: state for state in server.client.status()["sources"]}
                if all(state["records"] or state["last_error"] for state in states.values()):
                    break
                time.sleep(0.1)
            for name, state in states.items():
                if name in accepted:
                    failures.check(f"{name}: taken", state["records"] > 0 and not state["last_error"], state)
                    continue
                error = state["last_error"] or ""
                failures.check(f"{name}: refused", state["records"] == 0 and error, state)
                if name not in refused_by_server:
                    failures.check(f"{name}: with a remedy", "`tls`" in error, error)
            said = server.output() + json.dumps(states)
            failures.check("no password is told", "sesame" not in said and "simsim" not in said)
            failures.equal("exit code", server.stop(), 0)
        path.write_text(pipeline({"half": (good, {**ours, "cert": folder / "client.pem"}, "")}))
        half = leat_program.run("run", path, "--data", folder / "half", "--listen", "127.0.0.1:0", "--quiet")
        failures.check("a certificate without a key", half.returncode == 2 and "`key`" in half.stderr, half.stderr)
    failures.end()


if __name__ == "__main__":
    main()
