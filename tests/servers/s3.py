"""S3-compatible stores, built from their Go sources: versitygw, which is small, and MinIO, which knows more of S3.

Both always ask for a key. There is one bucket, `leat`.
"""
import shutil

from . import downloads
from .process import Process
from .s3_client import S3Client
from .server import PASSWORD, USER, Node, Server, claim_port

BUCKET = "leat"


class S3(Server):
    """What both have in common."""

    environment_name = "S3"
    usual_port = 9000
    with_guest = False
    module = package = module_sum = None
    go_min = (1, 25)

    @classmethod
    def fetch(cls, may_fetch=True):
        folder, known_by = f"{cls.program}-{cls.version}", f"source {cls.module_sum}"

        def build(folder):
            downloads.build_go(cls.module, cls.version, cls.module_sum, cls.package, folder / cls.program, cls.go_min)
        return downloads.fetched(folder, build, known_by, may_fetch)

    def make_nodes(self):
        self.auth = True
        back = claim_port() if self.with_relay or not self.port else self.port
        front = self.port or (claim_port() if self.with_relay else back)
        process = Process(self.command(f"127.0.0.1:{back}"), self.folder / f"{self.program}.log",
                          environment=self.keys(), folder=self.folder)
        self.nodes = [Node(process, front=("127.0.0.1", front), back=("127.0.0.1", back))]

    def scheme(self):
        return "https" if self.tls else "http"

    def client(self, timeout=10):
        """Requests to the server, behind its relay."""
        return S3Client("{}://{}:{}".format(self.scheme(), *self.nodes[0].back), USER, PASSWORD,
                        self.certificates and str(self.certificates.authority), timeout)

    def is_ready(self, node):
        return self.client().request("GET", "/")[0] == 200

    def set_up(self):
        status, _, answer = self.client().request("PUT", f"/{BUCKET}")
        if status != 200:
            raise RuntimeError(f"{self.title} made no bucket: {status} {answer[:500]!r}")

    def address(self):
        return "{}://{}:{}".format(self.scheme(), *self.nodes[0].front)

    def environment(self):
        return {"S3": self.address(), "S3_KEY": USER, "S3_SECRET": PASSWORD}

    def describe(self):
        return {**super().describe(), "url": self.address(), "bucket": BUCKET, "region": "us-east-1"}

    def words(self):
        ca = f" AWS_CA_BUNDLE={self.certificates.authority}" if self.tls else ""
        return (f"AWS_ACCESS_KEY_ID={USER} AWS_SECRET_ACCESS_KEY={PASSWORD} AWS_REGION=us-east-1{ca} "
                f"aws --endpoint-url {self.address()} s3 ls s3://{BUCKET}")


class Versitygw(S3):
    name, title, version, program = "s3", "versitygw", "v1.8.0", "versitygw"
    module = "github.com/versity/versitygw"
    package = "./cmd/versitygw"
    module_sum = "h1:au+wI+aybno/STsQiSm35Uu6Q6iK5MWReQxgO6SEMFc="

    def keys(self):
        return {"ROOT_ACCESS_KEY": USER, "ROOT_SECRET_KEY": PASSWORD}

    def command(self, address):
        if self.mutual_tls:
            raise downloads.Unavailable("versitygw asks no client for a certificate")
        words = [self.home / self.program, "--port", address, "--quiet"]
        if self.tls:
            words += ["--cert", self.certificates.server_certificate, "--key", self.certificates.server_key]
        return [*words, "posix", "--versioning-dir", self.scratch("versions"), self.scratch("data")]


class Minio(S3):
    name, title, version, program = "minio", "MinIO", "v0.0.0-20260212201848-7aac2a2c5b7c", "minio"
    module = "github.com/minio/minio"
    package, go_min = ".", (1, 24)
    module_sum = "h1:/qdoYujxF5MBLDMVLeiYJ/7fBa1HikX39Dvzb9Ji8pA="

    def keys(self):
        return {"MINIO_ROOT_USER": USER, "MINIO_ROOT_PASSWORD": PASSWORD, "MINIO_UPDATE": "off",
                "MINIO_CALLHOME_ENABLE": "off", "MINIO_BROWSER": "off", "MINIO_CI_CD": "1"}

    def command(self, address):
        if self.mutual_tls:
            raise downloads.Unavailable("this MinIO is not set up to ask clients for a certificate")
        folder = self.scratch("certificates")
        if self.tls:
            (folder / "CAs").mkdir()
            shutil.copy(self.certificates.server_certificate, folder / "public.crt")
            shutil.copy(self.certificates.server_key, folder / "private.key")
        return [self.home / self.program, "server", "--quiet", "--certs-dir", folder, "--address", address,
                self.scratch("data")]
