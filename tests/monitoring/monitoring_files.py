"""The monitoring files of the repository, read: rules, dashboards, their expressions."""

import dataclasses
import json
import pathlib
import re
from typing import Optional

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "prometheus"
GRAFANA = ROOT / "grafana"
RUNBOOKS = ROOT / "docs" / "runbooks"
GRAFANA_URL = "http://localhost:3000"  # as the shipped files have it; rendering replaces it
DATASOURCE_UID = "batchsql-prometheus"

# What Grafana puts in for a dashboard's variables, for whoever runs an expression without it.
VARIABLES = {"env": ".*", "database": ".*", "table": ".*", "test_name": ".*",
             "__rate_interval": "1m", "__range": "1h", "__interval": "15s"}


@dataclasses.dataclass(frozen=True)
class Expression:
    where: str
    text: str
    panel: Optional[dict] = None  # the dashboard's panel that holds it


def text_of(path):
    return path.read_text(encoding="utf-8")


def read_yaml(path):
    return yaml.safe_load(text_of(path))


def rules(name):
    """The rules of one file under prometheus/."""
    return [rule for group in read_yaml(PROMETHEUS / name)["groups"] for rule in group["rules"]]


def alerts():
    return {rule["alert"]: rule for rule in rules("alert_rules.yml")}


def daemon_alerts():
    """The names of the alerts that the daemon posts itself."""
    source = (ROOT / "server" / "alerts" / "alert_rules.cc").read_text(encoding="utf-8")
    return set(re.findall(r'return "(BatchSQL\w+)"', source))


def dashboards():
    """uid → dashboard."""
    found = [json.loads(path.read_text(encoding="utf-8"))
             for path in sorted((GRAFANA / "dashboards").glob("*.json"))]
    return {dashboard["uid"]: dashboard for dashboard in found}


def panels(dashboard):
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def variables(dashboard):
    return {variable["name"]: variable for variable in dashboard["templating"]["list"]}


def rule_expressions():
    return [Expression(f"{name}: {rule.get('alert') or rule['record']}", rule["expr"])
            for name in ("alert_rules.yml", "recording_rules.yml") for rule in rules(name)]


def panel_expressions():
    return [Expression(f"{uid}: {panel['title']}", target["expr"], panel)
            for uid, dashboard in dashboards().items()
            for panel in panels(dashboard) for target in panel["targets"]]


def variable_expressions():
    return [Expression(f"{uid}: variable {name}", variable["query"]["query"])
            for uid, dashboard in dashboards().items()
            for name, variable in variables(dashboard).items() if variable["type"] == "query"]


def grafana_alert_rules():
    found = []
    for path in sorted((GRAFANA / "provisioning" / "alerting").glob("*.yml")):
        found += [rule for group in read_yaml(path)["groups"] for rule in group["rules"]]
    return found


def grafana_alert_expressions():
    return [Expression(f"Grafana: {rule['title']}", query["model"]["expr"])
            for rule in grafana_alert_rules() for query in rule["data"] if "expr" in query["model"]]


def documented_expressions():
    """What stands in ```promql blocks of the docs, one expression a line."""
    found = []
    for path in sorted((ROOT / "docs").rglob("*.md")):
        for block in re.findall(r"^ *```promql\n(.*?)^ *```", text_of(path), re.S | re.M):
            found += [Expression(path.relative_to(ROOT).as_posix(), line.split("#")[0].strip())
                      for line in block.splitlines() if line.split("#")[0].strip()]
    return found


def all_expressions():
    return (rule_expressions() + panel_expressions() + variable_expressions() +
            grafana_alert_expressions() + documented_expressions())


def substituted(expression):
    """An expression of a panel with its variables put in: what Prometheus can run."""
    return re.sub(r"\$\{?(\w+)\}?", lambda match: VARIABLES[match.group(1)], expression)


def heading_anchors(page):
    """The anchors of a Markdown page's headings, as GitHub makes them."""
    anchors = set()
    for heading in re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M):
        text = re.sub(r"[^\w\- ]", "", heading.lower())
        anchors.add(text.replace(" ", "-"))
    return anchors
