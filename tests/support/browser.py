"""Chromium without a window, driven over the DevTools protocol.

    with Browser() as browser:
        page = browser.open("http://127.0.0.1:8080/")
        page.evaluate("document.title")

The protocol goes through a pipe: it needs neither a port nor a library. Nothing that the browser asks
for leaves the loopback, whatever a page wants.
"""

import base64
import fcntl
import json
import os
import select
import subprocess
import time

import processes

ANSWER_SECONDS = 60
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
         "--remote-debugging-pipe")
PIPE_ENDS = "3<&{} 4>&{}"  # where the browser looks for commands, and where it answers
KEYS = {"Tab": 9, "Enter": 13}


class Browser:
    """One browser with a profile of its own, as a user without rights. Not for several threads."""

    def __enter__(self):
        user = processes.unprivileged_user()
        self._scratch = processes.Scratch("browser", user)
        self.log = self._scratch.path / "log"
        self._last_id = 0
        self._read = b""
        self._messages = []  # of any page, not looked at yet
        theirs, self._write_end = os.pipe()
        self._read_end, answers = os.pipe()
        # Above what the shell's redirections overwrite.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (theirs, answers)]
        command = ["chromium", *FLAGS, f"--user-data-dir={self._scratch.path}/profile"]
        try:
            with open(self.log, "ab") as log:
                self._process = subprocess.Popen(
                    processes.as_user(user, ["bash", "-c", 'exec "$@" ' + PIPE_ENDS.format(*ends), "bash",
                                             *command]),
                    pass_fds=ends, cwd=self._scratch.path, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True,
                    env={**processes.server_environment(), "HOME": str(self._scratch.path)})
        finally:
            for end in (theirs, answers, *ends):
                os.close(end)
        return self

    def __exit__(self, *_):
        self._scratch.close()
        self._process.wait()
        os.close(self._write_end)
        os.close(self._read_end)

    def open(self, url):
        """A new page that has loaded the address."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, target, session)
        page.load(url)
        return page

    def call(self, method, session=None, **parameters):
        """The result of a command."""
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._write_end, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            answer = self._receive(deadline, method)
            if answer.get("id") != self._last_id:
                self._messages.append(answer)
            elif "error" in answer:
                raise RuntimeError(f"{method}: {answer['error']['message']}")
            else:
                return answer["result"]

    def take_events(self, session):
        """What this page told since it was asked last: (method, parameters) each, oldest first."""
        mine = [message for message in self._messages if message.get("sessionId") == session]
        self._messages = [message for message in self._messages if message.get("sessionId") != session]
        return [(message["method"], message["params"]) for message in mine]

    def _receive(self, deadline, what):
        while b"\0" not in self._read:
            ready, _, _ = select.select([self._read_end], [], [], max(0, deadline - time.monotonic()))
            data = os.read(self._read_end, 1 << 20) if ready else b""
            if not data:
                raise processes.StartError(f"the browser does not answer {what}\n{processes.log_tail(self.log)}")
            self._read += data
        message, _, self._read = self._read.partition(b"\0")
        return json.loads(message)


class Page:
    """One page. It remembers what went wrong in it and what it asked for."""

    def __init__(self, browser, target, session):
        self._browser, self._target, self._session = browser, target, session
        self._complaints, self._requests = [], []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        return self._browser.call(method, self._session, **parameters)

    def close(self):
        self._browser.call("Target.closeTarget", targetId=self._target)
        self._browser.take_events(self._session)

    def load(self, url):
        self.call("Page.navigate", url=url)
        self.wait_for(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def evaluate(self, expression):
        """The value of a JavaScript expression; RuntimeError where it throws."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait_for(self, expression, seconds=60):
        """Until the expression is true; its value."""
        return processes.wait_until(lambda: self.evaluate(expression), seconds, expression)

    def complaints(self):
        """Errors, warnings and all else that it wrote to the console so far, and its exceptions."""
        self._look()
        return list(self._complaints)

    def requests(self):
        """The addresses that it asked for so far."""
        self._look()
        return list(self._requests)

    def show_as(self, width, height, scheme, mobile=False):
        """A screen of this many CSS pixels, and the colours that its owner prefers."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=2 if mobile else 1, mobile=mobile)
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": scheme}])

    def press(self, key):
        common = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key]}
        text = {"text": "\r"} if key == "Enter" else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **common, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def screenshot(self, path):
        """A PNG of what is on the screen."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def _look(self):
        self.evaluate("0")  # what was told until now is here then
        for method, parameters in self._browser.take_events(self._session):
            if method == "Network.requestWillBeSent":
                self._requests.append(parameters["request"]["url"])
            elif method in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"):
                self._complaints.append(parameters)
