"""The console's page in a real Chromium, and how it does: its heap, how late it is, how soon a key shows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

import gateway
from bench.contenders import programs

_BUILT: Final = Path(gateway.__file__).parent / "admin/dist/index.html"
_ARGUMENTS: Final = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
_WATCH: Final = """
window.bench = { late: [], tasks: [], keys: [], said: [] };
const { late, tasks, keys, said } = window.bench;
const step = 100;
let due = performance.now() + step;
const tick = () => {
  const now = performance.now();
  late.push(now - due);
  due = now + step;
  const note = document.querySelector(".note.wait")?.textContent;
  if (note && note !== said.at(-1)) said.push(note);
  setTimeout(tick, step);
};
setTimeout(tick, step);
new PerformanceObserver((list) => tasks.push(...list.getEntries().map((one) => one.duration)))
  .observe({ type: "longtask" });
const painted = new MessageChannel();
let pressed = [];
painted.port1.onmessage = () => {
  keys.push(...pressed.map((at) => performance.now() - at));
  pressed = [];
};
addEventListener("keydown", (event) => {
  requestAnimationFrame(() => {
    pressed.push(event.timeStamp);
    painted.port2.postMessage(null);
  });
}, true);
"""
"""Notes in milliseconds how late a timer of 100 ms is, tasks of 50 and more, a key's way to the next frame.

Beside them what the page says of sampling.
"""
_TOLD: Final = """() => {
  const told = Object.fromEntries(Object.entries(window.bench).map(([name, all]) => [name, all.splice(0)]));
  return { ...told, rows: document.querySelectorAll(".tail tbody tr").length };
}"""
_TYPED: Final = "nobody"
_SETTLED: Final = 300.0
"""Milliseconds after which whatever a collection made late has come."""


class Health(Struct, frozen=True):
    """How the page did since it was last asked; milliseconds, and megabytes after a collection."""

    heap_mb: float
    nodes: int
    late: list[float]
    tasks: list[float]
    keys: list[float]
    said: list[str]
    rows: int


def missing() -> str | None:
    """Why no page can be looked at here."""
    return programs.missing("chromium") or (None if _BUILT.is_file() else "the console is not built")


class Looking:
    """A page that is open at the tail."""

    def __init__(self, page: Any, session: Any) -> None:
        self._page = page
        self._session = session

    async def health(self) -> Health:
        """How it did, and its heap once all garbage is collected."""
        await self._type()
        told = await self._page.evaluate(_TOLD)
        await self._session.send("HeapProfiler.collectGarbage")
        metrics = {one["name"]: one["value"] for one in (await self._session.send("Performance.getMetrics"))["metrics"]}
        await self._page.wait_for_timeout(_SETTLED)  # what the collection held up is not the page's doing
        await self._page.evaluate(_TOLD)
        return Health(heap_mb=metrics["JSHeapUsedSize"] / 1e6, nodes=int(metrics["Nodes"]), **told)

    async def _type(self) -> None:
        """Write into the filter and take it back, before it is asked for."""
        await self._page.locator("#first-filter").focus()
        for key in (*_TYPED, *["Backspace"] * len(_TYPED)):
            await self._page.keyboard.press(key)
            await self._page.wait_for_timeout(100)


@asynccontextmanager
async def looking(admin: int) -> AsyncIterator[Looking]:
    """The page of an admin port, open at the tail; that it complains of anything is a fault."""
    from playwright.async_api import async_playwright

    complaints: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=programs.found("chromium"), args=list(_ARGUMENTS))
        page = await browser.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        await page.add_init_script(_WATCH)
        session = await page.context.new_cdp_session(page)
        await session.send("Performance.enable")
        await page.goto(f"http://127.0.0.1:{admin}/#/tail")
        await page.locator(".tail tbody tr").first.wait_for()
        yield Looking(page, session)
        await browser.close()
    assert not complaints, complaints
