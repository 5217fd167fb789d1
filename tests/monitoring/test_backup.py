"""The commands of docs/monitoring.md that save and restore monitoring data, run as they are."""

import http.server
import json
import os
import re
import subprocess
import threading

import pytest

import monitoring_files as files
import monitoring_servers
import processes

TOKEN = "a-token"
SCRAPES_ITSELF = """
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: self
    static_configs: [{targets: ['127.0.0.1:{port}']}]
"""
SCRAPES_NOTHING = "global: {scrape_interval: 1s}\n"
KEPT = 'max_over_time(up{job="self"}[1h])'
DASHBOARDS = {uid: {"id": number, "uid": uid, "title": f"Own {uid}", "panels": []}
              for number, uid in enumerate(("first", "second"), 1)}


def commands(name):
    """The block of the page that is marked ```sh NAME."""
    page = (files.ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    return re.search(rf"^```sh {name}\n(.*?)^```$", page, re.S | re.M).group(1)


def run(name, **variables):
    given = {key: str(value) for key, value in variables.items()}
    environment = {**processes.server_environment(), **given}
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands(name)], env=environment,
                          text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_data_is_saved_and_restored(tmp_path):
    with monitoring_servers.PrometheusServer(SCRAPES_ITSELF) as server:
        processes.wait_until(lambda: server.query(KEPT), 60, "the first scrape")
        folders = {"PROMETHEUS_DATA": server.data, "BACKUP": tmp_path / "backup"}
        run("backup-prometheus", PROMETHEUS_URL=server.url, **folders)
        assert os.listdir(server.data / "snapshots") == []
        server.stop()
        server.configuration = SCRAPES_NOTHING
        run("restore-prometheus", **folders)
        server.start()
        assert [value for _, value in server.query(KEPT)] == [1]
        assert (server.data.parent / "data.before").is_dir()


def test_nothing_is_there_without_a_restore(tmp_path):
    """What the test above is worth: a server that scrapes nothing knows nothing."""
    with monitoring_servers.PrometheusServer(SCRAPES_NOTHING) as server:
        assert server.query(KEPT) == []


class GrafanaStub(http.server.BaseHTTPRequestHandler):
    """As much of Grafana's API as the commands use; refuses what Grafana refuses."""

    def do_GET(self):
        uid = self.path.rpartition("/")[2]
        if self.path == "/api/search?type=dash-db":
            self._answer(200, [{"uid": uid, "type": "dash-db"} for uid in DASHBOARDS])
        elif self.path.startswith("/api/dashboards/uid/") and uid in DASHBOARDS:
            self._answer(200, {"dashboard": DASHBOARDS[uid], "meta": {"folderUid": "mine"}})
        else:
            self._answer(404, {"message": "not found"})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        good = (self.path == "/api/dashboards/db" and "dashboard" in body and
                self.headers["Content-Type"] == "application/json")
        if good:
            self.server.posted.append(body)
        self._answer(200 if good else 400, {"status": "success" if good else "bad request data"})

    def _answer(self, status, body):
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            status, body = 401, {"message": "Unauthorized"}
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@pytest.fixture
def grafana():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), GrafanaStub) as server:
        server.posted = []
        server.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_grafanas_dashboards_are_saved_and_restored(grafana, tmp_path):
    variables = {"GRAFANA_URL": grafana.url, "GRAFANA_TOKEN": TOKEN, "BACKUP": tmp_path}
    run("backup-grafana", **variables)
    assert {path.stem for path in (tmp_path / "grafana").iterdir()} == set(DASHBOARDS)
    run("restore-grafana", **variables)
    assert [body["dashboard"] for body in grafana.posted] == [
        {**dashboard, "id": None} for dashboard in DASHBOARDS.values()]
    assert all(body["overwrite"] is True and body["folderUid"] == "mine" for body in grafana.posted)


def test_a_wrong_token_is_told(grafana, tmp_path):
    with pytest.raises(AssertionError, match="401"):
        run("backup-grafana", GRAFANA_URL=grafana.url, GRAFANA_TOKEN="another", BACKUP=tmp_path)
