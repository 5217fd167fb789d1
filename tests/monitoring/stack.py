"""A real Prometheus and Alertmanager on free loopback ports, with the rendered configuration.

    with Alertmanager(rendered) as manager, Prometheus(rendered, [daemon.http_port], manager) as prometheus:
        prometheus.url, prometheus.query("up"), prometheus.alerts()

`rendered` is a folder that `batchsql monitoring render` wrote. Nothing outlives the test.
"""

import json
import re
import shutil
import subprocess
import urllib.parse

import daemon as harness
import processes

START_SECONDS = 60
STOP_SECONDS = 30


class _Server:
    """One program in a scratch folder of its own. Not for use by several threads.

    `edits`: (file, pattern, replacement) for setups that are wrong on purpose.
    """

    kind = ""

    def __init__(self, rendered, edits=()):
        self.rendered = rendered
        self.edits = edits

    def __enter__(self):
        self._user = processes.unprivileged_user("prometheus")
        self._scratch = processes.Scratch(self.kind, self._user)
        self._port = processes.Port()
        self._process = None
        self.folder = self._scratch.path
        self.data = self.folder / "data"
        self.log = self.folder / "log"
        self.address = f"127.0.0.1:{self._port.number}"
        self.url = f"http://{self.address}"
        try:
            shutil.copytree(self.rendered / "prometheus", self.folder / "config")
            self.configure()
            for edit in self.edits:
                self.edit(*edit)
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

    def start(self):
        """Starts one that is down, on the same port and data."""
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                processes.as_user(self._user, self.command()), cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
                env={**processes.server_environment(), "HOME": str(self.folder)})
        try:
            processes.wait_until(self._ready_or_ended, START_SECONDS, f"{self.kind} to be ready")
        except TimeoutError as error:
            raise processes.StartError(f"{error}\n{processes.log_tail(self.log)}") from None

    def stop(self):
        """Ends it as an operator would; its folder stays."""
        self._process.terminate()
        self._process.wait(STOP_SECONDS)
        self._process = None

    def get(self, path):
        """The JSON of a GET."""
        status, body = harness.http_get(self.url + path, seconds=30)
        if status != 200:
            raise RuntimeError(f"{path} answered {status}: {body}")
        return json.loads(body)

    def _ready_or_ended(self):
        if self._process.poll() is not None:
            raise processes.StartError(f"{self.kind} ended\n{processes.log_tail(self.log)}")
        try:
            return harness.http_get(f"{self.url}/-/ready")[0] == 200
        except OSError:
            return False

    def edit(self, name, pattern, replacement):
        """Changes a configuration file before the start."""
        path = self.folder / "config" / name
        text = path.read_text(encoding="utf-8")
        changed = re.sub(pattern, replacement, text)
        if changed == text:
            raise ValueError(f"{name} has no {pattern}")
        path.write_text(changed, encoding="utf-8")

    def configure(self):
        """Fits the configuration to this test."""

    def command(self):
        raise NotImplementedError


class Prometheus(_Server):
    kind = "prometheus"

    def __init__(self, rendered, edits=(), flags=("--storage.tsdb.retention.time=30d", "--web.enable-admin-api")):
        super().__init__(rendered, edits)
        self.flags = flags

    def configure(self):
        # Itself, under the name that the shipped file gives it.
        self.edit("prometheus.yml", r"localhost:9090", self.address)

    def command(self):
        return ["prometheus", "--config.file=config/prometheus.yml", f"--storage.tsdb.path={self.data}",
                f"--web.listen-address={self.address}", *self.flags]

    def query(self, expression):
        """The samples of an instant query: (labels, value) each."""
        path = "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        return [(sample["metric"], float(sample["value"][1]))
                for sample in self.get(path)["data"]["result"]]

    def wait_for(self, expression, seconds=60):
        """Until the query returns something."""
        return processes.wait_until(lambda: self.query(expression), seconds, expression)


class Alertmanager(_Server):
    """Its webhook's secret is not there: nothing is to be delivered."""

    kind = "alertmanager"

    def command(self):
        return ["prometheus-alertmanager", "--config.file=config/alertmanager.yml",
                f"--storage.path={self.data}", "--cluster.listen-address=",
                f"--web.listen-address={self.address}"]

    def wait_for(self, alert, seconds=60):
        """Until it holds the alert."""
        def holds():
            return [one for one in self.get("/api/v2/alerts") if one["labels"]["alertname"] == alert]
        return processes.wait_until(holds, seconds, f"Alertmanager to hold {alert}")
