"""The services for work, really started: notebook, object storage, Airflow."""

import json
import re
import subprocess
import urllib.request
from urllib.error import HTTPError

import pytest

from tests.compose.engine import PROJECT, check_rights, wait_until
from tests.harness.small_run import RUN_OPTIONS, results

pytestmark = pytest.mark.compose

START = PROJECT / "conf" / "docker" / "start"
SETTINGS = """[cooccurrence]
window_size = 5
[blocks]
num_blocks = 2
[train]
vector_size = 8
"""


def ask(address, sent=None, **headers):
    """Return the code and the text of an answer."""
    if sent is not None:
        headers["Content-Type"] = "application/json"
    try:
        request = urllib.request.Request(address, sent, headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as refused:
        return refused.code, ""


def test_a_notebook_fits_the_estimator_on_the_cluster(cluster):
    cluster.run("--profile", "notebook", "up", "--build", "--detach")
    cluster.wait_for_health("notebook")
    check_rights(cluster, "notebook")
    listed = cluster.inside("notebook", "jupyter", "server", "list")
    token = re.search("token=([0-9a-f]{32,})", listed)[1]
    contents = "http://127.0.0.1:8888/api/contents"
    assert ask(contents)[0] == 403
    code, text = ask(contents, Authorization=f"token {token}")
    assert code == 200
    assert [file["name"] for file in json.loads(text)["content"]] == ["glove.ipynb"]
    convert = ["jupyter", "nbconvert", "--to", "notebook", "--execute", "--stdout"]
    executed = json.loads(cluster.inside("notebook", *convert, "/shared/notebooks/glove.ipynb"))
    said = [output for cell in executed["cells"] for output in cell.get("outputs", [])]
    shown = ["".join(out["data"]["text/plain"]) for out in said if "data" in out]
    master, words, neighbours = shown[0], int(shown[1]), shown[2]
    assert master == "'spark://master:7077'"
    assert words > 1000
    assert len(re.findall(r"'word\d+'", neighbours)) == 6
    [ended] = [app for app in cluster.master_page()["completedapps"] if app["name"] == "notebook"]
    assert ended["cores"] == 1
    cluster.run("--profile", "notebook", "rm", "--stop", "--force", "notebook")


def test_airflow_makes_the_version_of_a_day_that_is_over(cluster, days):
    write = f"cat > /shared/daily.toml <<'END'\n{SETTINGS}END\n"
    cluster.inside("master", "sh", "-c", write)
    cluster.environment |= {"DAILY_START": days[1], "DAILY_CONFIG": "/shared/daily.toml"}
    before = len(cluster.master_page()["completedapps"])
    cluster.run("--profile", "airflow", "up", "--build", "--detach")
    cluster.wait_for_health("airflow", seconds=300)
    check_rights(cluster, "airflow")
    # no page without the password that was made
    page = "http://127.0.0.1:8090"
    assert ask(f"{page}/api/v2/dags")[0] == 401
    file = "/airflow/simple_auth_manager_passwords.json.generated"
    [(user, password)] = json.loads(cluster.inside("airflow", "cat", file)).items()
    account = json.dumps({"username": user, "password": password}).encode()
    token = json.loads(ask(f"{page}/auth/token", account)[1])["access_token"]
    text = ask(f"{page}/api/v2/dags", Authorization=f"Bearer {token}")[1]
    assert [dag["dag_id"] for dag in json.loads(text)["dags"]] == ["glove_daily"]
    pointer = "readlink /shared/daily/current || true"

    def published():
        return cluster.inside("master", "sh", "-c", pointer).strip() == f"versions/{days[1]}"

    wait_until(published, "the day to be published", 1800)
    assert cluster.inside("master", "ls", "/shared/daily/versions").split() == [days[1]]
    # each command but the last is a run on the cluster
    assert len(cluster.master_page()["completedapps"]) >= before + 4
    # the secret stands in no log and no table of Airflow
    secret = cluster.inside("master", "cat", "/secret/cluster")
    search = ["grep", "--recursive", "--quiet", "--text", secret, "/airflow"]
    with pytest.raises(subprocess.CalledProcessError) as found:
        cluster.inside("airflow", *search)
    assert found.value.returncode == 1
    cluster.run("--profile", "airflow", "rm", "--stop", "--force", "airflow")


def test_a_run_on_object_storage_has_the_same_bytes(cluster, first_run, tmp_path):
    credentials = tmp_path / "secrets" / "storage"
    subprocess.run([START, "credentials", credentials], check=True)
    keys = re.findall(" = (.*)", credentials.read_text())
    cluster.use_storage(credentials)
    cluster.run("up", "--build", "--detach")
    wait_until(lambda: cluster.alive_workers() == 2, "two workers")
    cluster.wait_for_health("storage")
    check_rights(cluster, "storage")
    cluster.run("run", "--rm", "copy", "/corpus", "s3://glove/texts")
    said = cluster.run("run", "--rm", "submit", "run", "--input", "s3://glove/texts",
                       "--output", "s3://glove/out", *RUN_OPTIONS).stdout  # fmt: skip
    cluster.run("run", "--rm", "copy", "s3://glove/out", "/shared/from_storage")
    cluster.copy_out("/shared/from_storage", tmp_path / "out")
    assert results(tmp_path / "out") == results(first_run)
    # nobody without keys, and no key where others read
    assert ask("http://127.0.0.1:8333/glove/out/vectors.txt")[0] == 403
    logs = said + cluster.run("logs", "storage", "worker").stdout
    for service in ("storage", "worker"):
        logs += json.dumps(cluster.inspect(cluster.containers(service)[0]))
    assert [key for key in keys if key in logs] == []
