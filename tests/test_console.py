"""The console in a real browser, on a running gateway beside its sandbox: each view shows and does what it says.

`make test` builds the console and installs Chromium where it may. Without one of them these tests are skipped, or fail
with CI=true.
"""

import asyncio
import json
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from console_calls import BUILT, HOSTILE, PHONE, browsing, died, everywhere, is_inert, looking
from gateway_calls import KEY
from operating_calls import SHOP, operated
from test_golden import STORIES, read, replay

from gateway.sandbox.faults import Rule
from gateway.serving import reload

pytestmark = pytest.mark.asyncio(loop_scope="module")

TERMS = """
[[routes]]
name = "some"
prefix = "/some"
accepts = "dynamic_yield"
clients = ["shop"]
targets = [{ upstream = "gravity_field", share = 0.1, when = { action = "view" } }]
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    async with browsing() as launched:
        yield launched


@pytest_asyncio.fixture(loop_scope="module")
async def gateway(tmp_path):
    async with operated(tmp_path, SHOP + TERMS) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def console(browser, gateway):
    async with looking(browser, gateway.admin_url) as shown:
        yield shown


async def test_flow_shows_routes_with_what_flows_to_their_targets(console, gateway):
    """Each target stands at its route, with its terms, its state, its funnel, and the rate of what it takes."""
    await console.open()
    for _ in range(3):
        await gateway.click()
    await console.until("document.querySelector('.targets')?.innerText.includes('delivering')")
    assert await console.page.locator(".route-card h3").all_inner_texts() == ["shop", "some"]
    names = await console.page.locator(".target-name > a").all_inner_texts()
    assert names == ["shop/dynamic_yield", "shop/vaix", "some/gravity_field"]
    assert "10 % of users" in await console.text(".targets >> nth=1")
    assert await console.page.locator(".edge:not(.still)").count() == 2
    await console.page.locator(".target-name > a", has_text="shop/vaix").click()
    await console.until(
        "/received[^]*?\\n3\\n[^]*delivered[^]*?\\n3\\n/.test(document.querySelector('.funnel')?.innerText)"
    )


async def test_flow_says_first_what_is_wrong(console, gateway):
    """A breaker that opens is told in the headline, at the target and at the upstream, in words."""
    await console.open()
    await console.see("Nothing is held up: 3 targets")
    gateway.sandbox.faults.set(Rule("vaix", "503"))
    for _ in range(8):
        await gateway.click()
    await console.see("1 target of 3 needs a look")
    assert "shop/vaix breaker open" in " ".join((await console.text(".verdict")).split())
    assert await console.page.get_by_text("breaker open").count() == 3
    gateway.sandbox.faults.clear()
    await console.see("Nothing is held up: 3 targets")


async def test_the_funnel_tells_of_what_was_given_up(browser, tmp_path):
    """A step that hardly any target comes to stands there once one did, with its number."""
    body = SHOP.replace('upstream = "vaix"', 'upstream = "vaix"\nmax_backlog = 3\noverflow = "shed"')
    async with operated(tmp_path, body) as gateway, looking(browser, gateway.admin_url) as console:
        await console.open()
        await console.page.locator(".funnels th", has_text="dead").wait_for()
        assert await console.page.locator(".funnels th", has_text="shed").count() == 0
        gateway.sandbox.faults.set(Rule("vaix", "503:0"))
        for number in range(30):
            await gateway.click(request_id=f"r-{number}")
        await console.page.locator(".funnels th", has_text="shed").wait_for()
        await console.open("flow?target=shop%2Fvaix")
        await console.see("given up at max_backlog", ".funnel")
        gateway.sandbox.faults.clear()
        await gateway.settled()


async def test_a_target_is_steered(console, gateway):
    """Pause holds a target, skip moves its backlog to dead letters after a question, resume releases it."""
    await console.open("flow?target=shop%2Fvaix")
    await console.press("Pause")
    await console.see("paused", ".panel .state")
    await gateway.click()
    await console.press("Skip its backlog…")
    await console.press("Skip 1")
    await console.see("1 skipped into dead letters")
    await console.press("Resume")
    await console.see("idle", ".panel .state")
    assert [one["reason"] for one in await gateway.dead()] == ["skipped"]


async def test_the_tail_shows_what_passes_and_opens_it(console, gateway):
    """An inbound stands there with its targets' outcomes; opened it tells what came, was meant, sent and answered."""
    await console.open("tail")
    await console.until("document.querySelector('.news')?.innerText.includes('live')")
    await gateway.click("u-7", "r-7", context={"device": {"ip": "203.0.113.7"}})
    row = console.page.locator("tr", has_text="u-7")
    await row.get_by_text("vaix: delivered").wait_for()
    assert "click" in await row.inner_text()
    await row.get_by_role("link").first.click()
    await console.see("Canonical form", ".panel")
    told = await console.text(".panel")
    for fact in ("user.id", "u-7", "/api/tracker/events", "Bearer ***", "device.ip 203.0.113.7 lost", "answered 204"):
        assert fact in " ".join(told.split()), fact


async def test_the_tail_is_filtered_paused_and_cleared(console, gateway):
    """A filter stands in the address and shows only what fits; a paused tail counts what it does not show."""
    await console.open("tail")
    await console.page.get_by_label("user").fill("u-2")
    await console.page.keyboard.press("Enter")
    await console.until("location.hash.includes('user=u-2') && document.querySelector('.news.live')")
    await console.page.wait_for_timeout(300)
    await gateway.click("u-1", "r-1")
    await gateway.click("u-2", "r-2")
    await console.see("u-2", ".tail")
    assert await console.page.locator(".tail tbody tr").count() == 1
    await console.press("Pause")
    await gateway.click("u-2", "r-3")
    await console.see("paused, 1 new")
    assert await console.page.locator(".tail tbody tr").count() == 1
    await console.press("Resume")
    await console.until("document.querySelectorAll('.tail tbody tr').length === 2")
    await console.press("Clear")
    await console.see("Nothing that fits has passed")


async def test_what_is_typed_into_a_filter_stays_while_the_status_comes(console, gateway):
    """A person's id takes longer to type than a second, in which the view is drawn anew."""
    await console.open("tail")
    await console.until("document.querySelector('.news.live')")
    await console.page.get_by_label("user").fill("u-")
    await gateway.click("u-1", "r-1")
    await console.see("u-1", ".tail")
    await console.page.wait_for_timeout(2500)
    await console.page.keyboard.type("2")
    await console.page.keyboard.press("Enter")
    await console.until("location.hash.includes('user=u-2')")


async def test_the_tail_holds_still_under_the_pointer(console, gateway):
    """While one points at the list it does not move; what came meanwhile is counted, and shown afterwards."""
    await console.open("tail")
    await console.until("document.querySelector('.news.live')")
    await gateway.click("u-1", "r-1")
    await console.page.locator(".tail tbody tr").hover()
    await console.see("held, 0 new")
    await gateway.click("u-2", "r-2")
    await console.see("held, 1 new")
    assert await console.page.locator(".tail tbody tr").count() == 1
    await console.page.mouse.move(1, 1)
    await console.until("document.querySelectorAll('.tail tbody tr').length === 2")


async def test_the_tail_says_when_it_samples(console, gateway):
    """When more passes than is shown, the tail says what share it shows; it never holds more than 500 rows."""
    await console.open("tail")
    await console.until("document.querySelector('.news.live')")
    stop = asyncio.Event()

    async def click_on():
        while not stop.is_set():
            await gateway.click()

    clicking = [asyncio.create_task(click_on()) for _ in range(8)]
    try:
        await console.see("More passes than can be shown")
    finally:
        stop.set()
        await asyncio.gather(*clicking)
    assert await console.page.locator(".tail tbody tr").count() <= 500


async def test_a_dead_letter_is_opened_and_replayed(console, gateway):
    """From the group to the letter, its attempts, its inbound and what a replay sends, to the vendor that takes it."""
    (letter,) = await died(gateway)
    await console.open("dead")
    await console.page.get_by_role("link", name="shop/vaix").click()
    await console.page.get_by_role("link", name=str(letter["id"]), exact=True).click()
    await console.see("A replay today", ".panel")
    told = await console.text(".panel")
    for fact in ("refused", "422", "u-0", "/api/tracker/events"):
        assert fact in told
    before = len(gateway.sandbox.received.entries("vaix"))
    await console.page.locator(".panel").get_by_role("button", name="Replay…").click()
    await console.see("Dry run: 1 letter would be sent again")
    await console.press("Replay 1")
    await console.see("1 letter replayed.")
    await console.press("Close")
    await console.see("0 letters")
    await gateway.settled()
    assert len(gateway.sandbox.received.entries("vaix")) == before + 1


async def test_a_group_is_discarded_and_all_is_replayed(console, gateway):
    """A group is forgotten only after its dry run and a button that says how many; "all" means all targets."""
    await died(gateway, 3)
    await console.open("dead")
    await console.page.get_by_role("button", name="Discard shop/vaix, refused").click()
    await console.see("Dry run: 3 letters would be forgotten for good")
    await console.press("Cancel")
    await console.press("Replay all…")
    await console.press("Replay 3")
    await console.see("3 letters replayed.")
    await console.press("Close")
    await gateway.settled()
    await died(gateway, 2)
    await console.page.get_by_role("button", name="Discard shop/vaix, refused").click()
    await console.press("Discard 2")
    await console.see("2 letters discarded.")
    assert (await gateway.ask("GET", "/api/deadletters"))["total"] == 0


async def test_translate_follows_what_is_typed(console):
    """As the body changes, so do its canonical form, what the target would be told, and what it would not."""
    await console.open("translate?source=dynamic_yield&target=vaix")
    body = {"user": {"id": "u-1"}, "session": {}, "context": {"device": {"ip": "203.0.113.7"}}}
    body |= {"engagements": [{"type": "CLICK", "decisionId": "d-1"}]}
    await console.page.get_by_label("Body", exact=True).fill(json.dumps(body | {"engagements": 5}))
    await console.see("engagements", ".faults")
    assert console.complaints == [one for one in console.complaints if "422" in one]
    console.complaints.clear()
    await console.page.get_by_label("Body", exact=True).fill(json.dumps(body))
    await console.see("/api/tracker/events")
    told = " ".join((await console.text(".desk")).split())
    assert "device.ip 203.0.113.7 lost" in told
    assert "decision_id d-1 copied" in told
    await console.page.get_by_label("Body", exact=True).fill("{")
    await console.see("This is not JSON")


async def test_a_translation_is_copied_as_a_golden_case(console, tmp_path):
    """What "Copy as test case" gives is a file of tests/golden: read as such, it follows from itself."""
    await console.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await console.open("translate?source=dynamic_yield&target=vaix")
    await console.see("/api/tracker/events")
    await console.press("Copy as test case")
    await console.see("copied", ".copy")
    folder = tmp_path / "dynamic_yield"
    folder.mkdir()
    path = folder / "copied.txt"
    path.write_text(await console.page.evaluate("navigator.clipboard.readText()"))
    story = read(path)
    assert story.settings["only"] == ["vaix"]
    assert "POST https://api.vaix.ai/api/tracker/events" in replay(story)
    assert path.name not in [one.name for one in STORIES]


async def test_config_shows_why_a_file_was_refused_and_what_the_next_changed(console, gateway):
    """A refused file is shown with its fault at its line; once mended, each changed setting with its two values."""
    good = gateway.path.read_text()
    gateway.path.write_text(good.replace('name = "shop"', 'nam = "shop"'))
    await reload(gateway.service, gateway.path)
    await console.open()
    await console.page.get_by_role("link", name="Config refused").click()
    await console.see("The file was refused at")
    line = 1 + gateway.path.read_text().splitlines().index('nam = "shop"')
    assert f"line {line}:" in await console.text(".faults")
    assert "nam = " in " ".join(await console.page.locator(".faulty").all_inner_texts())
    gateway.path.write_text(good.replace('timeout = "1s"', 'timeout = "2s"', 1))
    await reload(gateway.service, gateway.path)
    await console.see("In force since")
    told = " ".join((await console.text(".changes")).split())
    assert "upstreams.gravity_field.timeout" in told
    assert KEY not in await console.text()


async def test_config_shows_the_fidelity_matrix(console):
    """A cell of the matrix tells how many kinds arrive; opened it names every field that is lost."""
    await console.open("config")
    await console.page.locator(".matrix tbody tr", has_text="gravity_field_sdk").get_by_role("button").first.click()
    await console.see("gravity_field_sdk → gravity_field")
    assert "loses" in await console.text(".pair")


async def test_hostile_strings_are_inert(console, gateway):
    """Markup is text, unseen characters are spelled out, and 100 KB are cut, wherever an interaction is shown."""
    await console.open("tail")
    await console.until("document.querySelector('.news.live')")
    await gateway.click(HOSTILE, "r-1", context={"page": {"type": "OTHER", "location": "x" * 10_000}})
    await console.page.locator("tr", has_text="onerror").get_by_role("link").first.click()
    await console.see("Canonical form", ".panel")
    await is_inert(console, 10_000)
    gateway.sandbox.faults.set(Rule("vaix", "422"))
    await gateway.click(HOSTILE, "r-2", context={"page": {"type": "OTHER", "location": "x" * 100_000}})
    (letter,) = await gateway.dead()
    await console.open(f"dead?id={letter['id']}")
    await console.see("Attempts", ".panel")
    await is_inert(console, 100_000)


async def test_a_token_is_asked_for(browser, tmp_path):
    """The page asks for the admin token; a wrong one is refused, the right one opens a session of the browser."""
    async with (
        operated(tmp_path, admin='token = "admin-token"') as gateway,
        looking(browser, gateway.admin_url) as shown,
    ):
        await shown.page.goto(gateway.admin_url)
        await shown.page.get_by_label("Admin token").fill("wrong")
        await shown.press("Log in")
        await shown.see("That is not the token.")
        assert await shown.barriers() == []
        assert shown.complaints == [one for one in shown.complaints if "401" in one]
        shown.complaints.clear()
        await shown.page.get_by_label("Admin token").fill("admin-token")
        await shown.press("Log in")
        await shown.see("Nothing is held up")
        await shown.page.reload()
        await shown.see("Nothing is held up")
        (cookie,) = await shown.page.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        assert "admin-token" not in cookie["value"]
        await shown.press("Log out")
        await shown.page.get_by_label("Admin token").wait_for()


async def test_a_gateway_that_is_gone_is_told(browser, tmp_path):
    """When no news comes the page says so, and of when it is what it shows."""
    async with AsyncExitStack() as running:
        gateway = await running.enter_async_context(operated(tmp_path))
        async with looking(browser, gateway.admin_url) as shown:
            await shown.open()
            await shown.see("Nothing is held up")
            await running.aclose()
            await shown.see("No news from the gateway: what is shown is of")
            await shown.page.goto("about:blank")
            shown.asked.pop()
            assert shown.complaints == [one for one in shown.complaints if "ERR_" in one]
            shown.complaints.clear()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nobody_is_kept_out(browser, gateway, scheme):
    """In light and in dark no view has a serious or critical violation of axe's rules, also with something opened."""
    async with looking(browser, gateway.admin_url, scheme=scheme) as shown:
        async for place in everywhere(shown, gateway):
            assert await shown.page.evaluate("document.documentElement.dataset.theme") == scheme
            assert await shown.barriers() == [], place


async def test_a_phone_shows_it_without_scrolling_sideways(browser, gateway):
    """At 360 pixels every view fits the width, also with something opened."""
    async with looking(browser, gateway.admin_url, viewport=PHONE) as shown:
        async for place in everywhere(shown, gateway):
            assert await shown.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], place


async def test_the_keyboard_is_enough(console):
    """Single keys change the view and the colours, Tab reaches the skip link first, Escape closes what is open."""
    await console.open()
    await console.page.keyboard.press("4")
    await console.see("Canonical form")
    await console.page.keyboard.press("1")
    await console.page.locator(".target-name > a").first.wait_for()
    await console.page.keyboard.press("j")
    await console.page.keyboard.press("Enter")
    await console.see("Funnel, since start", ".panel")
    await console.page.keyboard.press("Escape")
    await console.page.locator(".panel").wait_for(state="detached")
    before = await console.page.evaluate("document.documentElement.dataset.theme")
    await console.page.keyboard.press("t")
    await console.page.keyboard.press("t")
    assert await console.page.evaluate("document.documentElement.dataset.theme") != before
    await console.page.keyboard.press("?")
    await console.page.get_by_label("single keys are on").uncheck()
    await console.press("Close")
    await console.page.keyboard.press("2")
    assert "Flow" in await console.page.title()


async def test_the_page_is_small_and_whole(console):
    """All that the page loads is below 300 KB, uncompressed, and of the gateway itself: no internet is needed."""
    await console.open()
    await console.see("Nothing is held up")
    loaded = {one.removeprefix(console.url) for one in console.asked}
    assert {one for one in loaded if not one.startswith("/api/")} == {"/", *assets()}
    assert sum((BUILT / one.lstrip("/")).stat().st_size for one in ("index.html", *assets())) < 300_000


def assets():
    """The paths of everything that was built beside the page itself."""
    return [f"/{one.relative_to(BUILT).as_posix()}" for one in BUILT.glob("console/*")]
