"""Takes the pictures of the console in docs/images: a real browser on a real gateway, under a minute of real traffic.

.venv/bin/python scripts/screenshots.py
"""

import asyncio
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import aiohttp
from playwright.async_api import Browser, Page, async_playwright

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
SECONDS = 75
PUBLIC, ADMIN, SANDBOX = 18080, 18081, 19000
SHOWN = f"http://127.0.0.1:{ADMIN}/#/"
WIDE, PHONE = {"width": 1280, "height": 760}, {"width": 390, "height": 780}
CALLS = {
    "gravity_field": ("/ssapi/engagement", {"Authorization": "Bearer demo-key"}),
    "gravity_field_sdk": ("/v2/event", {"Authorization": "Bearer demo-key"}),
    "dynamic_yield": ("/v2/collect/user/engagement", {"DY-API-Key": "demo-key"}),
    "vaix": ("/api/tracker/events", {"Authorization": "Bearer demo-key", "x-vaix-client-id": "demo"}),
    "auxia": ("/v1/LogTreatmentInteraction", {"x-api-key": "demo-key"}),
}
"""Each shipped click's path and key."""


async def main() -> None:
    """Start both servers, send clicks, look, and end what was started."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_text(_settings())
        servers = [_gateway(folder, "sandbox", "--port", str(SANDBOX)), _gateway(folder, "serve", "-c", path.name)]
        try:
            async with aiohttp.ClientSession() as session:
                await _until_ready(session)
                clicking = asyncio.create_task(_click(session))
                await _look(session, path)
                clicking.cancel()
        finally:
            for server in reversed(servers):
                server.terminate()
                server.wait()


def _settings() -> str:
    """The shipped configuration on other ports, with terms on one target, so that the pictures show some."""
    text = (ROOT / "config.toml").read_text()
    for before, after in (("8080", str(PUBLIC)), ("8081", str(ADMIN)), ("9000", str(SANDBOX))):
        text = text.replace(before, after)
    text = text.replace("# share = 0.10 ", "share = 0.5 ")
    return re.sub(r"^# when = .*$", 'when = { action = ["click", "view"] }', text, flags=re.MULTILINE)


def _gateway(folder: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603  # the project's own command
        [sys.executable, "-m", "gateway", *arguments], cwd=folder, stdout=subprocess.DEVNULL
    )


async def _until_ready(session: aiohttp.ClientSession) -> None:
    for _ in range(100):
        try:
            async with session.get(f"http://127.0.0.1:{ADMIN}/readyz") as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.2)
    raise SystemExit("the gateway does not start")


async def _click(session: aiohttp.ClientSession) -> None:
    """A few clicks a second, by always the same dice."""
    dice = random.Random(5)  # noqa: S311  # no secret
    bodies = {name: (ROOT / "examples" / "clicks" / f"{name}.json").read_text() for name in CALLS}
    while True:
        name = dice.choices(list(CALLS), [6, 4, 3, 2, 2])[0]
        path, key = CALLS[name]
        body = bodies[name].replace("u-1001", f"u-{dice.randint(1000, 1999)}")
        headers = key | {"Content-Type": "application/json"}
        async with session.post(f"http://127.0.0.1:{PUBLIC}{path}", data=body, headers=headers) as answer:
            await answer.read()
        await asyncio.sleep(dice.expovariate(25))


async def _fault(session: aiohttp.ClientSession, vendor: str, fault: str | None) -> None:
    url = f"http://127.0.0.1:{SANDBOX}/_faults"
    rule: dict[str, Any] = {"vendor": vendor, "fault": fault}
    async with session.request("PUT" if fault else "DELETE", url, json=rule if fault else None) as answer:
        await answer.read()


async def _look(session: aiohttp.ClientSession, path: Path) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page, dark = await _page(browser, WIDE, "light"), await _page(browser, WIDE, "dark")
        phone = await _page(browser, PHONE, "light")
        for one in (page, dark, phone):
            await one.goto(f"{SHOWN}flow")
        await asyncio.sleep(SECONDS / 2)
        await _fault(session, "auxia", "422")
        await asyncio.sleep(2)
        await _fault(session, "auxia", None)
        await asyncio.sleep(SECONDS / 2 - 12)
        await _fault(session, "vaix", "503")
        await asyncio.sleep(10)
        await _shoot(page, "flow", "flow")
        await _shoot(dark, "flow-dark", "flow?target=shop/vaix")
        await _shoot(phone, "flow-phone", "flow")
        await _fault(session, "vaix", None)
        await asyncio.sleep(15)
        await _others(page, dark, phone, path)
        await browser.close()


async def _others(page: Page, dark: Page, phone: Page, path: Path) -> None:
    """Every other view, with something opened in it."""
    for one, name in ((dark, "tail"), (phone, "tail-phone")):
        await one.goto(f"{SHOWN}tail")
        await asyncio.sleep(3)
        await one.get_by_role("button", name="Pause", exact=True).click()
        if one is dark:
            await one.locator("tr", has_text="site").get_by_role("link").first.click()
        await _shoot(one, name)
    await page.goto(f"{SHOWN}dead")
    await page.locator("#list-title").wait_for()
    await page.locator("tbody tr").nth(4).get_by_role("link").first.click()
    await _shoot(page, "dead-letters")
    await _shoot(page, "translate", "translate?source=dynamic_yield&target=shop/auxia")
    await asyncio.to_thread(_break, path)
    await asyncio.sleep(3)
    await _shoot(page, "config", "config")


def _break(path: Path) -> None:
    path.write_text(path.read_text().replace('mode = "store"', 'mod = "store"', 1))


async def _page(browser: Browser, size: Any, scheme: Any) -> Page:
    context = await browser.new_context(viewport=size, color_scheme=scheme)
    return await context.new_page()


async def _shoot(page: Page, name: str, place: str | None = None) -> None:
    if place is not None:
        await page.goto(SHOWN + place)
    await asyncio.sleep(1.5)
    await page.screenshot(path=IMAGES / f"{name}.png")


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    asyncio.run(main())
