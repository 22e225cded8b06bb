"""A web server with an MTA-STS policy (RFC 8461), which takes TLS reports (RFC 8460), at port 443 of a loopback address."""
import http.server
import pathlib
import ssl
import threading

from harness.server import own_address


class StsSite:
    """`policy` may be changed while it runs; what was asked for is in `asked`, what was posted in `posted` (path, media type, octets)."""

    def __init__(self, certificate: pathlib.Path, key: pathlib.Path, policy: str = ""):
        self.policy = policy
        self.asked: list[str] = []
        self.posted: list[tuple[str, str, bytes]] = []
        self.address = own_address()
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(f"{self.headers['Host']}{self.path}")
                body = site.policy.encode()
                self.send_response(200 if body and self.path == "/.well-known/mta-sts.txt" else 404)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                octets = self.rfile.read(int(self.headers["Content-Length"]))
                site.posted.append((f"{self.headers['Host']}{self.path}", self.headers["Content-Type"], octets))
                self.send_response(201)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server = http.server.ThreadingHTTPServer((self.address, 443), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def sts_policy(mode: str, *hosts: str) -> str:
    return "\r\n".join(["version: STSv1", f"mode: {mode}", *(f"mx: {host}" for host in hosts), "max_age: 86400", ""])
