"""A training in the containers' cluster, for tests that look at it or disturb it."""

from tests.compose.engine import wait_until

TRAIN = ["train", "--output", "/shared/again", "--reuse", "/shared/out", "--vector-size", "32"]
EPOCHS = ["--epochs", "12"]


def remove_again(cluster):
    cluster.inside("master", "rm", "-rf", "/shared/again")


def begin_training(cluster, *flags):
    """Start training by `run` with these flags; return once its second epoch is written."""
    process = cluster.begin("run", "--rm", *flags, "submit", *TRAIN, *EPOCHS)
    look = "ls /shared/again/.model.*.tmp/epoch-0002.json 2>/dev/null || true"

    def begun():
        assert process.poll() is None, process.communicate()[0][-4000:]
        return bool(cluster.inside("master", "sh", "-c", look).strip())

    wait_until(begun, "the second epoch")
    return process
