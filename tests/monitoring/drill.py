"""Rules and Alertmanager's configuration for a drill: as shipped, but every time a few times shorter.

A copy is rendered; the files stay as they are.
"""

import json
import re

import monitoring_files as files

RULES = ("alert_rules.yml", "recording_rules.yml")
TOKEN = "drill-token"
_UNITS = {"s": 1, "m": 60, "h": 3600}
_TIME = re.compile(r"\b(\d+)([smh])\b")
# Ages that rows may reach, and how far a prediction looks ahead: seconds without a unit.
_AGE = re.compile(r"(_age_seconds\)? > )(\d+)")
_PREDICTION = re.compile(r"(\[\w+:\w+\], )(\d+)")


def _shorter(seconds, times):
    return max(1, round(seconds / times))


def _shorten_times(text, times):
    return _TIME.sub(
        lambda time: f"{_shorter(int(time[1]) * _UNITS[time[2]], times)}s", text)


def write_rules(folder, times):
    """Writes each rule file into the folder: durations and ages divided by `times`, at least 1 s."""
    for name in RULES:
        lines = []
        for line in (files.PROMETHEUS / name).read_text(encoding="utf-8").splitlines():
            prose = re.match(r"\s*(#|summary:|description:)|.*\.$", line)
            if not prose:
                line = _shorten_times(line, times)
                for pattern in (_AGE, _PREDICTION):
                    line = pattern.sub(lambda m: m[1] + str(_shorter(int(m[2]), times)), line)
            lines.append(line)
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def prometheus(folder, daemon, alertmanager):
    """A configuration that scrapes and evaluates each second. JSON is YAML."""
    return json.dumps({
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / name) for name in RULES],
        "alerting": {"alertmanagers": [
            {"static_configs": [{"targets": [alertmanager.url.removeprefix("http://")]}]}]},
        "scrape_configs": [{"job_name": "batchsql", "static_configs": [
            {"targets": [daemon.http_url.removeprefix("http://")]}]}]})


def alertmanager(webhook, folder, times):
    """The shipped configuration with this webhook, its secret in the folder, and shorter waits."""
    secret = folder / "token"
    secret.write_text(TOKEN, encoding="utf-8")
    text = (files.PROMETHEUS / "alertmanager.yml").read_text(encoding="utf-8")
    text = text.replace("127.0.0.1:9095", webhook)
    text = text.replace("/run/secrets/alertmanager-webhook-token", str(secret))
    return re.sub(r"(?m)^(\s+(?:group_wait|group_interval|repeat_interval): )([1-9]\w*)$",
                  lambda line: line[1] + _shorten_times(line[2], times), text)
