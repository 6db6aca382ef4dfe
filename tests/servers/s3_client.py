"""A little of S3: requests signed by AWS's Signature Version 4, the whole body at once."""
import datetime
import hashlib
import hmac
import http.client
import ssl
import urllib.parse

TIMEOUT_SECONDS = 10
REGION = "us-east-1"


class S3Client:
    """url: http(s)://host:port; each request has a connection of its own."""

    def __init__(self, url, key, secret, ca_file=None, timeout=TIMEOUT_SECONDS):
        self.url = urllib.parse.urlsplit(url)
        self.key, self.secret, self.timeout = key, secret, timeout
        self.tls = ssl.create_default_context(cafile=ca_file) if self.url.scheme == "https" else None

    def request(self, method, path, body=b"", query=None, headers=None):
        """(status, headers, body)"""
        path = urllib.parse.quote(path)
        query = urllib.parse.urlencode(sorted((query or {}).items()), quote_via=urllib.parse.quote)
        signed = self._sign(method, path, query, body, headers or {})
        if self.tls:
            connection = http.client.HTTPSConnection(self.url.hostname, self.url.port, timeout=self.timeout,
                                                     context=self.tls)
        else:
            connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=self.timeout)
        try:
            connection.request(method, path + ("?" + query if query else ""), body=body, headers=signed)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        except http.client.HTTPException as error:
            raise OSError(f"no answer: {error!r}") from error
        finally:
            connection.close()

    def _sign(self, method, path, query, body, headers):
        now = datetime.datetime.now(datetime.timezone.utc)
        moment, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        sum_ = hashlib.sha256(body).hexdigest()
        headers = {**{name.lower(): value for name, value in headers.items()}, "host": self.url.netloc,
                   "x-amz-content-sha256": sum_, "x-amz-date": moment}
        names = ";".join(sorted(headers))
        canonical = "\n".join([method, path, query, *(f"{name}:{headers[name]}" for name in sorted(headers)), "",
                               names, sum_])
        scope = f"{day}/{REGION}/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = ("AWS4" + self.secret).encode()
        for part in (day, REGION, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        return {**headers, "authorization": f"AWS4-HMAC-SHA256 Credential={self.key}/{scope}, "
                f"SignedHeaders={names}, Signature={signature}"}
