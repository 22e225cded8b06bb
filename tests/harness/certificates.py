"""Certificates of an authority of the tests' own, and the digests of them that TLSA records hold."""
import hashlib
import pathlib
import subprocess


def openssl(*words: object) -> bytes:
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True).stdout


class Authority:
    """Issues certificates; `certificate` is what believes them."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.certificate, self.key = folder / "authority.crt", folder / "authority.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3", "-subj",
                "/CN=authority of a test", "-keyout", self.key, "-out", self.certificate)

    def issue(self, name: str, *hosts: str) -> tuple[pathlib.Path, pathlib.Path]:
        """A certificate for these hosts with the authority's behind it, and its key."""
        request, alone, chain, key = (self.folder / f"{name}.{end}" for end in ("csr", "one", "crt", "key"))
        names = self.folder / f"{name}.names"
        names.write_text("subjectAltName=" + ",".join(f"DNS:{host}" for host in hosts) + "\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={hosts[0]}",
                "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", "3",
                "-extfile", names, "-out", alone)
        chain.write_bytes(alone.read_bytes() + self.certificate.read_bytes())
        return chain, key


def sha256_of_key(certificate: pathlib.Path) -> str:
    """Selector 1, digest 1 of RFC 6698, of a file's first certificate."""
    public = openssl("x509", "-in", certificate, "-noout", "-pubkey")
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=public, check=True, capture_output=True).stdout
    return hashlib.sha256(der).hexdigest()


def sha256_of(certificate: pathlib.Path) -> str:
    """Selector 0, digest 1."""
    return hashlib.sha256(openssl("x509", "-in", certificate, "-outform", "DER")).hexdigest()
