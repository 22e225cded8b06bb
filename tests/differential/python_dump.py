"""The view of Python's email package of the messages named on standard input, for compare.py."""
import email
import email.header
import email.message
import email.utils
import sys
import zlib


def line(key: str, value: str) -> None:
    value = value.encode("utf-8", "replace").decode().translate({9: " ", 10: " ", 13: " "})
    sys.stdout.write(f"{key}\t{value}\n")


def structure(part: email.message.Message) -> str:
    kind = part.get_content_type()
    if not part.is_multipart():
        return kind
    return f"{kind}[{' '.join(structure(inner) for inner in part.get_payload())}]"


def as_text(value: object) -> str:
    """A field as it came: raw UTF-8 is text, other octets are not."""
    text = "".join(piece if isinstance(piece, str) else piece.decode("ascii", "surrogateescape")
                   for piece, _ in email.header.decode_header(value)) if isinstance(value, email.header.Header) else str(value)
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def decoded(text: object) -> str:
    text = as_text(text)
    try:
        return str(email.header.make_header(email.header.decode_header(text)))
    except (LookupError, UnicodeError, ValueError):
        return text


def as_characters(octets: bytes, charset: str) -> str:
    """What the package's own contentmanager makes of a text; it knows no other way for a character set that it hasn't."""
    try:
        return octets.decode(charset, "replace")
    except LookupError:
        return octets.decode("ascii", "replace")


def bodies(part: email.message.Message) -> None:
    if part.is_multipart():
        for inner in part.get_payload():
            bodies(inner)
        return
    octets = part.get_payload(decode=True) or b""
    line("body", f"{part.get_content_type()} {len(octets)} {zlib.crc32(octets):08x}")
    name = part.get_filename()
    if name is not None:
        line("name", decoded(name))
    if part.get_content_maintype() == "text":
        line("text", as_characters(octets, part.get_content_charset("us-ascii")))


def dump(octets: bytes) -> None:
    message = email.message_from_bytes(octets)
    line("types", structure(message))
    if message["Subject"] is not None:
        line("subject", decoded(message["Subject"]))
    for name in ("From", "To", "Cc"):
        for person, address in email.utils.getaddresses([as_text(value) for value in message.get_all(name, [])]):
            if person or address:
                line(name.lower(), f"{decoded(person)} <{address}>")
    if message["Date"] is not None:
        found = email.utils.parsedate_tz(str(message["Date"]))
        try:
            line("date", "none" if found is None else f"{email.utils.mktime_tz(found)} {(found[9] or 0) // 60}")
        except (ValueError, OverflowError):
            line("date", "none")
    bodies(message)


def main() -> None:
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    for name in sys.stdin.read().splitlines():
        with open(name, "rb") as file:
            octets = file.read()
        if octets.startswith(b"From "):
            octets = octets.split(b"\n", 1)[1] if b"\n" in octets else b""
        line("file", name)
        try:
            dump(octets)
        except Exception as failure:  # its bugs are its own; the comparison shows them
            line("failed", repr(failure))


if __name__ == "__main__":
    main()
