"""Every alert leads to a page that exists, and every page names commands that exist."""

import functools
import os
import re
import subprocess
import urllib.parse

import pytest

import monitoring_files as files

ALERTS = files.alerts()
PAGES = sorted(page for page in files.RUNBOOKS.glob("*.md") if page.name != "README.md")
ALL_PAGES = sorted((files.ROOT / "docs").rglob("*.md"))
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")
SECTIONS = ("Meaning", "Impact", "Confirm", "What to do")
COMMAND = re.compile(r"(?:^ *|`)(batchsql [^`#\n]*)", re.M)


def program(name):
    folder = os.environ.get("BATCHSQL_BIN_DIR") or str(files.ROOT / "build" / "bin")
    return os.path.join(folder, name)


@functools.lru_cache(maxsize=None)
def help_of(*words):
    done = subprocess.run([program("batchsql"), *words, "--help"], text=True, capture_output=True,
                          timeout=20)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def subcommands(text):
    return re.findall(r"^  (\w+) {2,}\S", text.partition("Subcommands:")[2], re.M)


def needs_subcommand(text):
    """Not where one is only possible, as of `batchsql tables`."""
    return re.search(r"^Usage: .* SUBCOMMAND$", text, re.M) is not None


def problem_of_command(line):
    """Why the client would refuse a command line; None when it would not, as far as words tell."""
    words = line.split(">")[0].split()[1:]
    path = []
    while words and words[0] in subcommands(help_of(*path)):
        path.append(words.pop(0))
    if not path or needs_subcommand(help_of(*path)):
        return f"no command: {line}"
    known = help_of(*path)
    options = [word for word in words if word.startswith("--")]
    unknown = [option for option in options if not re.search(rf"{option}\b", known)]
    return f"no option {unknown}: {line}" if unknown else None


def commands():
    """(page, command line) of every use of the client in a runbook."""
    return [(page.name, line.strip()) for page in PAGES
            for line in COMMAND.findall(page.read_text(encoding="utf-8"))]


def target_of(url):
    """The page and anchor that an address on the shipped Grafana stands for."""
    address = urllib.parse.urlparse(url)
    assert f"{address.scheme}://{address.netloc}" == files.GRAFANA_URL
    assert address.path.startswith("/public/docs/runbooks/")
    return files.ROOT / address.path.removeprefix("/public/"), address.fragment


@pytest.mark.parametrize("name", sorted(ALERTS))
def test_the_runbook_url_is_a_heading_that_exists(name):
    page, anchor = target_of(ALERTS[name]["annotations"]["runbook_url"])
    assert page.name == f"{name}.md" and page.is_file()
    assert anchor in files.heading_anchors(page)


def test_grafanas_own_alert_leads_to_a_page_too():
    for rule in files.grafana_alert_rules():
        page, anchor = target_of(rule["annotations"]["runbook_url"])
        assert anchor in files.heading_anchors(page)


@pytest.mark.parametrize("name", sorted(ALERTS))
def test_the_dashboard_url_is_a_panel_that_exists(name):
    address = urllib.parse.urlparse(ALERTS[name]["annotations"]["dashboard_url"])
    assert f"{address.scheme}://{address.netloc}" == files.GRAFANA_URL
    dashboard = files.dashboards()[address.path.removeprefix("/d/")]
    query = urllib.parse.parse_qs(address.query)
    for panel in query.get("viewPanel", []):
        assert int(panel) in {each["id"] for each in dashboard["panels"]}
    for variable in (key.removeprefix("var-") for key in query if key.startswith("var-")):
        assert variable in files.variables(dashboard)


def test_there_is_a_page_for_each_alert_and_no_other():
    alerts = set(ALERTS) | files.daemon_alerts()
    assert len(files.daemon_alerts()) == 3
    assert {page.stem for page in PAGES} == alerts
    index = (files.RUNBOOKS / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\((\w+)\.md\)", index)) == alerts


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_its_sections(page):
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {page.stem}\n")
    assert tuple(re.findall(r"^## (.*)$", text, re.M)) == SECTIONS
    assert "```promql" in text.partition("## Confirm")[2].partition("## What to do")[0]


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.stem)
def test_links_between_pages_resolve(page):
    for path, anchor in LINK.findall(files.text_of(page)):
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), path
        assert not anchor or anchor in files.heading_anchors(linked), f"{path}#{anchor}"


@pytest.mark.parametrize("page,line", commands(), ids=lambda text: text)
def test_a_command_exists(page, line):
    assert problem_of_command(line) is None


@pytest.mark.parametrize("line", [
    "batchsql dlq", "batchsql replay --table t", "batchsql dlq replay --everything"])
def test_a_command_that_does_not_exist_is_seen(line):
    assert problem_of_command(line)
