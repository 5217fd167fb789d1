"""`batchsql monitoring backup|restore`: a real Prometheus, and a server that answers as Grafana."""

import json

import pytest

import client_program
import grafana_stand_in
import stack


@pytest.fixture
def rendered(tmp_path):
    return stack.render(tmp_path / "rendered")


@pytest.fixture
def token(tmp_path):
    path = tmp_path / "token"
    path.write_text("grafana-token", encoding="utf-8")
    return path


def back_up(prometheus, folder, status=0, data=None):
    return client_program.run("monitoring", "backup", "--prometheus-url", prometheus.url, "--prometheus-data",
                              data or prometheus.data, "--out", folder, status=status)


def restore(data, folder, status=0):
    return client_program.run("monitoring", "restore", "--prometheus-data", data, "--from", folder,
                              status=status)


def owners(folder):
    return {(path.stat().st_uid, path.stat().st_gid) for path in folder.rglob("*")}


def test_prometheus_comes_back_with_what_it_had(rendered, tmp_path):
    """Samples of before are there, and what it held since is kept aside."""
    series = 'prometheus_build_info{job="prometheus"}'
    with stack.Prometheus(rendered) as prometheus:
        prometheus.wait_for(f"count_over_time({series}[1h]) > 2")
        output, _ = back_up(prometheus, tmp_path / "backup")
        assert output.startswith("backup: prometheus=2") and output.endswith(" dashboards=-\n")
        assert list((tmp_path / "backup" / "prometheus").iterdir())
        assert not list((prometheus.data / "snapshots").iterdir())
        newest = prometheus.query(f"timestamp({series})")[0][1]
        _, error = restore(prometheus.data, tmp_path / "backup", status=3)
        assert "is running" in error and not (prometheus.data / "before-restore").exists()
        prometheus.stop()
        before = {path.name for path in prometheus.data.iterdir()}
        owner = owners(prometheus.data)
        restore(prometheus.data, tmp_path / "backup")
        assert before <= {path.name for path in (prometheus.data / "before-restore").iterdir()}
        assert owners(prometheus.data) == owner
        prometheus.scrape_nothing()  # what it has then is what was restored
        prometheus.start()
        ((_, seen),) = prometheus.wait_for(f"last_over_time(timestamp({series})[1h:1s])")
        assert seen <= newest
        prometheus.stop()
        _, error = restore(prometheus.data, tmp_path / "backup", status=3)
        assert "before-restore" in error


def test_a_backup_never_goes_over_another(rendered, tmp_path):
    with stack.Prometheus(rendered) as prometheus:
        back_up(prometheus, tmp_path / "backup")
        _, error = back_up(prometheus, tmp_path / "backup", status=3)
        assert "is there already" in error


def test_a_prometheus_without_its_admin_api_is_told(rendered, tmp_path):
    with stack.Prometheus(rendered, settings=stack.BARE) as prometheus:
        _, error = back_up(prometheus, tmp_path / "backup", status=3)
        assert "admin APIs disabled" in error


def test_another_data_folder_is_noticed(rendered, tmp_path):
    with stack.Prometheus(rendered) as prometheus:
        _, error = back_up(prometheus, tmp_path / "backup", status=3, data=tmp_path)
        assert "data folder" in error and not (tmp_path / "backup").exists()


def test_dashboards_come_back_into_their_folders(tmp_path, token):
    """Those that were made by hand, with their folder; the provisioned ones are left to their files."""
    login = ("--token-file", token)
    with grafana_stand_in.GrafanaStandIn() as grafana:
        client_program.run("monitoring", "install", "--grafana-url", grafana.url, *login)
        grafana.folders["mine"] = "Mine"
        by_hand = {"uid": "by-hand", "id": 7, "title": "数据", "panels": []}
        grafana.dashboards["by-hand"] = {"dashboard": by_hand, "folderUid": "mine"}
        grafana.dashboards["loose"] = {"dashboard": {**by_hand, "uid": "loose"}, "folderUid": ""}
        grafana.provisioned = {"batchsql-overview"}
        output, _ = client_program.run("monitoring", "backup", "--grafana-url", grafana.url, *login,
                                       "--out", tmp_path)
        assert output == "backup: prometheus=- dashboards=5\n"
    saved = json.loads((tmp_path / "grafana" / "by-hand.json").read_text(encoding="utf-8"))
    assert saved["dashboard"] == by_hand
    with grafana_stand_in.GrafanaStandIn() as grafana:
        output, _ = client_program.run("monitoring", "restore", "--grafana-url", grafana.url, *login,
                                       "--from", tmp_path)
        assert output.splitlines() == ["left out, Grafana has it from a file: batchsql-overview",
                                       "restore: prometheus=- dashboards=4"]
        assert grafana.folders == {"batchsql": "BatchSQL", "mine": "Mine"}
        assert grafana.dashboards["by-hand"]["folderUid"] == "mine"
        assert grafana.dashboards["loose"]["folderUid"] == ""
        assert grafana.dashboards["by-hand"]["dashboard"]["title"] == "数据"


def test_a_configuration_tells_where_grafana_is(tmp_path, token, monkeypatch):
    with grafana_stand_in.GrafanaStandIn() as grafana:
        config = tmp_path / "batchsql.yaml"
        config.write_text(f"environments: {{prod: {{grafana_url: '{grafana.url}'}}}}\n", encoding="utf-8")
        options = ("--config", config, "--environment", "prod", "--token-file", token)
        client_program.run("monitoring", "install", *options)
        output, _ = client_program.run("monitoring", "backup", *options, "--out", tmp_path / "copy")
        assert output == "backup: prometheus=- dashboards=3\n"
        had = dict(grafana.dashboards)
        grafana.dashboards.clear()
        output, _ = client_program.run("monitoring", "restore", *options, "--from", tmp_path / "copy")
        assert output == "restore: prometheus=- dashboards=3\n" and set(grafana.dashboards) == set(had)
    monkeypatch.setenv("BATCHSQL_ENV", "prod")
    for command in (("backup", "--out"), ("restore", "--from")):
        _, error = client_program.run("monitoring", command[0], *options[:2], "--environment", "test",
                                      command[1], tmp_path / "other", status=2)
        assert "no environment test" in error  # the flag counts more
    _, error = client_program.run("monitoring", "backup", *options[2:], "--out", tmp_path / "other", status=2)
    assert "--environment, or BATCHSQL_ENV, selects one of a file's environments: it needs --config" in error


def test_a_uid_that_is_a_path_is_refused(tmp_path, token):
    with grafana_stand_in.GrafanaStandIn() as grafana:
        grafana.dashboards["../escape"] = {"dashboard": {"uid": "../escape", "title": "t"}, "folderUid": ""}
        _, error = client_program.run("monitoring", "backup", "--grafana-url", grafana.url, "--token-file",
                                      token, "--out", tmp_path / "backup", status=3)
        assert "is no uid" in error and not (tmp_path / "escape.json").exists()


@pytest.mark.parametrize("options", [(), ("--prometheus-url", "http://127.0.0.1:1"), ("--prometheus-data", "x")])
def test_a_backup_of_nothing_is_wrong_use(tmp_path, options):
    client_program.run("monitoring", "backup", "--out", tmp_path / "backup", *options, status=2)
    assert not (tmp_path / "backup").exists()
