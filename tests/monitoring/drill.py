"""Rules and Alertmanager's configuration for a drill: as shipped, but every time a few times shorter.

A copy is rendered; the files stay as they are.
"""

import re

import monitoring_files as files

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


def rule_files(times):
    """name → text of each rule file: durations and ages divided by `times`, at least a second."""
    rendered = {}
    for name in ("alert_rules.yml", "recording_rules.yml"):
        lines = []
        for line in (files.PROMETHEUS / name).read_text(encoding="utf-8").splitlines():
            prose = re.match(r"\s*(#|summary:|description:)|.*\.$", line)
            if not prose:
                line = _shorten_times(line, times)
                for pattern in (_AGE, _PREDICTION):
                    line = pattern.sub(lambda m: m[1] + str(_shorter(int(m[2]), times)), line)
            lines.append(line)
        rendered[name] = "\n".join(lines) + "\n"
    return rendered


def alertmanager(webhook_url, times):
    """The shipped configuration with this webhook, a secret file beside it, and shorter waits."""
    text = (files.PROMETHEUS / "alertmanager.yml").read_text(encoding="utf-8")
    text = text.replace("http://127.0.0.1:9095", webhook_url)
    text = text.replace("/run/secrets/", "")
    return re.sub(r"(?m)^(\s+(?:group_wait|group_interval|repeat_interval): )(\w+)$",
                  lambda line: line[1] + ("0s" if line[2] == "0s" else _shorten_times(line[2], times)),
                  text)
