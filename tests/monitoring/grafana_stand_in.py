"""A server that answers the few calls of Grafana's HTTP API that are made of it, as Grafana
documents them. Grafana itself is in no package registry that the tests may use.

    with GrafanaStandIn(token="t") as grafana:
        grafana.url, grafana.dashboards, grafana.folders, grafana.requests
"""

import base64
import json
import re
import urllib.parse

import http_stand_in

PASSWORD = "grafana-password"


class GrafanaStandIn(http_stand_in.HttpStandIn):
    """Knows one token, and one user `admin` with PASSWORD. Thread-safe enough for one client."""

    def __init__(self, token="grafana-token", provisioned=()):
        self.token = token
        self.provisioned = set(provisioned)  # uids that came from files: the API may not change them
        self.dashboards = {}                 # uid → {"dashboard", "folderUid"}
        self.folders = {}                    # uid → title
        self.requests = []                   # (method, path, authorization, body)
        self.data_sources = [{"uid": "batchsql-prometheus", "name": "Prometheus", "type": "prometheus"}]
        self.broken = None                   # a status that everything is answered with

    def answer(self, method, path, headers, body):
        authorization = headers.get("Authorization", "")
        self.requests.append((method, path, authorization, body))
        status, document = self.call(method, path, authorization, body)
        return status, json.dumps(document)

    def knows(self, authorization):
        login = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
        return authorization in (f"Bearer {self.token}", f"Basic {login}")

    def call(self, method, path, authorization, body):
        if self.broken:
            return self.broken, {"message": "out of order"}
        route = urllib.parse.urlsplit(path).path
        if route == "/api/health":
            return 200, {"database": "ok", "version": "11.6.0"}
        if not self.knows(authorization):
            return 401, {"message": "Unauthorized"}
        for pattern, verb, action in (
                (r"/api/dashboards/db", "POST", self.save_dashboard),
                (r"/api/dashboards/uid/([\w-]+)", "GET", self.get_dashboard),
                (r"/api/search", "GET", self.search),
                (r"/api/folders", "GET", self.list_folders),
                (r"/api/folders", "POST", self.make_folder),
                (r"/api/folders/([\w-]+)", "GET", self.get_folder),
                (r"/api/datasources", "GET", lambda _: (200, self.data_sources))):
            match = re.fullmatch(pattern, route)
            if match and verb == method:
                return action(*(match.groups() or (body,)))
        return 404, {"message": "Not found"}

    def save_dashboard(self, body):
        command = json.loads(body)
        dashboard = command.get("dashboard")
        if not isinstance(dashboard, dict):
            return 400, {"message": "bad request data"}  # what a bare dashboard gets
        if not dashboard.get("title"):
            return 400, {"message": "Dashboard title cannot be empty"}
        if dashboard.get("id") is not None:
            return 404, {"message": "Dashboard not found", "status": "not-found"}
        uid, folder = dashboard["uid"], command.get("folderUid", "")
        if folder and folder not in self.folders:
            return 400, {"message": "folder not found"}
        if uid in self.provisioned:
            return 400, {"message": "Cannot save provisioned dashboard"}
        if uid in self.dashboards and not command.get("overwrite"):
            return 412, {"message": "A dashboard with the same uid already exists", "status": "name-exists"}
        self.dashboards[uid] = {"dashboard": {**dashboard, "id": len(self.dashboards) + 1},
                                "folderUid": folder}
        return 200, {"id": len(self.dashboards), "uid": uid, "url": f"/d/{uid}/name",
                     "status": "success", "version": 1}

    def get_dashboard(self, uid):
        if uid not in self.dashboards:
            return 404, {"message": "Dashboard not found"}
        saved = self.dashboards[uid]
        folder = saved["folderUid"]
        return 200, {"dashboard": saved["dashboard"],
                     "meta": {"folderUid": folder, "folderTitle": self.folders.get(folder, "General"),
                              "provisioned": uid in self.provisioned}}

    def search(self, _):
        return 200, [{"uid": uid, "title": saved["dashboard"]["title"], "type": "dash-db"}
                     for uid, saved in self.dashboards.items()]

    def list_folders(self, _):
        return 200, [{"uid": uid, "title": title} for uid, title in self.folders.items()]

    def get_folder(self, uid):
        if uid not in self.folders:
            return 404, {"message": "folder not found"}
        return 200, {"uid": uid, "title": self.folders[uid]}

    def make_folder(self, body):
        wanted = json.loads(body)
        uid = wanted.get("uid") or f"made-{len(self.folders)}"
        if uid in self.folders:
            return 412, {"message": "a folder with the same uid already exists"}
        self.folders[uid] = wanted["title"]
        return 200, {"uid": uid, "title": wanted["title"]}
