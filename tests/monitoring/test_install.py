"""`batchsql monitoring install`, against a server that answers as Grafana documents."""

import json

import pytest

import client_program
import grafana_stand_in
import monitoring_files as files


@pytest.fixture
def grafana():
    with grafana_stand_in.GrafanaStandIn() as running:
        yield running


@pytest.fixture
def token(tmp_path):
    path = tmp_path / "token"
    path.write_text("grafana-token\n", encoding="utf-8")
    return path


def install(grafana, *options, status=0):
    return client_program.run("monitoring", "install", "--grafana-url", grafana.url, *options, status=status)


def test_the_stand_in_refuses_a_bare_dashboard_as_grafana_does():
    bare = json.dumps(files.dashboards()["batchsql-overview"])
    with grafana_stand_in.GrafanaStandIn() as grafana:
        status, _ = grafana.call("POST", "/api/dashboards/db", "Bearer grafana-token", bare)
    assert status == 400 and not grafana.dashboards


def test_dashboards_are_posted_with_token_overwrite_and_folder(grafana, token):
    output, _ = install(grafana, "--token-file", token)
    assert output.splitlines()[-1] == "install: dashboards=3"
    assert grafana.folders == {"batchsql": "BatchSQL"}  # the uid of the provisioned one
    posts = [(authorization, json.loads(body)) for method, path, authorization, body in grafana.requests
             if (method, path) == ("POST", "/api/dashboards/db")]
    assert len(posts) == 3
    for authorization, body in posts:
        assert authorization == "Bearer grafana-token"
        assert body["overwrite"] is True and body["folderUid"] == "batchsql"
        assert body["dashboard"] == {**files.dashboards()[body["dashboard"]["uid"]], "id": None}
    assert f"{grafana.url}/d/batchsql-overview/name" in output


def test_again_writes_over_what_is_there(grafana, token):
    install(grafana, "--token-file", token)
    grafana.dashboards["batchsql-overview"]["dashboard"]["title"] = "changed by hand"
    install(grafana, "--token-file", token)
    assert grafana.dashboards["batchsql-overview"]["dashboard"]["title"] == "BatchSQL overview"
    assert len(grafana.folders) == 1


def test_a_user_and_a_password_do_too(grafana, tmp_path):
    (tmp_path / "password").write_text(grafana_stand_in.PASSWORD, encoding="utf-8")
    install(grafana, "--user", "admin", "--password-file", tmp_path / "password", "--folder", "Mine")
    assert list(grafana.folders.values()) == ["Mine"] and len(grafana.dashboards) == 3


def test_prefix_and_environment_reach_the_dashboards(grafana, token):
    install(grafana, "--token-file", token, "--prefix", "prod_", "--environment", "prod")
    assert set(grafana.dashboards) == {f"{uid}-prod" for uid in files.dashboards()}
    for saved in grafana.dashboards.values():
        assert "prod_batchsql_" in json.dumps(saved) and "(prod)" in saved["dashboard"]["title"]


def test_a_configuration_and_an_environment_are_enough(grafana, token, tmp_path):
    config = tmp_path / "batchsql.yaml"
    config.write_text("targets: [{kind: mysql, dsn: 'mysql://u:${NO_SUCH_SECRET}@h/d'}]\n"
                      f"environments: {{prod: {{metrics_prefix: prod_, grafana_url: '{grafana.url}/'}}, dev: }}\n",
                      encoding="utf-8")

    def by_file(*options, status=0):
        return client_program.run("monitoring", "install", "--config", config, "--token-file", token, *options,
                                  status=status)
    for nowhere in ((), ("--environment", "dev")):
        _, error = by_file(*nowhere, status=2)
        assert "grafana_url" in error and "BATCHSQL_ENV" in error
    assert not grafana.requests
    by_file("--environment", "prod")
    by_configuration = dict(grafana.dashboards)
    grafana.dashboards.clear()
    install(grafana, "--token-file", token, "--prefix", "prod_", "--environment", "prod")
    assert grafana.dashboards == by_configuration and "batchsql-overview-prod" in by_configuration


def test_who_is_not_known_is_told(grafana, tmp_path):
    _, error = install(grafana, status=3)
    assert "401" in error and "Unauthorized" in error
    (tmp_path / "token").write_text("a-wrong-token", encoding="utf-8")
    _, error = install(grafana, "--token-file", tmp_path / "token", status=3)
    assert "401" in error and "a-wrong-token" not in error
    assert not grafana.dashboards


def test_what_grafana_refuses_is_told(token):
    with grafana_stand_in.GrafanaStandIn(provisioned=["batchsql-overview"]) as grafana:
        _, error = install(grafana, "--token-file", token, status=3)
        assert "400" in error and "Cannot save provisioned dashboard" in error
        grafana.broken = 503
        _, error = install(grafana, "--token-file", token, status=3)
        assert "503" in error and "out of order" in error


def test_a_grafana_that_is_not_there_is_told(token):
    with grafana_stand_in.GrafanaStandIn() as grafana:
        pass
    _, error = install(grafana, "--token-file", token, status=3)
    assert "no answer" in error and grafana.url in error


@pytest.mark.parametrize("options", [("--token-file", "/nonexistent/token"), ("--password-file", "/dev/null"),
                                     ("--user", "admin"), ("--user", "admin", "--password-file", "/dev/null")])
def test_half_a_login_is_refused(grafana, options):
    install(grafana, *options, status=2)
    assert not grafana.requests
