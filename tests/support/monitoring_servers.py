"""Real Prometheus and Alertmanager for tests, as servers.py starts databases.

    with PrometheusServer(configuration) as server:
        server.query("up")      # [(labels, value)]

`configuration` is YAML; {port} in it becomes the server's own port. Files that it names are there
under absolute paths, or are given as `files`, texts by name, which are put beside it.
"""

import json
import queue
import re
import signal
import urllib.error
import urllib.parse

import daemon
import http_stand_in
import servers
import templates


class MonitoringServer(servers.DatabaseServer):
    """What both programs have in common: one configuration file, flags, a page that says ready.

    `settings` are flags without their dashes; True for one that takes no value, None for one of the
    harness's that is left out. Not for use by several threads.
    """

    program = ""
    flags = {}
    users = ("prometheus",)
    port_lost = re.compile("address already in use")

    def __init__(self, configuration, settings=None, files=None):
        super().__init__({**self.flags, **(settings or {})})
        self.configuration = configuration
        self.files = dict(files or {})

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"http://{self.address}"

    def get(self, path, **parameters):
        """The JSON that a GET of a path is answered with."""
        status, body = daemon.http_get(f"{self.url}{path}?{urllib.parse.urlencode(parameters)}",
                                       daemon.PATIENCE_SECONDS)
        if status != 200:
            raise RuntimeError(f"{path}: {status} {body}")
        return json.loads(body)

    def _template_key(self):
        return templates.key_of(self.kind, self._user)

    def _initialise(self, data):
        self._initialise_with(["mkdir", data])

    def _command(self):
        configuration = f"{self.kind}.yml"
        text = self.configuration.replace("{port}", str(self.port))
        for name, content in {**self.files, configuration: text}.items():
            (self._scratch.path / name).write_text(content, encoding="utf-8")
        settings = {"config.file": self._scratch.path / configuration,
                    "web.listen-address": self.address, **self._folders(), **self.settings}
        return [self.program, *(f"--{name}" if value is True else f"--{name}={value}"
                                for name, value in settings.items() if value is not None)]

    def _folders(self):
        raise NotImplementedError

    def _is_ready(self):
        try:
            return daemon.http_get(f"{self.url}/-/ready")[0] == 200
        except (OSError, urllib.error.URLError):
            return False

    def _send_stop(self, mode):
        self._process.send_signal(signal.SIGKILL if mode == "immediate" else signal.SIGTERM)


class PrometheusServer(MonitoringServer):
    kind = "prometheus"
    program = "prometheus"
    flags = {"web.enable-admin-api": True}  # snapshots

    def query(self, expression, time=None):
        """(labels, value) of every series that an instant query returns."""
        at = {} if time is None else {"time": time}
        data = self.get("/api/v1/query", query=expression, **at)["data"]
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(series["metric"], float(series["value"][1])) for series in data["result"]]

    def firing(self):
        """The labels of each alert that fires now."""
        return [alert["labels"] for alert in self.get("/api/v1/alerts")["data"]["alerts"]
                if alert["state"] == "firing"]

    def _folders(self):
        return {"storage.tsdb.path": self.data}


class AlertmanagerServer(MonitoringServer):
    kind = "alertmanager"
    program = "prometheus-alertmanager"
    flags = {"cluster.listen-address": ""}  # no gossip

    def alerts(self):
        """The alerts that it holds, as its API tells them."""
        return self.get("/api/v2/alerts")

    def _folders(self):
        return {"storage.path": self.data}


class Webhook(http_stand_in.HttpStandIn):
    """A receiver of Alertmanager's notifications. Thread-safe."""

    def __init__(self):
        self._heard = queue.Queue()
        self._messages = []

    def answer(self, method, path, headers, body):
        message = (path, headers["Authorization"], json.loads(body))
        self._messages.append(message)
        self._heard.put(message)
        return 200, ""

    def next(self, seconds=30):
        """(path, authorization, body) of the oldest notification that was not asked for yet."""
        return self._heard.get(timeout=seconds)

    def messages(self):
        """All so far, oldest first."""
        return list(self._messages)

    def alerts(self):
        """(status, labels) of each alert of each notification, oldest first."""
        return [(alert["status"], alert["labels"]) for _, _, body in self.messages()
                for alert in body["alerts"]]
