"""The container files have the form that compose takes, and paths, ports and names in them agree.
No image is pulled or built here."""

import os
import re
import subprocess

import pytest

import monitoring_files as files

COMPOSE = files.read_yaml(files.ROOT / "docker-compose.yml")
SERVICES = COMPOSE["services"]
DOCKERFILE = (files.ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
EXAMPLE = (files.ROOT / ".env.example").read_text(encoding="utf-8")
SECRETS = ("PASSWORD", "TOKEN", "GRAFANA_USER")
# A line of `dpkg-query -S` about a library of this architecture.
OWNER = re.compile(r"^([^:\n]+):.*: (?:/usr)?/lib/\w+-linux-gnu/[^/\n]+$", re.M)
# Come with the base image; the last three with sanitizers, which no image has.
IMPLIED = {"libc6", "libgcc-s1", "libasan8", "libubsan1", "libtsan2"}


def mounts():
    """(service, source, target) of every volume."""
    return [(name, *volume.split(":")[:2]) for name, service in SERVICES.items()
            for volume in service.get("volumes", [])]


def mounted_at(service, target):
    """The path in the repository that a service sees at `target`."""
    for name, source, place in mounts():
        if name == service and source.startswith("./") and f"{target}/".startswith(f"{place}/"):
            return files.ROOT / source / os.path.relpath(target, place)
    raise AssertionError(f"{service} mounts nothing at {target}")


def stage(number):
    return re.split(r"^FROM ", DOCKERFILE, flags=re.M)[number + 1]


def installed(number):
    """The packages that a stage of the Dockerfile installs."""
    listed = re.search(r"--no-install-recommends \\\n(.*?) && \\\n", stage(number), re.S).group(1)
    return set(listed.replace("\\", " ").split())


def packages_of_dev():
    listed = files.text_of(files.ROOT / "dev").partition("packages() {")[2]
    return set(re.findall(r"^([a-z0-9][a-z0-9.+-]+) *(?:#.*)?$", listed, re.M))


def test_the_stack_is_complete():
    assert set(SERVICES) == {
        "batchsqld", "postgres", "mysql", "prometheus", "alertmanager", "grafana"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_is_pinned_and_published_on_loopback_only(name):
    service = SERVICES[name]
    if "build" in service:
        assert (files.ROOT / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    else:
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+(\.\d+)?(-\w+)?", service["image"])
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:")


@pytest.mark.parametrize("mount", mounts(), ids=lambda mount: f"{mount[0]}{mount[2]}")
def test_what_is_mounted_exists(mount):
    _, source, _ = mount
    if source.startswith("./"):
        assert (files.ROOT / source).exists()
    else:
        assert source in COMPOSE["volumes"]


def test_passwords_come_from_the_environment_and_have_no_default():
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if any(word in name for word in SECRETS) or name == "GF_SECURITY_ADMIN_USER":
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), name


def test_the_example_names_every_variable_and_holds_no_value():
    used = set(re.findall(r"\$\{(\w+)", files.text_of(files.ROOT / "docker-compose.yml")))
    named = dict(re.findall(r"^(\w+)=(.*)$", EXAMPLE, re.M))
    assert set(named) == used
    assert set(named.values()) == {""}


def test_secrets_are_not_committed():
    ignored = (files.ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert {"/.env", "/deploy/secrets/"} <= set(ignored)
    for secret in COMPOSE["secrets"].values():
        assert secret["file"].startswith("./deploy/secrets/")


def test_alertmanager_finds_its_secrets():
    config = mounted_at("alertmanager", "/etc/alertmanager/alertmanager.yml")
    given = {f"/run/secrets/{secret}" for secret in SERVICES["alertmanager"]["secrets"]}
    assert {webhook["http_config"]["authorization"]["credentials_file"]
            for receiver in files.read_yaml(config)["receivers"]
            for webhook in receiver["webhook_configs"]} == given
    assert set(SERVICES["alertmanager"]["secrets"]) == set(COMPOSE["secrets"])


def test_prometheus_finds_its_files_its_daemon_and_keeps_30_days():
    command = SERVICES["prometheus"]["command"]
    for flag in ("--storage.tsdb.retention.time=30d", "--storage.tsdb.retention.size=10GB",
                 "--web.enable-admin-api"):
        assert flag in command
    path = next(flag.partition("=")[2] for flag in command if flag.startswith("--config.file="))
    config = files.read_yaml(mounted_at("prometheus", path))
    for rule_file in config["rule_files"]:
        assert mounted_at("prometheus", f"/etc/prometheus/{rule_file}").is_file()
    known = {f"{name}:{port.rsplit(':', 1)[1]}" for name, service in SERVICES.items()
             for port in service.get("ports", [])} | {"localhost:9090"}
    parts = config["scrape_configs"] + config["alerting"]["alertmanagers"]
    groups = [group for part in parts for group in part["static_configs"]]
    assert {target for group in groups for target in group["targets"]} <= known


def test_grafana_finds_its_files_and_sources():
    provider = files.read_yaml(
        mounted_at("grafana", "/etc/grafana/provisioning/dashboards/batchsql.yml"))["providers"][0]
    folder = mounted_at("grafana", provider["options"]["path"])
    assert {path.stem for path in folder.glob("*.json")} == set(files.dashboards())
    provisioned = mounted_at("grafana", "/etc/grafana/provisioning/datasources/prometheus.yml")
    for source in files.read_yaml(provisioned)["datasources"]:
        host, port = re.fullmatch(r"http://(\w+):(\d+)", source["url"]).groups()
        assert f"127.0.0.1:{port}:{port}" in SERVICES[host]["ports"]
    served = mounted_at("grafana", "/usr/share/grafana/public/docs/runbooks")
    assert served.resolve() == files.RUNBOOKS


def test_the_daemon_takes_its_configuration():
    path = mounted_at("batchsqld", "/etc/batchsql/batchsqld.yaml")
    folder = os.environ.get("BATCHSQL_BIN_DIR") or str(files.ROOT / "build" / "bin")
    variables = {name: "Secret1" if "PASSWORD" in name else "plain"
                 for name in SERVICES["batchsqld"]["environment"]}
    done = subprocess.run([f"{folder}/batchsqld", "--config", str(path), "--check"], text=True,
                          capture_output=True, timeout=60, env={**os.environ, **variables})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Secret1" not in done.stdout + done.stderr and "test_name=plain" in done.stdout
    config = files.read_yaml(path)
    published = {port.rsplit(":", 1)[1] for port in SERVICES["batchsqld"]["ports"]}
    assert {config[kind]["listen"].rsplit(":", 1)[1] for kind in ("grpc", "http")} == published


def test_the_image_builds_on_debian_12_and_runs_as_nobody_special():
    assert [stage(number).split()[0] for number in (0, 1)] == ["debian:bookworm-slim"] * 2
    assert "# syntax" not in DOCKERFILE  # would ask a registry
    final = stage(1)
    assert re.search(r"^USER 10001$", final, re.M) and "--uid 10001" in final
    assert re.search(r"^VOLUME /var/lib/batchsql$", final, re.M)
    assert "install -d -m 0700 -o batchsql -g batchsql /var/lib/batchsql" in final
    assert re.search(r"^HEALTHCHECK .*\\\n.*/healthz", final, re.M)
    for source in re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.M):
        assert (files.ROOT / source).exists()


def test_the_image_builds_with_packages_that_setup_knows():
    assert installed(0) <= packages_of_dev()
    missing = {name for name in packages_of_dev() if name.endswith("-dev")} - installed(0)
    assert missing <= {"libclang-rt-14-dev"}


def with_dependencies(packages):
    """The packages and all that they depend on, as this machine's packages say."""
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Package}\t${Depends}, ${Pre-Depends}\n"], text=True,
                          capture_output=True, check=True, timeout=60)
    needs = dict(line.split("\t") for line in done.stdout.splitlines())
    found, waiting = set(), set(packages)
    while waiting:
        package = waiting.pop()
        found.add(package)
        waiting |= set(re.findall(r"[a-z0-9][a-z0-9+.-]+(?=[ ,:|]|$)", re.sub(r"\([^)]*\)", "",
                                  needs.get(package, "")))) - found
    return found


def test_the_image_has_the_libraries_that_the_programs_need():
    folder = os.environ.get("BATCHSQL_BIN_DIR") or str(files.ROOT / "build" / "bin")
    done = subprocess.run(["readelf", "-d", f"{folder}/batchsqld", f"{folder}/batchsql"], text=True,
                          capture_output=True, check=True, timeout=60)
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", done.stdout))
    owners = set()
    for library in needed:
        found = subprocess.run(["dpkg-query", "-S", f"*/{library}"], text=True,
                               capture_output=True, timeout=60)
        assert found.returncode == 0, f"no package has {library}"
        owners |= set(OWNER.findall(found.stdout))
    # A build without optimization names libraries that others bring.
    there = with_dependencies(installed(1))
    assert owners - IMPLIED <= there, owners - IMPLIED - there
