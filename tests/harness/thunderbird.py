"""Thunderbird without a screen, told what to do through its Marionette port: scripts that run where its own code runs."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

PREFERENCES = {
    "app.update.enabled": False,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "datareporting.healthreport.uploadEnabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "mail.provider.suppress_dialog_on_startup": True,
    "mail.rights.version": 1,
    "mail.server.default.autosync_offline_stores": False,
    "mail.shell.checkDefaultClient": False,
    "mail.spotlight.firstRunDone": True,
    "mailnews.start_page.enabled": False,
    "network.proxy.type": 0,
    "services.settings.server": "http://127.0.0.1:1/",
    "toolkit.telemetry.enabled": False,
}

# What all scripts have: the mail services, and waiting for what Thunderbird does in the background.
PRELUDE = """
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const { setTimeout } = ChromeUtils.importESModule("resource://gre/modules/Timer.sys.mjs");
const until = async (holds) => {
  for (let i = 0; i < 600; ++i) {
    const value = holds();
    if (value) return value;
    await new Promise((go) => setTimeout(go, 50));
  }
  throw new Error("never: " + holds);
};
const root = () => MailServices.accounts.defaultAccount.incomingServer.rootFolder;
const folder = (name) => root().subFolders.find((one) => one.name.toLowerCase() == name.toLowerCase());
const letter = (where, subject) => [...where.messages].find((one) => one.mime2DecodedSubject == subject);
"""


class Thunderbird:
    def __init__(self) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="thunderbird-"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        profile = self.folder / "profile"
        profile.mkdir()
        (profile / "user.js").write_text("".join(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in
                                                 {**PREFERENCES, "marionette.port": port}.items()))
        self.said = self.folder / "said"
        with open(self.said, "wb") as said:
            self.process = subprocess.Popen(
                ["thunderbird", "--headless", "--marionette", "-remote-allow-system-access", "--no-remote", "--profile", str(profile)],
                env={**os.environ, "HOME": str(self.folder)}, stdout=said, stderr=subprocess.STDOUT)
        self.socket: socket.socket | None = None
        self.buffer = b""
        self.count = 0
        try:
            self.connect(port)
        except BaseException:
            self.close()
            raise

    def connect(self, port: int) -> None:
        until = time.monotonic() + 90
        while self.socket is None:
            try:
                self.socket = socket.create_connection(("127.0.0.1", port), 90)
            except OSError as error:
                if time.monotonic() > until or self.process.poll() is not None:
                    raise AssertionError(f"Thunderbird doesn't start: {self.said.read_text(errors='replace')[-2000:]}") from error
                time.sleep(0.1)
        self.packet()
        self.ask("WebDriver:NewSession", {})
        self.ask("Marionette:SetContext", {"value": "chrome"})

    def packet(self) -> list:
        """What comes next: its length, a colon, JSON."""
        while b":" not in self.buffer or len(self.buffer.split(b":", 1)[1]) < int(self.buffer.split(b":", 1)[0]):
            piece = self.socket.recv(1 << 16)
            if not piece:
                raise EOFError(self.said.read_text(errors="replace")[-2000:])
            self.buffer += piece
        length, rest = self.buffer.split(b":", 1)
        self.buffer = rest[int(length):]
        return json.loads(rest[:int(length)])

    def ask(self, name: str, arguments: dict) -> object:
        self.count += 1
        words = json.dumps([0, self.count, name, arguments]).encode()
        self.socket.sendall(b"%d:" % len(words) + words)
        _, _, error, value = self.packet()
        if error:
            raise AssertionError(error["message"])
        return value

    def run(self, script: str, *arguments: object) -> object:
        """What the script (the body of an async function over `given`) returns."""
        whole = ("const given = [...arguments]; const done = given.pop();" + PRELUDE + "(async () => {" + script + "})().then("
                 "(value) => done({ value }), (error) => done({ error: error + '\\n' + error.stack }));")
        came = self.ask("WebDriver:ExecuteAsyncScript",
                        {"script": whole, "args": list(arguments), "newSandbox": True, "scriptTimeout": 60_000})["value"]
        if "error" in came:
            raise AssertionError(came["error"])
        return came.get("value")

    def close(self) -> None:
        """Ends it as a user would, else by force."""
        try:
            if self.socket is not None:
                self.ask("Marionette:Quit", {"flags": ["eForceQuit"]})
                self.process.wait(20)
        except (OSError, EOFError, AssertionError, subprocess.TimeoutExpired):
            pass
        finally:
            self.process.kill()
            self.process.wait()
            if self.socket is not None:
                self.socket.close()
            shutil.rmtree(self.folder, ignore_errors=True)
