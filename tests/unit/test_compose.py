"""The files of the cluster: compose file, image, settings, versions."""

import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from dockerfile_parse import DockerfileParser
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from glove_spark.spark.session import BLAS_THREADS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = Path(__file__).parents[2]
COMPOSE = PROJECT / "docker-compose.yml"
START = PROJECT / "conf" / "docker" / "start"
IMAGE_START = "/opt/glove_spark/conf/docker/start"
ROLES = {
    *("master", "worker", "history", "submit", "notebook", "airflow", "storage"),
    *("driver", "executor", "secret", "credentials", "copy", "healthy"),
}


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load(COMPOSE.read_text("utf-8"))["services"]


@pytest.fixture(scope="module")
def dockerfile(tmp_path_factory):
    # the parser opens its file for writing
    copy = tmp_path_factory.mktemp("image") / "Dockerfile"
    copy.write_text((PROJECT / "conf" / "docker" / "Dockerfile").read_text("utf-8"))
    return DockerfileParser(str(copy)).structure


@pytest.fixture(scope="module")
def pins():
    lines = (PROJECT / "conf" / "docker" / "constraints.txt").read_text("utf-8").splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.mark.parametrize("name", ["docker-compose.yml", "docker-compose.storage.yml"])
def test_compose_file_is_valid(name):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    found = subprocess.run([*command, str(PROJECT / name)], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr


def test_services_are_those_of_a_cluster(services):
    assert {"secret", "master", "worker", "history", "submit"} <= set(services)
    for name in ("secret", "master", "worker", "history", "submit"):
        service = services[name]
        assert service["image"] == "glove_spark:cluster"
        assert service["build"]["dockerfile"] == "conf/docker/Dockerfile"
        assert service["build"]["target"] == "cluster"
        if name not in ("secret", "submit"):
            assert service["healthcheck"]["test"][:3] == ["CMD", IMAGE_START, "healthy"]
            assert service["restart"] == "unless-stopped"


def test_commands_are_roles_of_the_start_script(services):
    roles = set(re.findall(r"^    (\w+)\)$", START.read_text("utf-8"), re.MULTILINE))
    assert roles == ROLES
    for name, service in services.items():
        words = [*service.get("entrypoint", [IMAGE_START]), *service["command"]]
        assert words[0] == IMAGE_START
        assert words[1] in roles
        assert name.startswith(words[1])


def test_web_pages_are_for_this_machine_alone(services):
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert len(ports) >= 2
    assert all(re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port) for port in ports)


def test_workers_scale(services):
    """A port or a name of its own would keep a second container from starting."""
    worker = services["worker"]
    assert worker["scale"] == "${WORKERS:-2}"
    assert not {"ports", "container_name", "hostname"} & set(worker)
    assert worker["environment"]["GLOVE_SPARK_PROXY"] == "true"


@pytest.mark.parametrize("limit", ["cap_drop", "security_opt", "read_only"])
def test_no_service_of_ours_has_more_rights_than_it_needs(services, limit):
    wanted = {"cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"], "read_only": True}
    for name, service in services.items():
        assert service[limit] == wanted[limit], name
        assert not {"privileged", "cap_add", "pid", "network_mode", "user"} & set(service), name


def test_the_folder_in_memory_asks_for_no_more_than_podman_can(services, dockerfile):
    """Podman knows no uid= there; both engines give it the mode that it has in the image."""
    for name, service in services.items():
        for folder in service["tmpfs"]:
            path, options = folder.split(":")
            assert options == "mode=1777", name
            users = [value for value in values(dockerfile, "RUN") if "useradd" in value]
            assert all(f"chmod 1777 {path}" in value for value in users)


def test_health_checks_ask_the_ports_that_the_services_open(services):
    for name, service in services.items():
        if "healthcheck" not in service:
            continue
        host, port = re.search(r"//([\w-]+):(\d+)/", service["healthcheck"]["test"][-1]).groups()
        # a worker's name is that of all workers
        assert host == ("localhost" if "scale" in service else name)
        variables = {key: str(value) for key, value in service["environment"].items()}
        assert any(value.endswith(port) for value in variables.values())
        if "scale" not in service:
            assert service["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_every_service_sees_the_shared_folder_and_the_secret_read_only(services):
    for name, service in services.items():
        if name != "secret":
            assert "shared:/shared" in service["volumes"]
            assert "secret:/secret:ro" in service["volumes"]
    assert services["secret"]["volumes"] == ["secret:/secret"]
    options = services["submit"]["command"]
    assert options[options.index("--input") + 1] == "/corpus"
    assert options[options.index("--output") + 1].startswith("/shared/")


def values(dockerfile, instruction):
    return [line["value"] for line in dockerfile if line["instruction"] == instruction]


def test_image_has_python_java_17_and_no_root(dockerfile, project, services):
    base = values(dockerfile, "ARG")[0].removeprefix("PYTHON_IMAGE=")
    python = re.fullmatch(r"python:(\d+\.\d+)-slim-bookworm", base).group(1)
    assert python in SpecifierSet(project["requires-python"])
    assert services["master"]["build"]["args"] == {"PYTHON_IMAGE": f"${{PYTHON_IMAGE:-{base}}}"}
    stages = [value.split(" AS ") for value in values(dockerfile, "FROM")]
    assert {source for source, _ in stages} <= {"${PYTHON_IMAGE}", *(name for _, name in stages)}
    assert any("openjdk-17-jre-headless" in value for value in values(dockerfile, "RUN"))
    assert all(int(user) > 0 for user in values(dockerfile, "USER"))
    assert values(dockerfile, "ENTRYPOINT") == [f'["{IMAGE_START}"]'] * 2


def test_image_copies_files_that_are_there_and_not_ignored(dockerfile):
    kept = {
        line[1:]
        for line in (PROJECT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    }
    copies = [value.split() for value in values(dockerfile, "COPY")]
    for *sources, _ in [words for words in copies if not words[0].startswith("--from=")]:
        for source in sources:
            assert (PROJECT / source).exists()
            assert source.split("/")[0] in kept


def needs_of_the_image(texts):
    """Parse those requirements that Python 3.11 on Linux has, without extras."""
    found = [Requirement(text) for text in texts]
    where = {"python_version": "3.11", "sys_platform": "linux", "extra": ""}
    return [each for each in found if each.marker is None or each.marker.evaluate(where)]


def test_versions_of_the_image_are_exact_and_allowed(pins, project):
    """The list holds what pyproject.toml needs and what that needs, and no more."""
    waiting, reached = needs_of_the_image(project["dependencies"]), set()
    while waiting:
        requirement = waiting.pop()
        assert Version(pins[requirement.name]) in requirement.specifier
        if requirement.name not in reached:
            reached.add(requirement.name)
            waiting += needs_of_the_image(metadata.requires(requirement.name) or [])
    assert set(pins) == reached


def settings_and_reasons():
    """Read spark-defaults.conf: each setting and the lines of comment above it."""
    found, reason = {}, ""
    for line in (PROJECT / "conf" / "spark-defaults.conf").read_text("utf-8").splitlines():
        if line.startswith("#"):
            reason += line[1:]
        elif not line:
            reason = ""
        else:
            key, value = line.split(maxsplit=1)
            found[key] = (value, reason)
    return found


def test_every_setting_of_spark_has_its_reason():
    found = settings_and_reasons()
    assert len(found) > 10
    for key, (value, reason) in found.items():
        assert key.startswith("spark.")
        assert len(reason.split()) >= 8, f"{key} {value}"
    assert found["spark.serializer"][0].endswith("KryoSerializer")
    assert found["spark.python.worker.reuse"][0] == "true"
    assert found["spark.eventLog.dir"][0] == found["spark.history.fs.logDirectory"][0]
    for name in BLAS_THREADS:
        assert found[f"spark.executorEnv.{name}"][0] == "1"


def test_start_refuses_other_roles():
    found = subprocess.run([START, "manager"], capture_output=True, text=True)
    assert found.returncode == 2
    assert "start: manager is none of master, worker, history, submit" in found.stderr
    assert set(found.stderr.strip().partition(" is none of ")[2].split(", ")) == ROLES


def test_start_refuses_to_go_without_a_secret(tmp_path):
    (tmp_path / "empty").touch()
    for name in ("missing", "empty"):
        environment = {"PATH": "/usr/bin:/bin", "GLOVE_SPARK_SECRET": str(tmp_path / name)}
        found = subprocess.run([START, "master"], env=environment, capture_output=True, text=True)
        assert found.returncode == 6
        assert re.search(
            rf"{name} holds no secret; make one by: start secret$", found.stderr.strip()
        )


def test_secret_is_random_kept_and_for_its_owner_alone(tmp_path):
    def make(folder):
        file = tmp_path / folder / "cluster"
        command = subprocess.run(
            [START, "secret"],
            env={"PATH": "/usr/bin:/bin", "GLOVE_SPARK_SECRET": str(file)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert command.stdout == command.stderr == ""
        assert file.stat().st_mode & 0o777 == 0o600
        return file.read_text()

    first = make("one")
    assert re.fullmatch("[0-9a-f]{64}", first)
    assert make("one") == first
    assert make("two") != first


def test_override_example_is_valid_and_changes_services_that_are_there(services):
    example = PROJECT / "docker-compose.override.example.yml"
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    found = subprocess.run([*command, str(example)], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr
    changed = yaml.safe_load(example.read_text("utf-8"))["services"]
    assert set(changed) <= set(services)
    for name, service in changed.items():
        assert set(service["environment"]) <= set(services[name]["environment"])


@pytest.fixture
def environment_like_the_images(tmp_path):
    packages = tmp_path / "lib" / "python3.12" / "site-packages"
    files = {
        "pyspark/jars/hive-exec-2.3.10-core.jar": False,
        "pyspark/jars/hive-storage-api-2.8.1.jar": True,
        "pyspark/jars/rocksdbjni-9.8.4.jar": False,
        "pyspark/jars/spark-core_2.13-4.3.0.jar": True,
        "pyspark/jars/kubernetes-client-7.6.1.jar": True,
        "pyspark/jars/netty-tcnative-boringssl-static-2.0.76.Final-osx-x86_64.jar": False,
        "pyspark/jars/netty-tcnative-boringssl-static-2.0.76.Final-linux-x86_64.jar": True,
        "pyspark/examples/src/pi.py": False,
        "pyarrow/libarrow_flight.so.2600": False,
        "pyarrow/libarrow_dataset.so.2600": True,
        "scipy/stats/tests/test_stats.py": False,
        "glove_spark/tests/ours.py": True,
    }
    for name in files:
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).touch()
    return tmp_path, {packages / name: kept for name, kept in files.items()}


def test_slim_takes_out_what_nothing_uses_and_no_more(environment_like_the_images):
    folder, files = environment_like_the_images
    subprocess.run([PROJECT / "conf" / "docker" / "slim", folder], check=True)
    assert {file: file.exists() for file in files} == files


CONSTRAINTS = PROJECT / "scripts" / "constraints.sh"
LISTS = ("conf/docker/constraints.txt", "conf/docker/notebook.txt", "conf/airflow/constraints.txt")


@pytest.mark.parametrize("file", LISTS)
def test_constraints_name_the_script_that_makes_them(file):
    head, *pins = (PROJECT / file).read_text("utf-8").splitlines()[1:]
    assert head == "#    scripts/constraints.sh"
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in pins)
    assert f":{file}" in CONSTRAINTS.read_text("utf-8")


@pytest.mark.slow
def test_constraints_are_current():
    found = subprocess.run([CONSTRAINTS, "--check"], capture_output=True, text=True)
    if found.returncode == 6:
        pytest.skip(f"no index of packages answers: {found.stderr[-300:]}")
    assert found.returncode == 0, found.stdout


@pytest.mark.slow
def test_constraints_that_are_not_current_are_told(tmp_path):
    (tmp_path / "scripts").mkdir()
    (tmp_path / ".venv").symlink_to(PROJECT / ".venv")
    shutil.copytree(PROJECT / "conf", tmp_path / "conf")
    shutil.copy(CONSTRAINTS, tmp_path / "scripts")
    text = (PROJECT / "pyproject.toml").read_text("utf-8")
    (tmp_path / "pyproject.toml").write_text(re.sub(r'"tabulate>=[\d.]+",', "", text, count=1))
    script = tmp_path / "scripts" / "constraints.sh"
    found = subprocess.run([script, "--check"], capture_output=True, text=True)
    if found.returncode == 6:
        pytest.skip(f"no index of packages answers: {found.stderr[-300:]}")
    assert found.returncode == 1
    assert re.search("^-tabulate==", found.stdout, re.MULTILINE)
