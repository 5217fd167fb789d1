"""The dashboards and Grafana's provisioning files have the form that its documentation gives."""

import json
import re
import subprocess

import jsonschema
import pytest
import yaml

import metric_names
import monitoring_files as files
import promql_shape

DASHBOARDS = files.dashboards()
PANELS = [(uid, panel) for uid, dashboard in DASHBOARDS.items()
          for panel in files.panels(dashboard)]
EXPRESSIONS = files.panel_expressions() + files.grafana_alert_expressions()
FILTERS = ("env", "database", "table", "test_name")
PROVISIONING = files.GRAFANA / "provisioning"
SCHEMAS = files.ROOT / "tests" / "monitoring" / "schemas"
# Grafana's identifiers of units (packages/grafana-data/src/valueFormats), as far as used.
UNITS = {"none", "short", "percent", "percentunit", "bytes", "Bps", "s", "ms", "ops", "reqps",
         "rowsps"}


def panel_name(case):
    return f"{case[0]}:{case[1]['title']}"


def rate_windows(expression):
    return [window for _, argument in promql_shape.calls(expression)
            for window in re.findall(r"\[([^\]]+)\]", argument)]


def test_there_are_the_three_of_the_contract():
    assert set(DASHBOARDS) == {"batchsql-overview", "batchsql-integrity", "batchsql-performance"}
    for uid in DASHBOARDS:
        assert (files.GRAFANA / "dashboards" / f"{uid}.json").is_file()


@pytest.mark.parametrize("uid", sorted(DASHBOARDS))
def test_a_dashboard_can_be_provisioned_and_posted(uid):
    dashboard = DASHBOARDS[uid]
    assert "id" not in dashboard and dashboard["schemaVersion"] >= 39
    assert dashboard["title"] and dashboard["description"]
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("uid", sorted(DASHBOARDS))
def test_a_dashboard_has_its_variables(uid):
    variables = files.variables(DASHBOARDS[uid])
    assert list(variables) == ["datasource", *FILTERS]
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    assert variables["datasource"]["current"]["value"] == files.DATASOURCE_UID
    for name in FILTERS:
        variable = variables[name]
        assert variable["includeAll"] and variable["multi"]
        assert variable["allValue"] == ".*"  # also series without the label
        assert variable["datasource"]["uid"] == "${datasource}"


@pytest.mark.parametrize("uid", sorted(DASHBOARDS))
def test_a_dashboard_links_to_the_others_and_the_runbooks(uid):
    urls = {link["url"] for link in DASHBOARDS[uid]["links"]}
    assert urls == {f"/d/{other}" for other in DASHBOARDS if other != uid} | {
        "/public/docs/runbooks/README.md"}


@pytest.mark.parametrize("uid", sorted(DASHBOARDS))
def test_panels_do_not_overlap(uid):
    taken = set()
    for panel in DASHBOARDS[uid]["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("case", PANELS, ids=panel_name)
def test_a_panel_is_complete(case):
    panel = case[1]
    assert len(panel["description"]) > 20
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert "alert" not in panel  # removed from Grafana: alerts are provisioned files
    assert panel["targets"]
    for part in (panel, *panel["targets"]):
        assert part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    references = [target["refId"] for target in panel["targets"]]
    assert len(references) == len(set(references))


@pytest.mark.parametrize("case", PANELS, ids=panel_name)
def test_a_share_is_multiplied_by_100_exactly_where_the_unit_is_per_cent(case):
    unit = case[1]["fieldConfig"]["defaults"]["unit"]
    for target in case[1]["targets"]:
        assert len(re.findall(r"\* 100\b", target["expr"])) == (1 if unit == "percent" else 0)


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=lambda each: each.where)
def test_an_expression_is_well_shaped(expression):
    assert promql_shape.problems(expression.text, metric_names.documented()) == []


@pytest.mark.parametrize("expression", files.panel_expressions(), ids=lambda each: each.where)
def test_a_rate_looks_back_as_far_as_grafana_says(expression):
    allowed = {"$__rate_interval", "$__range"}
    for window in rate_windows(expression.text):
        fixed = "5 minutes" in expression.panel["description"] or window == "1h"
        assert fixed or window in allowed, window


@pytest.mark.parametrize("expression", files.panel_expressions(), ids=lambda each: each.where)
def test_an_expression_is_filtered_by_every_label_that_its_series_have(expression):
    metrics = metric_names.documented()
    for name, braces in promql_shape.selectors(expression.text):
        if not name.startswith("batchsql_"):
            continue
        labels = metrics[metric_names.family(name, metrics)].labels
        for label in ("env", *(label for label in FILTERS if label in labels)):
            assert f'{label}=~"${label}"' in braces, f"{name} without {label}"


def test_prometheus_takes_every_expression(tmp_path):
    expressions = EXPRESSIONS + files.documented_expressions()
    rules = [{"record": f"check:{number}", "expr": files.substituted(each.text)}
             for number, each in enumerate(expressions)]
    (tmp_path / "all.yml").write_text(
        yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run(["promtool", "check", "rules", "--lint=none", str(tmp_path / "all.yml")],
                          text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_integrity_is_a_table_with_the_thresholds_of_the_contract():
    panel = DASHBOARDS["batchsql-integrity"]["panels"][0]
    assert panel["type"] == "table" and panel["fieldConfig"]["defaults"]["unit"] == "percent"
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [(step["color"], step["value"]) for step in steps] == [
        ("red", 0), ("yellow", 95), ("green", 99)]


@pytest.mark.parametrize("kind", ["datasources", "dashboards", "alerting"])
def test_provisioning_files_fit_their_schema(kind):
    schema = json.loads((SCHEMAS / f"{kind}.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    paths = sorted((PROVISIONING / kind).glob("*.yml"))
    assert paths
    for path in paths:
        jsonschema.Draft7Validator(schema).validate(files.read_yaml(path))


def test_data_sources_agree_everywhere():
    path = PROVISIONING / "datasources" / "prometheus.yml"
    uids = {source["uid"]: source for source in files.read_yaml(path)["datasources"]}
    prometheus = uids[files.DATASOURCE_UID]
    assert prometheus["type"] == "prometheus" and prometheus["isDefault"]
    assert uids[prometheus["jsonData"]["alertmanagerUid"]]["type"] == "alertmanager"
    for rule in files.grafana_alert_rules():
        for query in rule["data"]:
            assert query["datasourceUid"] in ("__expr__", *uids)
            assert query["model"]["datasource"]["uid"] == query["datasourceUid"]


def test_grafanas_alert_is_the_contracts_and_is_paused():
    (rule,) = files.grafana_alert_rules()
    (group,) = files.read_yaml(PROVISIONING / "alerting" / "data-integrity.yml")["groups"]
    query, reduced, threshold = rule["data"]
    assert rule["title"] == "数据完整性告警" and rule["isPaused"] is True
    assert (group["interval"], rule["for"]) == ("10s", "1m")
    assert (rule["noDataState"], rule["execErrState"]) == ("NoData", "Alerting")
    assert query["model"]["expr"] == "batchsql_data_integrity_rate * 100"
    assert reduced["model"]["reducer"] == "last"
    assert reduced["model"]["expression"] == query["refId"]
    assert threshold["model"]["expression"] == reduced["refId"]
    assert rule["condition"] == threshold["refId"]
    assert threshold["model"]["conditions"] == [{"evaluator": {"type": "lt", "params": [95]}}]
    panels = {panel["id"] for panel in DASHBOARDS[rule["dashboardUid"]]["panels"]}
    assert rule["panelId"] in panels
    assert rule["annotations"]["__dashboardUid__"] == rule["dashboardUid"]
    assert rule["annotations"]["__panelId__"] == str(rule["panelId"])
