"""A real Prometheus and Alertmanager with the configuration that `batchsql monitoring render` wrote.

    with Alertmanager(rendered) as manager, Prometheus(rendered) as prometheus:
        prometheus.wait_for("up"); manager.wait_for("BatchSQLWatchdog")

`rendered` is the folder. `edits`, each (file, pattern, replacement), are for setups that are wrong on
purpose.
"""

import json
import re
import shutil

import yaml

import processes
import prometheus_servers

WAIT_SECONDS = 60
# A loaded machine may need longer than a shortened scrape is given.
PATIENCE = ("prometheus.yml", r"scrape_interval: \d+ms\n( +)scrape_timeout: \d+ms",
            r"scrape_interval: 3s\n\1scrape_timeout: 3s")
FLAGS = ("--storage.tsdb.retention.time=30d", "--web.enable-admin-api")


def address_of(server):
    return server.url.removeprefix("http://")


def get(server, path):
    """The JSON that a GET answers."""
    return json.loads(prometheus_servers.get(server.url + path, seconds=30))


def copy_configuration(server, rendered, edits):
    shutil.copytree(rendered / "prometheus", server.folder / "config")
    for name, pattern, replacement in edits:
        path = server.folder / "config" / name
        text = path.read_text(encoding="utf-8")
        changed = re.sub(pattern, replacement, text)
        if changed == text:
            raise ValueError(f"{name} has no {pattern}")
        path.write_text(changed, encoding="utf-8")


class Prometheus(prometheus_servers.Prometheus):
    def __init__(self, rendered, edits=(), flags=FLAGS):
        super().__init__({}, [])
        self.rendered, self.edits, self.flags = rendered, tuple(edits), flags

    def prepare(self):
        # It scrapes itself, too, under the address that the shipped file gives it.
        itself = ("prometheus.yml", r"localhost:9090", address_of(self))
        copy_configuration(self, self.rendered, (itself, PATIENCE, *self.edits))
        self.data = self.folder / "data"

    def command(self):
        return ["prometheus", "--config.file=config/prometheus.yml", f"--storage.tsdb.path={self.data}",
                f"--web.listen-address={address_of(self)}", "--log.level=warn", *self.flags]

    def scrape_nothing(self):
        """From its next start on."""
        text = self._configuration.read_text(encoding="utf-8")
        self._configuration.write_text(text.partition("scrape_configs:")[0], encoding="utf-8")

    def wait_for(self, expression):
        """Until the query returns something."""
        return processes.wait_until(lambda: self.query(expression), WAIT_SECONDS, expression)

    def wait_for_targets(self):
        """Until a target of each job was scraped: before that nobody knows whether it answers."""
        configured = yaml.safe_load(self._configuration.read_text(encoding="utf-8"))
        jobs = {job["job_name"] for job in configured["scrape_configs"]}

        def scraped():
            targets = get(self, "/api/v1/targets?state=active")["data"]["activeTargets"]
            return jobs == {target["scrapePool"] for target in targets if target["health"] != "unknown"}
        processes.wait_until(scraped, WAIT_SECONDS, "the targets' first scrape")

    def wait_for_rules(self):
        """Until every rule was evaluated: before that a broken one looks well."""
        def evaluated():
            groups = get(self, "/api/v1/rules")["data"]["groups"]
            return all(rule["health"] != "unknown" for group in groups for rule in group["rules"])
        processes.wait_until(evaluated, WAIT_SECONDS, "the rules' evaluation")

    @property
    def _configuration(self):
        return self.folder / "config" / "prometheus.yml"


class Alertmanager(prometheus_servers.Alertmanager):
    """Its webhook's secret is not there: nothing is to be delivered."""

    def __init__(self, rendered, edits=()):
        super().__init__("")
        self.rendered, self.edits = rendered, tuple(edits)

    def prepare(self):
        copy_configuration(self, self.rendered, self.edits)

    def command(self):
        return ["prometheus-alertmanager", "--config.file=config/alertmanager.yml",
                f"--storage.path={self.folder}/data", "--cluster.listen-address=",
                f"--web.listen-address={address_of(self)}", "--log.level=warn"]

    def wait_for(self, name):
        """Until it holds the alert."""
        def holds():
            return [alert for alert in self.alerts() if alert["labels"]["alertname"] == name]
        return processes.wait_until(holds, WAIT_SECONDS, f"Alertmanager to hold {name}")
