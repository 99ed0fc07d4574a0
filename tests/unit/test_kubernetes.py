"""conf/kubernetes fits the schemas of Kubernetes and of the Spark operator; nothing was run there.

The operator's is written down here, as far as our file needs it: names and types of its fields, of
sparkoperator.k8s.io/v1beta2.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pyspark
import pytest
import yaml
from packaging.version import Version

PROJECT = Path(__file__).parents[2]
FOLDER = PROJECT / "conf" / "kubernetes"
START = PROJECT / "conf" / "docker" / "start"
IN_IMAGE = "/opt/glove_spark/"
PINS = (PROJECT / "conf" / "docker" / "constraints.txt").read_text("utf-8")
SPARK = re.search(r"^pyspark==(.*)$", PINS, re.MULTILINE)[1]


def documents(name):
    return list(yaml.safe_load_all((FOLDER / name).read_text("utf-8")))


@pytest.fixture(scope="module")
def job():
    return documents("job.yaml")[0]


@pytest.fixture(scope="module")
def driver(job):
    [container] = job["spec"]["template"]["spec"]["containers"]
    return container


@pytest.fixture(scope="module")
def settings(driver):
    """The settings of Spark that the Job gives."""
    given = [word.removeprefix("--conf=") for word in driver["args"] if word.startswith("--conf=")]
    return dict(setting.split("=", 1) for setting in given)


@pytest.fixture(scope="module")
def application():
    return documents("application.yaml")[0]


def check(document):
    """Validate strictly: a field that Kubernetes does not know is an error."""
    validator = pytest.importorskip(
        "kubernetes_validate", reason="kubernetes-validate is not installed; extra 'test' has it"
    )
    validator.validate(document, "1.33", strict=True)
    return validator


@pytest.mark.parametrize("name", ["account.yaml", "executor.yaml", "job.yaml"])
def test_objects_fit_the_schemas_of_kubernetes(name):
    for document in documents(name):
        check(document)


@pytest.mark.parametrize(
    ("place", "key", "value"),
    [
        (("spec",), "backofLimit", 3),
        (("spec",), "backoffLimit", "three"),
        (("spec", "template", "spec", "containers", 0), "readOnlyRootFilesystem", True),
    ],
)
def test_a_mistake_in_an_object_is_found(job, place, key, value):
    wrong = json.loads(json.dumps(job))
    inner = wrong
    for step in place:
        inner = inner[step]
    inner[key] = value
    validator = check(job)
    with pytest.raises((validator.ValidationError, validator.InvalidSchemaError)):
        validator.validate(wrong, "1.33", strict=True)


MAP = {"type": "object", "additionalProperties": {"type": "string"}}
POD = {
    "cores": {"type": "integer", "minimum": 1},
    "memory": {"type": "string"},
    "memoryOverhead": {"type": "string"},
    "serviceAccount": {"type": "string"},
    "envFrom": {"type": "array"},
    "securityContext": {"type": "object"},
    "podSecurityContext": {"type": "object"},
    "volumeMounts": {"type": "array"},
}
COUNT = {"type": "integer", "minimum": 1}
OPERATOR = {
    "type": "object",
    "additionalProperties": False,
    "required": ["type", "sparkVersion", "mainApplicationFile", "driver", "executor"],
    "properties": {
        "type": {"enum": ["Java", "Python", "Scala", "R"]},
        "pythonVersion": {"enum": ["2", "3"]},
        "mode": {"enum": ["cluster", "client"]},
        "sparkVersion": {"type": "string"},
        "image": {"type": "string"},
        "mainApplicationFile": {"type": "string"},
        "arguments": {"type": "array", "items": {"type": "string"}},
        "sparkConf": MAP,
        "restartPolicy": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "type": {"enum": ["Never", "Always", "OnFailure"]},
                "onFailureRetries": COUNT,
                "onFailureRetryInterval": COUNT,
                "onSubmissionFailureRetries": COUNT,
                "onSubmissionFailureRetryInterval": COUNT,
            },
        },
        "volumes": {"type": "array"},
        "driver": {"type": "object", "additionalProperties": False, "properties": POD},
        "executor": {
            "type": "object",
            "additionalProperties": False,
            "properties": POD | {"instances": COUNT},
        },
    },
}


def test_the_application_fits_the_fields_of_the_operator(application):
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    assert application["apiVersion"] == "sparkoperator.k8s.io/v1beta2"
    assert application["kind"] == "SparkApplication"
    jsonschema.validate(application["spec"], OPERATOR)


@pytest.mark.parametrize("role", ["driver", "executor"])
def test_pods_of_the_operator_fit_the_schemas_of_kubernetes(application, role):
    """Its fields for pods are those of Kubernetes: a pod made of them is valid."""
    part = application["spec"][role]
    container = {
        "name": role,
        "image": application["spec"]["image"],
        **{name: part[name] for name in ("envFrom", "securityContext", "volumeMounts")},
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": role},
        "spec": {
            "containers": [container],
            "securityContext": part["podSecurityContext"],
            "volumes": application["spec"]["volumes"],
        },
    }
    check(pod)
    volumes = {volume["name"] for volume in application["spec"]["volumes"]}
    assert {mount["name"] for mount in part["volumeMounts"]} <= volumes


def test_names_that_objects_call_each_other_by_are_there(job, driver, settings, application):
    account, role, binding = documents("account.yaml")
    name = account["metadata"]["name"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": name}]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    pod = job["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == application["spec"]["driver"]["serviceAccount"] == name
    assert "serviceAccount" not in application["spec"]["executor"]
    [failed, _] = job["spec"]["podFailurePolicy"]["rules"]
    assert failed["onExitCodes"]["containerName"] == driver["name"]
    assert settings["spark.kubernetes.container.image"] == driver["image"]
    assert application["spec"]["image"] == driver["image"]
    variables = {each["name"] for each in driver["env"]}
    assert set(re.findall(r"\$\((\w+)\)", " ".join(driver["args"]))) == variables
    # keys of the storage come from one secret, for the driver and for executors
    [keys] = driver["envFrom"]
    for setting, value in settings.items():
        if ".secretKeyRef." in setting:
            assert value == f"{keys['secretRef']['name']}:{setting.rpartition('.')[2]}"
    assert application["spec"]["executor"]["envFrom"] == [keys]


def test_files_that_are_named_are_in_the_image(driver, settings, application):
    named = re.findall(rf"{IN_IMAGE}([\w./-]+)", " ".join([*driver["args"], *settings.values()]))
    main = application["spec"]["mainApplicationFile"].removeprefix(f"local://{IN_IMAGE}")
    assert len(named) == 4
    for file in [*named, main]:
        assert (PROJECT / file).is_file(), file
    assert "COPY jobs /opt/glove_spark/jobs" in (PROJECT / "conf/docker/Dockerfile").read_text()


def test_a_run_that_would_fail_again_is_not_repeated(job):
    [rule, _] = job["spec"]["podFailurePolicy"]["rules"]
    dag = (PROJECT / "conf" / "airflow" / "glove_daily.py").read_text("utf-8")
    final = re.search(r"^FINAL = \((.*)\)$", dag, re.MULTILINE)[1]
    assert rule["onExitCodes"]["values"] == [int(code) for code in final.split(", ")]


def test_settings_of_the_application_are_those_of_the_other_clusters(application):
    lines = (PROJECT / "conf" / "spark-defaults.conf").read_text("utf-8").splitlines()
    common = dict(line.split(maxsplit=1) for line in lines if line and line[0] != "#")
    given = application["spec"]["sparkConf"]
    # what belongs to a shared folder or a Master, and what the operator has fields for
    other = re.compile(r"spark\.(eventLog|history|master|executor\.memory)")
    assert {key: value for key, value in common.items() if not other.match(key)}.items() <= (
        given.items()
    )
    executor = application["spec"]["executor"]
    assert executor["memory"] == common["spark.executor.memory"]
    assert executor["memoryOverhead"] == common["spark.executor.memoryOverhead"]
    assert application["spec"]["sparkVersion"] == SPARK


def test_pods_have_no_more_rights_than_containers_of_compose(driver, application):
    [executor] = documents("executor.yaml")[0]["spec"]["containers"]
    contexts = [driver["securityContext"], executor["securityContext"]]
    contexts += [application["spec"][role]["securityContext"] for role in ("driver", "executor")]
    for context in contexts:
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
    role = documents("account.yaml")[1]
    assert role["kind"] == "Role"
    assert not any("*" in rule[part] for rule in role["rules"] for part in rule)
    assert not any("secrets" in rule["resources"] for rule in role["rules"])


FAKE = "#!/bin/sh\nfor word; do printf '%s\\n' \"$word\"; done\n"


@pytest.fixture
def started(tmp_path):
    """Run a role of the start script, and return the words that its program was given."""

    def run(program, *arguments, **variables):
        (tmp_path / program).write_text(FAKE)
        (tmp_path / program).chmod(0o755)
        path = f"{tmp_path}:{Path(sys.executable).parent}:/usr/bin:/bin"
        environment = {"PATH": path, "SPARK_CONF_DIR": "/conf", **variables}
        found = subprocess.run(
            [START, *arguments], env=environment, capture_output=True, text=True, check=True
        )
        return found.stdout.splitlines()

    return run


EXECUTOR = {
    "SPARK_DRIVER_URL": "spark://CoarseGrainedScheduler@10.0.0.1:7078",
    "SPARK_EXECUTOR_ID": "3",
    "SPARK_EXECUTOR_CORES": "4",
    "SPARK_EXECUTOR_MEMORY": "1024m",
    "SPARK_APPLICATION_ID": "spark-1",
    "SPARK_EXECUTOR_POD_IP": "10.0.0.2",
    "SPARK_EXECUTOR_POD_NAME": "glove-exec-3",
    "SPARK_RESOURCE_PROFILE_ID": "0",
}
"""What Spark gives an executor's container."""


def test_an_executor_starts_with_its_options(started):
    options = {f"SPARK_JAVA_OPT_{k}": f"-Dnumber={k} with a blank; $HOME" for k in range(11)}
    words = started("java", "executor", **EXECUTOR, **options)
    assert words[:2] == ["-Xms1024m", "-Xmx1024m"]
    assert words[2:13] == list(options.values())
    assert words[13:15] == ["-cp", f"/conf:{Path(pyspark.__file__).parent}/jars/*"]
    pairs = dict(zip(words[16::2], words[17::2], strict=True))
    assert pairs == {
        "--driver-url": EXECUTOR["SPARK_DRIVER_URL"],
        "--executor-id": "3",
        "--cores": "4",
        "--app-id": "spark-1",
        "--hostname": "10.0.0.2",
        "--podName": "glove-exec-3",
        "--resourceProfileId": "0",
    }


def test_a_driver_submits_in_its_own_container(started):
    rest = ["--class", "org.apache.spark.deploy.PythonRunner", "local:///a b.py", "--input=x"]
    words = started("spark-submit", "driver", *rest, SPARK_DRIVER_BIND_ADDRESS="10.0.0.1")
    address = ["--conf", "spark.driver.bindAddress=10.0.0.1"]
    assert words == ["--deploy-mode", "client", *address, *rest]


def java(*words):
    jars = Path(pyspark.__file__).parent / "jars"
    return subprocess.run(
        ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*", *words],
        capture_output=True,
        text=True,
        env={
            "PATH": "/usr/bin:/bin",
            "SPARK_HOME": str(jars.parent),
            "SPARK_SCALA_VERSION": "2.13",
        },
    )


@pytest.mark.cluster
def test_spark_knows_the_options_of_an_executor(started):
    if Version(pyspark.__version__) < Version(SPARK):
        pytest.skip(f"the image has pyspark {SPARK}")
    words = started("java", "executor", **EXECUTOR)
    main = words.index("org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend")
    found = java(words[main], "--nonsense", "x")
    usage = found.stdout + found.stderr
    assert "Unrecognized options: --nonsense" in usage
    known = set(re.findall(r"--[\w-]+", usage)) - {"--nonsense"}
    assert {word for word in words[main:] if word.startswith("--")} <= known


@pytest.mark.cluster
def test_spark_submit_understands_the_arguments_of_the_job(driver):
    given = [word.replace(IN_IMAGE, f"{PROJECT}/") for word in driver["args"]]
    found = java("org.apache.spark.launcher.Main", "org.apache.spark.deploy.SparkSubmit", *given)
    words = found.stdout.split("\0")
    assert words[0] == "", found.stderr
    assert words[words.index("--master") + 1] == "k8s://https://kubernetes.default.svc"
    conf = {words[k + 1] for k, word in enumerate(words) if word == "--conf"}
    assert {word.removeprefix("--conf=") for word in given if word.startswith("--conf=")} == conf
    main = words.index(f"{PROJECT}/jobs/glove_pipeline.py")
    assert words[main + 1 : main + 4] == driver["args"][-3:]
