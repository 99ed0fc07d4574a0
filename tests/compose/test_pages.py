"""The web pages of the cluster in a browser: a job says which epoch and round it is."""

import re

import pytest

from tests.compose.engine import wait_until
from tests.compose.training import begin_training, remove_again

pytest.importorskip("selenium", reason="selenium is not installed")
from tests.harness import browser as browsers

pytestmark = [
    pytest.mark.compose,
    pytest.mark.skipif(not browsers.CHROMIUM or not browsers.DRIVER, reason=browsers.MISSING),
    pytest.mark.filterwarnings("ignore"),
]


def text_of(browser):
    return browser.find_element("tag name", "body").text


def follow(browser, text):
    link = browser.find_element("partial link text", text)
    # rows of stopped workers may push it out of the window
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", link)
    link.click()


def test_four_pages_lead_to_each_other_and_describe_jobs(cluster, first_run):
    remove_again(cluster)
    process = begin_training(cluster)
    [running] = cluster.master_page()["activeapps"]
    with browsers.headless_browser() as browser:
        browser.get("http://127.0.0.1:8080")
        assert "Spark Master at spark://master:7077" in text_of(browser)
        follow(browser, running["name"])
        jobs = r"train: epoch \d+/12, round [12]/2"
        wait_until(lambda: re.search(jobs, text_of(browser)), "the jobs of the application")
        assert "/proxy/app-" in browser.current_url

        browser.get("http://127.0.0.1:8080")
        follow(browser, "worker-")
        wait_until(lambda: "Spark Worker at" in text_of(browser), "the worker's page")
        assert running["id"] in text_of(browser)

        output, _ = process.communicate(timeout=900)
        assert process.returncode == 0, output[-4000:]
        browser.get("http://127.0.0.1:18080")
        listed = lambda: running["id"] in text_of(browser)  # noqa: E731

        def in_history():
            browser.refresh()
            return listed()

        wait_until(in_history, "the run in the history")
        follow(browser, running["id"])
        last = "train: epoch 12/12, round 2/2"
        wait_until(lambda: last in text_of(browser), "the jobs in the history")
