"""The command line, word by word, with and without a running server; signals, service manager, giving up root."""
import json
import os
import pathlib
import pwd
import signal
import socket
import stat
import subprocess
import tempfile
import time
import unittest

from case import PASSWORD, Mailbox
from harness.raw import Wire
from harness.server import PABAL, Server, make_certificate, wait_until

DOMAIN = "seoul.example"
ALICE = f"alice@{DOMAIN}"
BOB = f"bob@{DOMAIN}"


def new_server(**more: object) -> Server:
    return Server(domain=DOMAIN, hostname="mail.seoul.example", **more)


class Administration(unittest.TestCase):
    """The same commands give the same answers whether or not the server is running."""

    def run_all(self, server: Server) -> None:
        def says(words: str, status: int = 0, input_text: str = "") -> tuple[str, str]:
            done = server.cli(*words.split(), input_text=input_text, check=False)
            self.assertEqual(done.returncode, status, f"{words}\n{done.stdout}{done.stderr}")
            return done.stdout, done.stderr

        def value(words: str) -> dict:
            return json.loads(says(words + " --json")[0])

        says(f"domain add {DOMAIN}")
        says("domain add 서울.example")
        self.assertIn(DOMAIN, says(f"domain add {DOMAIN}", 1)[1])
        self.assertEqual(says("domain add not..a.domain", 1)[0], "")
        korean = "서울.example".encode("idna").decode()
        self.assertEqual([d["domain"] for d in value("domain list")["domains"]], sorted([DOMAIN, korean]))
        says("domain remove 서울.example")
        self.assertEqual(says("domain list")[0], "DOMAIN         ACCOUNTS  CATCH-ALL\nseoul.example  0         -\n")
        says(f"account add {ALICE} --password-stdin --quota 1M", input_text=PASSWORD + "\n")
        says(f"account add {BOB}")  # no terminal, no --password-stdin: no password yet
        self.assertIn(ALICE, says(f"account add {ALICE} --password-stdin", 1, "x\n")[1])
        says("account add nobody@elsewhere.example --password-stdin", 1, "x\n")
        says(f"account add {ALICE} --quota lots", 2)
        says(f"account add carol@{DOMAIN} --password-stdin", 1)  # nothing on standard input
        self.assertEqual(says("account list")[0],
                         "ADDRESS              STATE    QUOTA  SHARD\n"
                         "alice@seoul.example  enabled  1M     1\n"
                         "bob@seoul.example    enabled  -      1\n")
        shown = value(f"account show {ALICE}")
        self.assertEqual((shown["address"], shown["enabled"], shown["quota"], shown["used"], shown["emails"]), (ALICE, True, 1 << 20, 0, 0))
        says(f"account quota {ALICE} none --messages 100")
        self.assertIsNone(value(f"account show {ALICE}")["quota"])
        says(f"account quota {ALICE} 2M")
        self.assertEqual(value(f"account show {ALICE}")["most_emails"], 100)
        says(f"account quota {ALICE} 2M --messages many", 2)
        says(f"account quota {ALICE} none --messages none")
        self.assertNotIn("most_emails", value(f"account show {ALICE}"))
        says(f"account disable {BOB}")
        self.assertFalse(value(f"account show {BOB}")["enabled"])
        says(f"account enable {BOB}")
        says(f"account passwd {BOB} --password-stdin", input_text=PASSWORD + "\n")
        says(f"account passwd {BOB}", 2)

        says(f"alias add team@{DOMAIN} {ALICE} {BOB}")
        self.assertEqual(says("alias list")[0], "ADDRESS             TARGETS\nteam@seoul.example  alice@seoul.example bob@seoul.example\n")
        self.assertEqual(value(f"alias list {DOMAIN}")["aliases"], [{"address": f"team@{DOMAIN}", "targets": [ALICE, BOB]}])
        says("alias add no-targets@" + DOMAIN, 2)
        says(f"domain catch-all {DOMAIN} {ALICE}")
        shown = value(f"domain show {DOMAIN}")
        self.assertEqual((shown["accounts"], shown["aliases"], shown["catch_all"]), (2, 1, ALICE))
        says(f"domain catch-all {DOMAIN}")
        self.assertIsNone(value(f"domain show {DOMAIN}")["catch_all"])
        says(f"domain remove {DOMAIN}", 1)  # not while somebody lives there
        records = says(f"domain dns {DOMAIN}")[0]
        self.assertRegex(records, r"(?m)^seoul\.example\. +3600 IN MX +10 mail\.seoul\.example\.$")
        self.assertRegex(records, r'(?m)^seoul\.example\. +3600 IN TXT +"v=spf1 mx -all"$')
        self.assertRegex(records, r"(?m)^_pop3s\._tcp\.seoul\.example\. +3600 IN SRV +0 1 2995 mail\.seoul\.example\.$")

        self.assertEqual(says("queue list")[0], "The queue is empty.\n")
        for verb in ("show", "retry", "hold", "release", "drop"):
            says(f"queue {verb} nothing", 1)
        says("trace nothing", 1)
        self.assertEqual(says("store check")[0], "All is well.\n")
        self.assertEqual(value("store check"), {"findings": []})

        people = server.folder / "people.txt"
        people.write_text(f"# people\ndan@{DOMAIN}\tone\n\nnonsense\neve@{DOMAIN}\ttwo\ndan@{DOMAIN}\tthree\nnot an address\tx\n")
        said, complaints = says(f"account import {people}", 1)
        self.assertIn("added: 2", said)
        for line, words in ((4, "expected ADDRESS<tab>PASSWORD"), (6, ""), (7, "not an address")):
            self.assertRegex(complaints, f"(?m)^pabal: .*people.txt:{line}: .*{words}")
        says(f"account import {server.folder}/missing", 1)
        says(f"account remove dan@{DOMAIN}")
        says(f"account show dan@{DOMAIN}", 1)
        says(f"account remove eve@{DOMAIN}")
        says(f"alias remove team@{DOMAIN}")
        says(f"alias remove team@{DOMAIN}", 1)

    def test_without_a_server(self) -> None:
        with new_server() as server:
            self.run_all(server)

    def test_with_a_server(self) -> None:
        with new_server() as server:
            server.start()
            self.run_all(server)
            self.assertEqual(stat.S_IMODE((server.data / "control.sock").stat().st_mode), 0o600)
            self.assertEqual(stat.S_IMODE((server.data / "secret.key").stat().st_mode), 0o600)
            self.assertEqual(server.stop(), 0)

    def test_wrong_usage(self) -> None:
        for words in ([], ["nonsense"], ["account"], ["account", "add"], ["serve", "--nonsense"], ["domain", "add", "a.example", "b.example"],
                      ["sendmail", "-bz"], ["sendmail"]):
            done = subprocess.run([PABAL, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False)
            self.assertEqual(done.returncode, 2, words)
            self.assertTrue(done.stderr, words)

    def test_help_and_version(self) -> None:
        def said(*words: str) -> str:
            return subprocess.run([PABAL, *words], capture_output=True, text=True, timeout=20, check=True).stdout
        self.assertRegex(said("--version"), r"^pabal \d+\.\d+\.\d+\n$")
        for words in (["--help"], ["serve", "--help"], ["account", "--help"], ["account", "add", "--help"], ["trace", "--help"],
                      ["sendmail", "--help"], ["demo", "--help"]):
            self.assertGreater(len(said(*words)), 100, words)

    def test_the_settings_page_is_what_the_program_says(self) -> None:
        printed = subprocess.run([PABAL, "config", "reference"], capture_output=True, text=True, timeout=20, check=True).stdout
        page = pathlib.Path(__file__).resolve().parent.parent.parent / "docs" / "settings.md"
        self.assertEqual(page.read_text(), printed, "pabal config reference > docs/settings.md")


class Sendmail(unittest.TestCase):
    def prepare(self, server: Server) -> None:
        server.add_domain()
        server.add_account(ALICE)
        server.add_account(BOB)

    def hand_in(self, server: Server, words: list[str], message: str, status: int = 0) -> str:
        done = subprocess.run([PABAL, "sendmail", "--config", server.config, *words], input=message.encode(), capture_output=True,
                              timeout=30, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stderr.decode()

    def program_by_name(self, program: pathlib.Path, words: list[str], message: str) -> None:
        done = subprocess.run([program, *words], input=message.encode(), capture_output=True, timeout=30, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_with_and_without_a_server(self) -> None:
        with new_server() as server:
            self.prepare(server)
            letter = f"From: {ALICE}\nTo: Bob <{BOB}>\nBcc: {ALICE}\nSubject: {{}}\n\nA dot:\n.\nafter it\n"
            self.hand_in(server, ["-t", "-i"], letter.format("before"))
            server.start()
            self.hand_in(server, ["-t", "-i"], letter.format("while"))
            self.hand_in(server, ["-f", "<>", BOB], "Subject: to one\n\nhello\n.\nnot this\n")
            link = server.folder / "sendmail"
            link.symlink_to(PABAL)
            self.program_by_name(link, ["--config", str(server.config), BOB], "Subject: by its name\n\nx\n")
            self.hand_in(server, [f"nobody@{DOMAIN}"], "x\n", 1)
            letters = Mailbox(server, BOB).messages()
            self.assertEqual(len(letters), 4)
            self.assertIn(b"Subject: by its name\r\n", letters[3])
            for octets, subject in zip(letters, (b"before", b"while"), strict=False):
                self.assertIn(b"\r\nSubject: " + subject + b"\r\n", octets)
                self.assertIn(b"\r\nDate: ", octets)
                self.assertNotIn(b"Bcc", octets)
                self.assertTrue(octets.endswith(b"\r\n\r\nA dot:\r\n.\r\nafter it\r\n"))
            self.assertTrue(letters[2].startswith(b"Return-Path: <>\r\n"))
            self.assertTrue(letters[2].endswith(b"\r\n\r\nhello\r\n"))
            self.assertEqual(Mailbox(server, ALICE).count(), 2)
            self.assertEqual(server.cli("queue", "list").stdout, "The queue is empty.\n")

    def test_nobody_speaks_for_us(self) -> None:
        """RFC 8601 §5: fields that bear our name go, whichever way the letter is handed in."""
        name = f"mail.{DOMAIN}"
        forged = f"Authentication-Results: {name};\n dkim=pass header.d=bank.example\nReceived-SPF: pass ({name}: yes)\n"
        letter = forged + "Authentication-Results: mx.example; spf=pass\nSubject: {}\n" + forged + "\nhello\n"
        broken = f"Subject: x\nno field\nnor this\nAuthentication-Results: {name}; dkim=pass\n\nhello\n"
        with new_server() as server:
            drop = server.folder / "drop"
            server.settings = f'maildrop = "{drop}"'
            server.write_config()
            self.prepare(server)
            self.hand_in(server, [BOB], letter.format("without a server"))
            server.start()
            self.hand_in(server, [BOB], letter.format("with a server"))
            envelope = json.dumps({"sender": ALICE, "recipients": [BOB]})
            for name, text in (("1m80sr3y06qty6er", letter.format("maildrop")), ("1m80sr3y06qty6es", broken)):
                (drop / f".{name}").write_text(envelope + "\n" + text.replace("\n", "\r\n"), newline="")
                (drop / f".{name}").rename(drop / name)
            box = Mailbox(server, BOB)
            wait_until(lambda: box.count() == 3, 20, "the letter is taken from the maildrop")
            wait_until(lambda: (drop / "held-1m80sr3y06qty6es").exists(), 20, "the broken one is kept")
            for octets, subject in zip(box.messages(), (b"without a server", b"with a server", b"maildrop"), strict=True):
                self.assertIn(b"\r\nAuthentication-Results: mx.example; spf=pass\r\nSubject: " + subject + b"\r\n\r\n", octets)
                self.assertEqual(octets.count(b"Authentication-Results"), 1, octets)
                self.assertNotIn(b"Received-SPF", octets)

    def test_smtp_on_standard_input(self) -> None:
        """sendmail -bs, with a server and without."""
        talk = ("EHLO here.example\r\n", "MAIL FROM:<{sender}>\r\nRCPT TO:<{to}>\r\nDATA\r\n", "Subject: x\r\n\r\n..dots\r\n.\r\n",
                "MAIL FROM:<{sender}>\r\nRCPT TO:<nobody@seoul.example>\r\nDATA\r\n", "Subject: x\r\n\r\ny\r\n.\r\n", "QUIT\r\n")
        with new_server() as server:
            self.prepare(server)
            for running in (False, True):
                if running:
                    server.start()
                process = subprocess.Popen([PABAL, "sendmail", "-bs", "--config", server.config], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                said = []
                for words in talk:
                    process.stdin.write(words.format(sender=ALICE, to=BOB).encode())
                    process.stdin.flush()
                    while True:
                        said.append(process.stdout.readline().decode())
                        if said[-1][:4] in ("354 ", "221 ") or said[-1] == "250 HELP\r\n" or " 2.0.0 Ok: " in said[-1] or said[-1].startswith("55"):
                            break
                self.assertEqual(process.wait(20), 0)
                process.stdin.close()
                process.stdout.close()
                self.assertTrue(said[0].startswith("220 mail.seoul.example"))
                self.assertEqual(sum(" 2.0.0 Ok: " in line for line in said), 1, said)
                self.assertEqual(sum(line.startswith("550 5.1.1") for line in said), 1, said)
            letters = Mailbox(server, BOB).messages()
            self.assertEqual(len(letters), 2)
            for letter in letters:
                self.assertTrue(letter.endswith(b"Subject: x\r\n\r\n.dots\r\n"), letter)

    @unittest.skipUnless(os.geteuid() == 0, "not root")
    def test_the_maildrop(self) -> None:
        """Who may open neither the server nor its data puts letters into a folder that the server empties."""
        with new_server() as server:
            if any(not folder.stat().st_mode & stat.S_IXOTH for folder in (*server.folder.parents, *PABAL.parents)):
                self.skipTest("this folder is shut to other users")
            server.folder.chmod(0o755)
            drop = server.folder / "drop"
            server.settings = f'maildrop = "{drop}"'
            server.write_config()
            self.prepare(server)

            def send(subject: str, to: str = BOB, status: int = 0) -> None:
                done = subprocess.run([PABAL, "sendmail", "--config", server.config, "-f", ALICE, to], user="nobody", group="nogroup",
                                      extra_groups=[], cwd="/", input=f"Subject: {subject}\n\nhello\n", text=True, capture_output=True,
                                      check=False, timeout=60)
                self.assertEqual(done.returncode, status, done.stderr)
            send("too early", status=1)  # the server makes the folder
            server.start()
            self.assertEqual(stat.S_IMODE(drop.stat().st_mode), 0o3733)
            box = Mailbox(server, BOB)
            send("while it runs")
            wait_until(lambda: box.count() == 1, 20, "the letter is taken from the maildrop")
            self.assertEqual(server.stop(), 0)
            send("while nobody serves")
            send("to nobody", "nobody@seoul.example")
            (drop / "held-x").write_text("not touched")
            (drop / "link").symlink_to("/etc/passwd")
            self.assertEqual(len(list(drop.iterdir())), 4)
            server.start()
            wait_until(lambda: box.count() == 2, 20, "the maildrop is emptied at the start")
            letter = box.messages()[1]
            self.assertIn(b"Subject: while nobody serves\r\n", letter)
            self.assertIn(b" (Pabal from uid %d) with local id " % pwd.getpwnam("nobody").pw_uid, letter)
            wait_until(lambda: len(list(drop.glob("held-*"))) == 3, 20, "what can't be delivered is kept")
            self.assertIn("maildrop_letter_held", server.log_tail())
            self.assertEqual(len(list(drop.iterdir())), 3)


class Settings(unittest.TestCase):
    def test_check_says_all_that_is_wrong(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "bad.toml"
            file.write_text('hostname = "mail.seoul.example"\ncolour = 1\n[queue]\nretry = 5\n')
            done = subprocess.run([PABAL, "config", "check", "--config", file], capture_output=True, text=True, check=False, timeout=20)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"{file}:2:1: colour: no such setting", done.stderr)
            self.assertIn(f"{file}:4:9: retry: expected a duration", done.stderr)
            done = subprocess.run([PABAL, "config", "check", "--json", "--config", file], capture_output=True, text=True, check=False, timeout=20)
            self.assertEqual(done.returncode, 1)
            said = json.loads(done.stdout)
            self.assertEqual((said["ok"], len(said["errors"])), (False, 2))
            file.write_text('hostname = "mail.seoul.example"\n[[listener]]\nprotocol = "managesieve"\n')
            done = subprocess.run([PABAL, "config", "check", "--config", file], capture_output=True, text=True, check=False, timeout=20)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"{file}:2:1: this version doesn't serve managesieve yet", done.stderr)
            done = subprocess.run([PABAL, "config", "check", "--config", f"{folder}/none"], capture_output=True, text=True, check=False, timeout=20)
            self.assertEqual(done.returncode, 1)


class Signals(unittest.TestCase):
    def test_the_service_manager_is_told(self) -> None:
        with new_server() as server, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            path = str(server.folder / "notify")
            manager.bind(path)
            manager.settimeout(20)

            def told(word: bytes) -> None:
                while word not in manager.recv(4096).split(b"\n"):
                    pass
            server.start(environment={"NOTIFY_SOCKET": path})
            told(b"READY=1")
            server.reload()
            told(b"RELOADING=1")
            told(b"READY=1")
            server.process.send_signal(signal.SIGINT)
            told(b"STOPPING=1")
            self.assertEqual(server.process.wait(20), 0)
            server.process = None

    def test_sighup_changes_settings_and_names_what_it_cannot(self) -> None:
        def size(wire: Wire) -> str:
            return next(word for word in wire.command("EHLO test.example")[1].split("\n") if word.startswith("SIZE"))

        def greeted() -> Wire:
            wire = Wire(server.address, server.ports["smtp"])
            wire.expect(220)
            return wire
        with new_server() as server:
            server.start()
            good = server.config.read_text()
            old = greeted()
            before = size(old)
            server.config.write_text(good + "[smtp]\nmax_message_size = \"1M\"\n[queue]\nretry = \"7m\"\n[store]\nspare_segments = 7\n[limits]\nconnections = 3\n")
            server.reload()
            wait_until(lambda: "setting_changed setting=\"[smtp] max_message_size\"" in server.log_tail(), 10, "the setting is changed")
            self.assertIn("setting_changed setting=\"[queue] retry\"", server.log_tail())
            self.assertIn("setting_needs_restart setting=\"[store] spare_segments\"", server.log_tail())
            new = greeted()
            self.assertEqual(size(new), f"SIZE {1 << 20}")
            self.assertEqual(size(old), before)  # who was there keeps what he began with
            third = greeted()
            with Wire(server.address, server.ports["smtp"]) as fourth:
                self.assertEqual(fourth.reply()[0], 421)
            for wire in (old, new, third):
                wire.socket.close()
            server.config.write_text(good + "[smtp]\nnonsense = 200\n")
            server.reload()
            wait_until(lambda: "reload_failed" in server.log_tail(), 10, "the log says that the file is wrong")
            wait_until(lambda: server.answers(server.ports["smtp"]), 10, "it answers")
            self.assertEqual(size(greeted()), f"SIZE {1 << 20}")
            make_certificate(server.folder, "server", "other.seoul.example")
            server.config.write_text(good)
            server.reload()
            wait_until(lambda: "other.seoul.example" in server.log_tail(), 10, "the new certificate is loaded")
            self.assertEqual(server.stop(), 0)

    def test_sockets_of_the_service_manager_are_used(self) -> None:
        """Socket activation (sd_listen_fds): letters that knocked before the server was there are let in."""
        with new_server() as server, socket.socket() as listening:
            server.listeners = (("smtp", "smtp", 2525, "starttls"), ("pop3", "pop3", 2110, "starttls"))
            server.ports = {"smtp": 2525, "pop3": 2110}
            server.write_config()
            server.add_domain()
            server.add_account(BOB)
            listening.bind((server.address, 2525))
            listening.listen()
            early = Wire(server.address, 2525)
            # LISTEN_PID names the process that the sockets are for, so a shell becomes it.
            script = f'exec 3<&{listening.fileno()}; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$0" serve --config "$1"'
            with open(server.log, "ab") as log:
                server.process = subprocess.Popen(["sh", "-c", script, PABAL, server.config], stdout=log, stderr=log,
                                                  stdin=subprocess.DEVNULL, pass_fds=[listening.fileno()])
            listening.close()
            early.expect(220)
            early.expect(250, "NOOP")
            early.socket.close()
            wait_until(lambda: server.answers(2110), 20, "the other port is bound by the server")
            self.assertEqual(Mailbox(server, BOB).count(), 0)
            self.assertNotIn("activated_socket_unused", server.log_tail())
            self.assertEqual(server.stop(), 0)

    def test_a_port_that_is_taken_stops_the_start(self) -> None:
        with new_server() as server, socket.socket() as other:
            other.bind((server.address, server.ports["pop3"]))
            other.listen()
            server.spawn()
            self.assertEqual(server.process.wait(20), 1)
            server.process = None
            self.assertIn(str(server.ports["pop3"]), server.log_tail())


class Root(unittest.TestCase):
    @unittest.skipUnless(os.geteuid() == 0, "not root")
    def test_low_ports_are_bound_before_root_is_given_up(self) -> None:
        user = pwd.getpwnam("nobody")
        with new_server() as server:
            if any(not folder.stat().st_mode & stat.S_IXOTH for folder in server.folder.parents):
                self.skipTest("this folder is shut to other users")
            server.folder.chmod(0o755)
            server.listeners = (("smtp", "smtp", 25, "starttls"), ("pop3", "pop3", 110, "starttls"))
            server.ports = {"smtp": 25, "pop3": 110}
            server.settings = 'user = "nobody"'
            server.write_config()
            os.chmod(server.key, 0o600)  # root's alone: read before root is given up
            server.add_domain()
            server.add_account(BOB)
            for file in server.data.rglob("*"):
                self.assertEqual(file.stat().st_uid, user.pw_uid, file)
            server.start()
            # The ports are bound, and answer, before root is given up; letters are taken after.
            wait_until(lambda: " started " in server.log_tail(), 20, "the server has started")
            status = pathlib.Path(f"/proc/{server.pid}/status").read_text()
            for line in ("Uid", "Gid"):
                ids = next(words for words in status.splitlines() if words.startswith(line)).split()[1:]
                self.assertEqual(set(ids), {str(user.pw_uid if line == "Uid" else user.pw_gid)})
            self.assertEqual(Mailbox(server, BOB).count(), 0)
            server.cli("account", "list")  # root speaks to the server
            self.assertEqual(server.stop(), 0)
            server.cli("account", "list")  # and, as that user, with the data


class Demo(unittest.TestCase):
    def test_both_sites_answer_and_alices_letter_reaches_bob(self) -> None:
        with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
            try:
                probe.bind(("127.0.0.3", 10110))
            except OSError:
                self.skipTest("another demo is running")
            probe.close()
            with open(f"{folder}/said", "wb") as said:
                demo = subprocess.Popen([PABAL, "demo", "--lesson", "--data", f"{folder}/data"], stdout=said, stderr=said)

            def said_so_far() -> str:
                self.assertIsNone(demo.poll(), pathlib.Path(f"{folder}/said").read_text())
                return pathlib.Path(f"{folder}/said").read_text()
            try:
                wait_until(lambda: "Ctrl-C stops it" in said_so_far(), 30, "the demo explains itself")
                wait_until(lambda: "The lesson is over" in said_so_far(), 90, "the lesson comes to its end")
                story = said_so_far()
                self.assertEqual(story.count("row leaves Seoul's queue"), 3)
                self.assertEqual(story.count("    The queue is empty.\n"), 3)
                self.assertEqual(story.count("is used again"), 1)
                for line in ("DNS: who takes mail for busan.example (MX)? 10 mail.busan.example.", "encrypted: TLSv1.3",
                             "    |   There is no such address there.", "    | Subject: Your letter could not be delivered",
                             "waiting  alice@seoul.example  carol@daegu.example", "10080 and 10443", "> MAIL FROM:<alice@seoul.example>", "> RCPT TO:<bob@busan.example>", "bob@busan.example: delivered",
                             "It is in INBOX, as message 2", "nobody@busan.example: refused for good: 550 5.1.1", "127.0.0.4:10025",
                             "It stays in the queue and is tried again", "carol@daegu.example: delivered"):
                    self.assertIn(line, story)
                returned = subprocess.run(["curl", "-sk", "--user", "alice@seoul.example:demo", "imaps://127.0.0.2:10993/INBOX;UID=2"],
                                          capture_output=True, timeout=30, check=True).stdout
                self.assertIn(b"nobody@busan.example", returned)
                self.assertIn(b"message/delivery-status", returned)
                for site, person, address in (("seoul", "alice", "127.0.0.2"), ("busan", "bob", "127.0.0.3")):
                    fetched = subprocess.run(["curl", "-sk", "--user", f"{person}@{site}.example:demo", f"pop3s://{address}:10995/1"],
                                             capture_output=True, timeout=30, check=True).stdout
                    self.assertIn(b"Welcome to Pabal", fetched)
                    listed = subprocess.run([PABAL, "account", "list", "--config", f"{folder}/data/{site}/pabal.toml"], capture_output=True,
                                            text=True, timeout=30, check=True).stdout
                    self.assertIn(f"{person}@{site}.example", listed)
                began = time.monotonic()
                demo.send_signal(signal.SIGINT)
                self.assertEqual(demo.wait(20), 0)
                self.assertLess(time.monotonic() - began, 10)
            finally:
                if demo.poll() is None:
                    demo.kill()
                    demo.wait()


if __name__ == "__main__":
    unittest.main()
