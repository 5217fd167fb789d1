"""A real Prometheus and Alertmanager with the configuration that `batchsql monitoring render` writes.

    rendered = render(folder)
    with Alertmanager(rendered) as manager, Prometheus(rendered) as prometheus:
        prometheus.wait_for("up"); manager.wait_for("BatchSQLWatchdog")

`edits`, each (file, pattern, replacement), are for what the test itself
plays, and for setups that are wrong on purpose.
"""

import re

import yaml

import client_program
import monitoring_servers
import processes

WAIT_SECONDS = 60
# An alert that fires before the Alertmanager is found would be told again only a minute later.
SETTINGS = {"storage.tsdb.retention.time": "30d", "rules.alert.resend-delay": "1s"}
BARE = {"web.enable-admin-api": None}  # as one that was started without the flags it needs
# It scrapes itself, too, under the address that the shipped file gives it; and a loaded machine may
# need longer than a shortened scrape is given.
OWN_EDITS = [("prometheus.yml", "localhost:9090", "127.0.0.1:{port}"),
             ("prometheus.yml", r"scrape_interval: \d+ms\n( +)scrape_timeout: \d+ms",
              r"scrape_interval: 3s\n\1scrape_timeout: 3s")]


def render(folder, *options, times=10):
    """The folder with everything in it, as shipped but with times that are so many times shorter."""
    client_program.run("monitoring", "render", "--shorten", times, "--out", folder, *options)
    return folder


def edited(rendered, edits):
    """The texts of the files under prometheus/, by name."""
    texts = {path.name: path.read_text(encoding="utf-8")
             for path in (rendered / "prometheus").glob("*.yml")}
    for name, pattern, replacement in edits:
        changed = re.sub(pattern, replacement, texts[name])
        if changed == texts[name]:
            raise ValueError(f"{name} has no {pattern}")
        texts[name] = changed
    return texts


def webhook_edits(address, secret):
    """For an Alertmanager that tells a webhook at the address; `secret` is the file with its token."""
    return [("alertmanager.yml", r"127\.0\.0\.1:9095", address),
            ("alertmanager.yml", "/run/secrets/alertmanager-webhook-token", str(secret))]


class Prometheus(monitoring_servers.PrometheusServer):
    def __init__(self, rendered, edits=(), settings=None):
        texts = edited(rendered, [*OWN_EDITS, *edits])
        super().__init__(texts.pop("prometheus.yml"), SETTINGS if settings is None else settings, texts)

    def scrape_nothing(self):
        """From its next start on."""
        self.configuration = self.configuration.partition("scrape_configs:")[0]

    def wait_for(self, expression):
        """Until the query returns something."""
        return processes.wait_until(lambda: self.query(expression), WAIT_SECONDS, expression)

    def wait_for_targets(self):
        """Until a target of each job was scraped: before that nobody knows whether it answers."""
        jobs = {job["job_name"] for job in yaml.safe_load(self.configuration)["scrape_configs"]}

        def scraped():
            targets = self.get("/api/v1/targets", state="active")["data"]["activeTargets"]
            return jobs == {target["scrapePool"] for target in targets if target["health"] != "unknown"}
        processes.wait_until(scraped, WAIT_SECONDS, "the targets' first scrape")

    def wait_for_rules(self):
        """Until every rule was evaluated: before that a broken one looks well."""
        def evaluated():
            groups = self.get("/api/v1/rules")["data"]["groups"]
            return all(rule["health"] != "unknown" for group in groups for rule in group["rules"])
        processes.wait_until(evaluated, WAIT_SECONDS, "the rules' evaluation")


class Alertmanager(monitoring_servers.AlertmanagerServer):
    """Unless edits say otherwise, its webhook's secret is not there: nothing is delivered."""

    def __init__(self, rendered, edits=()):
        super().__init__(edited(rendered, edits)["alertmanager.yml"])

    def wait_for(self, name):
        """Until it holds the alert."""
        def holds():
            return [alert for alert in self.alerts() if alert["labels"]["alertname"] == name]
        return processes.wait_until(holds, WAIT_SECONDS, f"Alertmanager to hold {name}")
