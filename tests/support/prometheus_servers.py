"""Real Prometheus and Alertmanager for tests, on free loopback ports, gone with the test.

    with Webhook() as hook, Alertmanager(text, hook.secret) as manager, \
         Prometheus(folder_of_rules, [daemon.http_port], manager) as prometheus:
        prometheus.query("up"), prometheus.firing(), hook.alerts()

Nothing here scrapes less often than each second: tests shorten durations to seconds.
"""

import http.server
import json
import subprocess
import threading
import urllib.parse
import urllib.request

import processes

START_SECONDS = 60
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get(url, seconds=10):
    """The body of a GET; urllib's errors otherwise."""
    with _direct.open(url, timeout=seconds) as response:
        return response.read().decode()


class _Server:
    """One program in a scratch folder of its own. Not for use by several threads."""

    kind = ""
    ready_path = "/-/ready"

    def __enter__(self):
        self._user = processes.unprivileged_user("prometheus")
        self._scratch = processes.Scratch(self.kind, self._user)
        self._port = processes.Port()
        self._process = None
        self.folder = self._scratch.path
        self.log = self.folder / "log"
        self.url = f"http://127.0.0.1:{self._port.number}"
        try:
            self.prepare()
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._scratch.close()
        if self._process is not None:
            self._process.wait()
            self._process = None
        self._port.release()

    def write(self, path, text):
        """A file in the folder, readable by the program's user."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        target.chmod(0o644)
        target.parent.chmod(0o755)
        return target

    def start(self):
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                processes.as_user(self._user, self.command()), cwd=self.folder, stdout=log,
                stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
                env={**processes.server_environment(), "HOME": str(self.folder)})
        try:
            processes.wait_until(self._ready_or_ended, START_SECONDS, f"{self.kind} to be ready")
        except TimeoutError as error:
            raise processes.StartError(f"{error}\n{processes.log_tail(self.log)}") from None

    def stop(self):
        """Ends it as an operator would; its folder stays."""
        self._process.terminate()
        self._process.wait(START_SECONDS)
        self._process = None

    def _ready_or_ended(self):
        if self._process.poll() is not None:
            raise processes.StartError(f"{self.kind} ended\n{processes.log_tail(self.log)}")
        try:
            get(self.url + self.ready_path)
            return True
        except OSError:
            return False

    def prepare(self):
        raise NotImplementedError

    def command(self):
        raise NotImplementedError


class Prometheus(_Server):
    """Scrapes `ports` of this host as job `batchsql`. `rules` are texts of rule files by name."""

    kind = "prometheus"

    def __init__(self, rules, ports, alertmanager=None, interval="1s"):
        self.rules, self.ports, self.alertmanager = rules, list(ports), alertmanager
        self.interval = interval

    def prepare(self):
        for name, text in self.rules.items():
            self.write(name, text)
        targets = [f"127.0.0.1:{port}" for port in self.ports]
        managers = [self.alertmanager.url.removeprefix("http://")] if self.alertmanager else []
        # JSON is YAML.
        self.write("prometheus.yml", json.dumps({
            "global": {"scrape_interval": self.interval, "evaluation_interval": self.interval},
            "rule_files": list(self.rules),
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": managers}]}]},
            "scrape_configs": [{"job_name": "batchsql", "metrics_path": "/metrics",
                                "scrape_timeout": self.interval,
                                "static_configs": [{"targets": targets}]}]}))

    def command(self):
        return ["prometheus", f"--config.file={self.folder}/prometheus.yml",
                f"--storage.tsdb.path={self.folder}/data",
                f"--web.listen-address={self.url.removeprefix('http://')}",
                "--web.enable-admin-api", "--log.level=warn", "--rules.alert.resend-delay=1s"]

    def query(self, expression):
        """The samples of an instant query: (labels, value) each. ValueError where it is refused."""
        url = f"{self.url}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        try:
            answer = json.loads(get(url))
        except urllib.error.HTTPError as error:
            with error:
                raise ValueError(f"{expression}: {error.read().decode()}") from None
        data = answer["data"]
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(sample["metric"], float(sample["value"][1])) for sample in data["result"]]

    def firing(self):
        """The labels of each alert that fires now."""
        alerts = json.loads(get(f"{self.url}/api/v1/alerts"))["data"]["alerts"]
        return [alert["labels"] for alert in alerts if alert["state"] == "firing"]


class Alertmanager(_Server):
    """`config` is the text of its configuration; `secrets` are contents of files by name."""

    kind = "alertmanager"

    def __init__(self, config, secrets=None):
        self.config, self.secrets = config, dict(secrets or {})

    def prepare(self):
        for name, text in self.secrets.items():
            self.write(name, text)
        self.write("alertmanager.yml", self.config)

    def command(self):
        return ["prometheus-alertmanager", f"--config.file={self.folder}/alertmanager.yml",
                f"--storage.path={self.folder}/data", "--cluster.listen-address=",
                f"--web.listen-address={self.url.removeprefix('http://')}", "--log.level=warn"]

    def alerts(self):
        """What it holds now, as its API tells."""
        return json.loads(get(f"{self.url}/api/v2/alerts"))


class Webhook:
    """A receiver of Alertmanager's notifications. Thread-safe."""

    def __enter__(self):
        self._lock = threading.Lock()
        self._messages = []
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with hook._lock:
                    hook._messages.append((self.path, dict(self.headers), json.loads(body)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def messages(self):
        """(path, headers, body) of each notification, oldest first."""
        with self._lock:
            return list(self._messages)

    def alerts(self):
        """(status, labels) of each alert of each notification, oldest first."""
        return [(alert["status"], alert["labels"]) for _, _, body in self.messages()
                for alert in body["alerts"]]
