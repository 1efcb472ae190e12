"""A real Prometheus: it takes the rules, scrapes a running gateway, and answers every query of the dashboard.

`make test` fetches it (scripts/prometheus.sh). Where it is not to be had these tests are skipped, or fail with CI=true.
"""

import asyncio
import os
import shutil
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from observed import ALERTS, alerts, concrete, queries
from operating_calls import SHOP, Operated, written
from processes import ROOT, free_port, serving

from gateway.sandbox import Sandbox
from gateway.sandbox.faults import Rule

TOKEN = "admin-token"
EVERYTHING = SHOP + "".join(
    f'[[routes.targets]]\nupstream = "{one}"\n' for one in ("gravity_field", "gravity_field_sdk")
)
EVERYTHING += '[[routes.targets]]\nupstream = "auxia"\nwhen = { action = "dismiss" }\n'


def program(name):
    """Where a program of Prometheus' is."""
    unpacked = ROOT / ".venv" / "prometheus" / "usr" / "bin" / name
    found = str(unpacked) if unpacked.exists() else shutil.which(name)
    if found is None:
        told = f"there is no {name}: `sh scripts/prometheus.sh` says why it cannot be had"
        pytest.fail(told) if os.environ.get("CI") == "true" else pytest.skip(told)
    return found


def promtool(*arguments):
    """What promtool says; it must agree."""
    ran = subprocess.run([program("promtool"), *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


class Prometheus:
    """A running Prometheus."""

    def __init__(self, url, session):
        self._url = url
        self._session = session

    async def ask(self, path, **query):
        """What its API answers."""
        async with self._session.get(f"{self._url}/api/v1/{path}", params=query) as answer:
            told = await answer.json()
            assert told["status"] == "success", told
            return told["data"]

    async def until(self, condition):
        """Wait until an asynchronous condition holds; it gives what is still missing."""
        missing = None
        try:
            async with asyncio.timeout(60):
                while missing := await condition():  # noqa: ASYNC110  # what is waited for is in another process
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise AssertionError(missing) from None

    async def is_away(self):
        """Whether it does not answer yet."""
        try:
            async with self._session.get(f"{self._url}/-/ready") as answer:
                return answer.status != 200
        except aiohttp.ClientError:
            return True


@asynccontextmanager
async def prometheus(folder, admin_port, session):
    """A Prometheus with the project's rules that scrapes one gateway, as docs/operating.md has it."""
    settings = folder / "prometheus.yml"
    settings.write_text(
        "global: {scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 500ms}\n"
        f"rule_files: ['{ALERTS}']\n"
        "scrape_configs:\n"
        "  - job_name: interaction-gateway\n"
        f"    authorization: {{credentials: {TOKEN}}}\n"
        f"    static_configs: [{{targets: ['127.0.0.1:{admin_port}']}}]\n"
    )
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        program("prometheus"),
        f"--config.file={settings}",
        f"--storage.tsdb.path={folder / 'series'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        one = Prometheus(f"http://127.0.0.1:{port}", session)
        await one.until(one.is_away)
        yield one
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def busy_gateway(folder):
    """A gateway to which everything that is counted has happened."""
    sandbox = Sandbox()
    await sandbox.start()
    path = written(folder, sandbox.url, EVERYTHING, admin=f'token = "{TOKEN}"')
    headers = {"Authorization": f"Bearer {TOKEN}"}
    try:
        async with aiohttp.ClientSession(headers=headers) as session, serving(path) as process:
            gateway = Operated(None, sandbox, session, (process.port, process.admin_port), path)
            sandbox.faults.set(Rule("vaix", "422", count=1))
            await gateway.click("u-1", strange={"colour": "red"})
            await gateway.click("u-2")
            async with session.post(gateway.url + "/v2/collect/user/engagement") as answer:
                assert answer.status == 401
            await gateway.settled()
            path.write_text(path.read_text() + "[nonsense]\n")
            await process.line("configuration refused")
            yield gateway
    finally:
        await sandbox.stop()


def test_the_rules_are_valid():
    """Every rule is read by promtool."""
    assert f"{len(alerts())} rules found" in promtool("check", "rules", str(ALERTS))


def test_each_alert_fires_when_it_should():
    """By promtool's unit tests: series that should alert somebody do, those of a gateway that does well do not."""
    assert "SUCCESS" in promtool("test", "rules", str(Path("tests") / "alerts_test.yml"))


async def test_every_query_is_answered(tmp_path):
    """Prometheus scrapes a gateway by its token; each panel's query has series, and each rule can be evaluated."""
    program("prometheus")
    async with (
        busy_gateway(tmp_path) as gateway,
        aiohttp.ClientSession() as session,
        prometheus(tmp_path, gateway.admin_port, session) as asked,
    ):

        async def unanswered():
            asked_for = [concrete(one) for one in queries()]
            return [one for one in asked_for if not (await asked.ask("query", query=one))["result"]]

        async def unwell():
            (group,) = (await asked.ask("rules"))["groups"]
            assert {one["health"] for one in group["rules"]} <= {"ok", "unknown"}, group
            return [one["name"] for one in group["rules"] if one["health"] != "ok"]

        await asked.until(unanswered)
        await asked.until(unwell)
        (target,) = (await asked.ask("targets"))["activeTargets"]
        assert target["health"] == "up", target["lastError"]
        firing = {one["labels"]["alertname"] for one in (await asked.ask("alerts"))["alerts"]}
        assert "GatewayDown" not in firing
