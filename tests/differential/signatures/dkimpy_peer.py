"""dkimpy (Debian's python3-dkim) as a peer of compare.py: the same jobs and answers as pabal_peer.cpp's."""
import json
import sys
import time

import dkim

WORLD = json.load(open("world.json", encoding="utf-8"))


def record(name: bytes, timeout: int = 5) -> bytes | None:
    texts = WORLD.get(name.decode("ascii", "replace").rstrip(".").lower())
    return texts[0].encode() if texts else None


def seconds(job: dict) -> None:
    time.time = lambda: float(job["at"])


def sign(job: dict, letter: bytes) -> bytes:
    names = [name.encode() for name in job["headers"].split(":")]
    key = open(job["key"], "rb").read()
    identity = job.get("identity")
    forms = tuple(part.encode() for part in job["c"].split("/"))
    return dkim.sign(letter, job["selector"].encode(), job["domain"].encode(), key, canonicalize=forms, include_headers=names,
                     identity=identity.encode() if identity else None, length=bool(job.get("length")))


def seal(job: dict, letter: bytes) -> bytes:
    results = b"Authentication-Results: " + job["results"].encode() + b"\r\n"
    key = open(job["key"], "rb").read()
    names = [name.encode() for name in job["headers"].split(":")]
    host = job["results"].split(";")[0].encode()
    fields = dkim.arc_sign(results + letter, job["selector"].encode(), job["domain"].encode(), key, host, include_headers=names)
    return b"".join(fields)


def verify(job: dict, letter: bytes) -> dict:
    outcomes = []
    reader = dkim.DKIM(letter)
    count = sum(1 for name, _ in reader.headers if name.lower() == b"dkim-signature")
    for index in range(count):
        try:
            outcomes.append("pass" if dkim.DKIM(letter).verify(idx=index, dnsfunc=record) else "fail")
        except Exception as error:  # dkimpy raises for what is malformed
            outcomes.append(type(error).__name__)
    arc = "none"
    if any(name.lower().startswith(b"arc-") for name, _ in reader.headers):
        try:
            arc = dkim.arc_verify(letter, dnsfunc=record)[0].decode()
        except Exception as error:
            arc = type(error).__name__
    return {"dkim": outcomes, "arc": arc}


for line in sys.stdin:
    job = json.loads(line)
    seconds(job)
    answer = {}
    try:
        letter = open(job["file"], "rb").read()
        if job["do"] == "verify":
            answer = verify(job, letter)
        else:
            fields = sign(job, letter) if job["do"] == "sign" else seal(job, letter)
            open(job["out"], "wb").write(fields + letter)
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    answer["id"] = job["id"]
    print(json.dumps(answer), flush=False)
