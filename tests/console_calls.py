"""The console as a person has it: a real Chromium on a running gateway, and what must hold of every page."""

import asyncio
import os
import shutil
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import async_playwright
from processes import ROOT

from gateway.sandbox.faults import Rule

BUILT = ROOT / "gateway" / "admin" / "dist"
AXE = ROOT / "console" / "node_modules" / "axe-core" / "axe.min.js"
VIEWS = {"flow": "Flow", "tail": "Tail", "dead": "Dead letters", "translate": "Translate", "config": "Config"}
PHONE = {"width": 360, "height": 740}
WIDE = {"width": 1360, "height": 900}
HOSTILE = "<img src=x onerror=document.title='taken'>\u202egnp.exe\u0000\u200b<script>document.title='taken'</script>"
_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def needed(path, what):
    """A thing that these tests need; without it they are skipped, or fail with CI=true."""
    if path is None or not os.path.exists(path):  # noqa: PTH110  # a text or a Path
        pytest.fail(what) if os.environ.get("CI") == "true" else pytest.skip(what)
    return path


@asynccontextmanager
async def browsing():
    """A browser with nothing in it."""
    chromium = needed(shutil.which("chromium"), "there is no chromium: `sh scripts/chromium.sh` says why")
    needed(BUILT / "index.html", "the console is not built: `make console` says why")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            await browser.close()


_STILL = """() => Promise.all(document.getAnimations()
    .filter((one) => Number.isFinite(one.effect.getComputedTiming().endTime))
    .map((one) => one.finished.catch(() => null)))"""
"""What moves to an end has come to it: colours are judged as they stay."""


class Console:
    """A page of the console, and everything that it complained of."""

    def __init__(self, page, url):
        self.page = page
        self.url = url
        self.complaints = []
        self.asked = []
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))

    def _said(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    async def open(self, place=""):
        """Go to a place of the console, such as `tail?user=u-1`."""
        await self.page.goto(f"{self.url}/#/{place}")
        await self.page.get_by_role("navigation", name="Views").wait_for()

    async def see(self, text, within="body"):
        """Wait until a text is shown."""
        await self.page.locator(within).get_by_text(text).first.wait_for()

    async def press(self, name):
        """Press a button."""
        await self.page.get_by_role("button", name=name, exact=True).click()

    async def text(self, selector="main"):
        """What stands there."""
        return await self.page.locator(selector).first.inner_text()

    async def until(self, script):
        """Wait until a script gives something true; asked from here, for the page's policy forbids eval."""
        async with asyncio.timeout(10):
            while not await self.page.evaluate(script):  # noqa: ASYNC110  # what is waited for is the browser's alone
                await asyncio.sleep(0.03)

    async def barriers(self):
        """What keeps people out, by axe's serious and critical rules."""
        await self.page.evaluate(_STILL)
        await self.page.evaluate(needed(AXE, "axe-core is not installed: `make check` does").read_text())
        found = await self.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        return [
            f"{one['id']}: {node['html'][:120]} {node['failureSummary']}"
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]


@asynccontextmanager
async def looking(browser, url, *, viewport=None, scheme="light"):
    """A page in a context of its own; that it complains of anything fails the test."""
    context = await browser.new_context(viewport=viewport or WIDE, color_scheme=scheme)
    context.set_default_timeout(10_000)
    console = Console(await context.new_page(), url)
    try:
        yield console
        assert console.complaints == []
        assert [one for one in console.asked if not one.startswith((url, "data:"))] == []
    finally:
        await context.close()


async def died(gateway, count=1):
    """As many dead letters of Vaix, which then is well again."""
    gateway.sandbox.faults.set(Rule("vaix", "422", count=count))
    for number in range(count):
        await gateway.click(f"u-{number}", f"r-{number}")
    return await gateway.dead(count)


async def everywhere(console, gateway):
    """Go to every view, with something in it, and to what can be opened there."""
    (letter,) = await died(gateway)
    for place in (*VIEWS, "flow?target=shop%2Fvaix", f"dead?id={letter['id']}", "tail?id=r-9"):
        await console.open(place)
        await console.page.locator("main h2").first.wait_for()
        if place == "tail":
            await console.until("document.querySelector('.news.live')")
            await gateway.click(HOSTILE + "x" * 300, "r-9")
            await console.page.locator(".tail").wait_for()
        yield place


async def is_inert(console, length):
    """Nothing of a hostile interaction acts, hides or fills the page."""
    told = await console.text(".panel")
    for fact in ("<script>", "⟨202E⟩", "⟨0000⟩", "⟨200B⟩", f"show all ({length:,} characters)"):
        assert fact in told, fact
    assert "\u202e" not in told
    assert len(told) < 20_000
    assert await console.page.locator("img, main script").count() == 0
    assert "taken" not in await console.page.title()
