"""The services for work beside the cluster: notebook, object storage, Airflow."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

PROJECT = Path(__file__).parents[2]
START = PROJECT / "conf" / "docker" / "start"
STORAGE = PROJECT / "docker-compose.storage.yml"
DAG = PROJECT / "conf" / "airflow" / "glove_daily.py"


def read(name):
    return yaml.safe_load((PROJECT / name).read_text("utf-8"))


@pytest.fixture(scope="module")
def services():
    return read("docker-compose.yml")["services"]


@pytest.fixture(scope="module")
def storage():
    return read("docker-compose.storage.yml")


@pytest.fixture(scope="module")
def stages():
    """The lines of each stage of the Dockerfile."""
    text = (PROJECT / "conf" / "docker" / "Dockerfile").read_text("utf-8")
    parts = re.split(r"^FROM .* AS (\w[\w-]*)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", ["notebook", "airflow"])
def test_a_plain_up_does_not_start_what_is_for_work(services, stages, name):
    service = services[name]
    assert service["profiles"] == [name]
    assert service["build"]["target"] == name
    assert service["image"] == f"glove_spark:{name}"
    assert name in stages
    # the cluster is built without them: they come after it
    assert list(stages).index(name) > list(stages).index("cluster")
    assert set(service["depends_on"]) == {"master", "worker"}


def test_a_notebook_asks_for_its_token_and_leaves_cores_to_others(services):
    start = START.read_text("utf-8")
    command = re.search(r"exec jupyter lab (.*)", start)[1]
    assert command.split() == ["--no-browser", "--ip=0.0.0.0"]
    for text in (start, json.dumps(services), STORAGE.read_text("utf-8")):
        assert not re.search("token=|TOKEN|password=|disable_check_xsrf", text)
    assert "spark.cores.max ${GLOVE_SPARK_CORES:-1}" in start
    assert services["notebook"]["environment"]["GLOVE_SPARK_CORES"] == "${NOTEBOOK_CORES:-1}"


def test_the_first_notebook_is_python_without_outputs():
    notebook = json.loads((PROJECT / "conf" / "docker" / "glove.ipynb").read_text("utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    source = "\n".join("".join(cell["source"]) for cell in cells)
    compile(source, "glove.ipynb", "exec")
    assert all(cell["outputs"] == [] for cell in cells)
    assert "GloVe(" in source
    assert source.endswith("spark.stop()")


def test_airflow_knows_all_settings_that_the_dag_requires(services, stages):
    required = set(re.findall(r"required\(['\"](\w+)['\"]\)", DAG.read_text("utf-8")))
    assert required == {"CORPUS", "OUTPUT", "APPLICATION", "START"}
    given = {
        *services["airflow"]["environment"],
        *re.findall(r"GLOVE_DAILY_\w+", stages["airflow"]),
    }
    assert {f"GLOVE_DAILY_{name}" for name in required} <= given
    folder = re.search(r"AIRFLOW__CORE__DAGS_FOLDER=/opt/glove_spark/(\S+)", stages["airflow"])[1]
    assert (PROJECT / folder / DAG.name).exists()


def test_airflow_says_which_day_is_missing(tmp_path):
    environment = {"PATH": "/usr/bin:/bin", "GLOVE_DAILY_START": ""}
    found = subprocess.run([START, "airflow"], env=environment, capture_output=True, text=True)
    assert found.returncode == 2
    assert "GLOVE_DAILY_START is not set; name the first day" in found.stderr


def test_the_image_has_the_airflow_that_the_dag_is_tested_with():
    wanted = (PROJECT / "conf" / "airflow" / "requirements.txt").read_text("utf-8").splitlines()
    lines = (PROJECT / "conf" / "airflow" / "constraints.txt").read_text("utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    for requirement in [Requirement(line) for line in wanted if not line.startswith("#")]:
        assert Version(pins[requirement.name]) in requirement.specifier


def test_the_file_of_storage_fits_the_schema_and_the_other_file(storage, services):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    found = subprocess.run([*command, str(STORAGE)], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr
    assert set(storage["services"]) - set(services) == {"storage", "copy"}
    args = {"PYTHON_IMAGE": services["master"]["build"]["args"]["PYTHON_IMAGE"]}
    assert storage["services"]["storage"]["build"]["args"] == args


def test_keys_of_the_storage_are_a_secret_for_those_that_need_them(storage):
    for name, service in storage["services"].items():
        assert service["secrets"] == ["storage"], name
        variables = service["environment"]
        assert variables["AWS_SHARED_CREDENTIALS_FILE"] == "/run/secrets/storage"
        assert not {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} & set(variables)
        if name != "storage":
            assert variables["AWS_ENDPOINT_URL"] == "http://storage:8333"
    # executors inherit the environment of workers
    assert "worker" in storage["services"]
    assert storage["secrets"] == {"storage": {"file": "${STORAGE_CREDENTIALS:-./secrets/storage}"}}
    assert "/secrets/" in (PROJECT / ".gitignore").read_text("utf-8").splitlines()


def test_services_of_the_storage_have_no_more_rights_than_others(storage, services):
    for name in ("storage", "copy"):
        for limit in ("cap_drop", "security_opt", "read_only", "tmpfs", "init"):
            assert storage["services"][name][limit] == services["master"][limit], name
    assert storage["services"]["storage"]["ports"] == ["127.0.0.1:8333:8333"]


def test_only_the_part_of_the_storage_that_asks_for_keys_is_reached_by_others():
    command = re.search(r"exec weed server ((?:.*\\\n)*.*)", START.read_text("utf-8"))[1]
    options = dict(re.findall(r"-([\w.]+)=(\S+)", command))
    assert options["ip"] == options["ip.bind"] == "127.0.0.1"
    assert options["s3.ip.bind"] == "0.0.0.0"
    assert options["s3.config"] == '"$HOME/s3.json"'
    assert options["master.telemetry"] == "false"


def test_keys_are_random_kept_and_out_of_reach_of_others(tmp_path):
    def make(folder):
        file = tmp_path / folder / "storage"
        subprocess.run([START, "credentials", file], env={"PATH": "/usr/bin:/bin"}, check=True)
        assert file.parent.stat().st_mode & 0o777 == 0o700
        # of a container's user, who is not this one
        assert file.stat().st_mode & 0o777 == 0o644
        return file.read_text()

    first = make("one")
    form = r"\[default\]\naws_access_key_id = [0-9a-f]{20}\naws_secret_access_key = [0-9a-f]{40}\n"
    assert re.fullmatch(form, first)
    assert make("one") == first
    assert make("two") != first


def test_the_storage_gets_the_keys_of_the_file(tmp_path):
    (tmp_path / "keys").write_text(
        "[default]\naws_access_key_id = one\naws_secret_access_key = two\n"
    )
    (tmp_path / "weed").write_text("#!/bin/sh\n")
    (tmp_path / "weed").chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "keys"),
    }
    subprocess.run([START, "storage"], env=environment, check=True)
    settings = tmp_path / "s3.json"
    assert settings.stat().st_mode & 0o777 == 0o600
    [identity] = json.loads(settings.read_text())["identities"]
    assert identity["credentials"] == [{"accessKey": "one", "secretKey": "two"}]


def test_a_folder_is_copied(tmp_path):
    (tmp_path / "from" / "inner").mkdir(parents=True)
    (tmp_path / "from" / "inner" / "a.txt").write_text("text")
    python = Path(sys.executable).parent
    environment = {"PATH": f"{python}:/usr/bin:/bin", "PYTHONPATH": str(PROJECT)}
    words = [START, "copy", tmp_path / "from", tmp_path / "to"]
    subprocess.run(words, env=environment, check=True)
    assert (tmp_path / "to" / "inner" / "a.txt").read_text() == "text"
