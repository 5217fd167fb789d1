"""The dashboards are what Grafana's published types say that a dashboard is.

Of two versions: the one that docker-compose.yml starts, and a newer one. Nothing is exempted. What
the types leave open (which units there are, the options of a transformation) is in test_dashboards.py.
"""

import copy
import json

import pytest

import client_program
import monitoring_files as files
import typescript

VERSIONS = {"shipped": "grafana-schema-11", "newer": "@grafana/schema"}
DASHBOARDS = files.dashboards()


def panel(dashboard, kind):
    return next(each for each in dashboard["panels"] if each["type"] == kind)


def custom(dashboard, kind):
    return panel(dashboard, kind)["fieldConfig"]["defaults"]["custom"]


def override(dashboard, name, value):
    panel(dashboard, "table")["fieldConfig"]["overrides"] = [
        {"matcher": {"id": "byName", "options": "a"}, "properties": [{"id": name, "value": value}]}]


# What is done to a copy of a dashboard, and what the compiler must say then.
MISTAKES = {
    "a_unit_that_is_a_number": (
        lambda top: panel(top, "stat")["fieldConfig"]["defaults"].update(unit=5),
        "TS2322: Type 'number' is not assignable to type 'string'"),
    "an_unknown_property_of_the_dashboard": (lambda top: top.update(titel="x"), "'\"titel\"'"),
    "an_unknown_property_of_a_panel": (
        lambda top: panel(top, "stat").update(alert={}), "'\"alert\"'"),
    "an_unknown_option": (
        lambda top: panel(top, "timeseries")["options"].update(sparkline=True), "'\"sparkline\"'"),
    "an_unknown_custom_option": (
        lambda top: custom(top, "timeseries").update(lineWitdh=1), "'\"lineWitdh\"'"),
    "another_panels_option": (
        lambda top: panel(top, "table")["options"].update(graphMode="none"), "'\"graphMode\"'"),
    "an_unknown_property_of_a_query": (
        lambda top: panel(top, "stat")["targets"][0].update(query="up"), "'\"query\"'"),
    "a_wrong_word": (
        lambda top: custom(top, "timeseries").update(drawStyle="lines"), "\"lines\""),
    "a_wrong_number": (lambda top: top.update(graphTooltip=7), "Type '7' is not assignable"),
    "a_wrong_format_of_a_query": (
        lambda top: panel(top, "stat")["targets"][0].update(format="tables"), "\"tables\""),
    "a_number_as_text": (
        lambda top: panel(top, "stat")["gridPos"].update(h="8"),
        "Type 'string' is not assignable to type 'number'"),
    "a_variable_of_no_kind": (
        lambda top: top["templating"]["list"][1].update(type="queries"), "\"queries\""),
    "a_panel_of_no_kind": (lambda top: panel(top, "stat").update(type="stats"), "\"stats\""),
    "a_missing_property": (lambda top: top.pop("schemaVersion"),
                           "Property 'schemaVersion' is missing"),
    "a_missing_option": (lambda top: panel(top, "table")["options"].pop("showHeader"),
                         "Property 'showHeader' is missing"),
    "an_override_with_a_wrong_value": (
        lambda top: override(top, "custom.cellOptions", {"type": "color"}), "\"color\""),
    "an_override_of_nothing": (lambda top: override(top, "custom.cell", 1), "\"custom.cell\""),
}


def with_mistake(name):
    """A dashboard with a panel of each kind, spoilt."""
    dashboard = copy.deepcopy(DASHBOARDS["batchsql-integrity"])
    kinds = {each["type"]: each for each in reversed(dashboard["panels"])}
    dashboard["panels"] = list(kinds.values())
    MISTAKES[name][0](dashboard)
    return json.dumps(dashboard, indent=2)


def texts(folder):
    return {path.stem: files.text_of(path) for path in sorted(folder.glob("*.json"))}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    out = tmp_path_factory.mktemp("rendered") / "out"
    client_program.run("monitoring", "render", "--out", out, "--prefix", "prod_",
                       "--grafana-url", "https://g.example")
    return {f"rendered-{uid}": text for uid, text in texts(out / "grafana" / "dashboards").items()}


@pytest.fixture(scope="module", params=VERSIONS)
def told(request, rendered, tmp_path_factory):
    """What the compiler says. One run takes seconds, so there is one for all files of a version."""
    folder = tmp_path_factory.mktemp("types") / request.param
    sources = {**texts(files.GRAFANA / "dashboards"), **rendered,
               **{name: with_mistake(name) for name in MISTAKES}}
    return typescript.errors(folder, VERSIONS[request.param], sources)


@pytest.mark.parametrize("uid", sorted(DASHBOARDS))
def test_a_dashboard_has_grafanas_types(told, uid):
    assert told[uid] == []


@pytest.mark.parametrize("uid", sorted(DASHBOARDS))
def test_a_rendered_dashboard_has_grafanas_types(told, uid):
    assert told[f"rendered-{uid}"] == []


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told(told, name):
    assert MISTAKES[name][1] in "\n".join(told[name])


def test_the_shipped_version_is_the_one_that_is_started():
    image = files.read_yaml(files.ROOT / "docker-compose.yml")["services"]["grafana"]["image"]
    package = json.loads(files.text_of(typescript.TYPES / "package.json"))
    wanted = package["dependencies"][VERSIONS["shipped"]]
    assert wanted == "npm:@grafana/schema@" + image.partition(":")[2]
