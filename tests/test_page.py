"""The console's page and assets as the admin port serves them, whatever is built."""

import os

import pytest
from operating_calls import operated

from gateway.admin.page import POLICY, Page
from gateway.admin.problem import AdminError

SCRIPT = b"console.log('x');" * 100


@pytest.fixture
def built(tmp_path):
    """A build of two files, and what must not be served beside them."""
    folder = tmp_path / "dist"
    (folder / "console").mkdir(parents=True)
    (folder / "index.html").write_bytes(b"<!doctype html><script src=/console/a-1.js></script>")
    (folder / "console" / "a-1.js").write_bytes(SCRIPT)
    (folder / "console" / "notes.txt").write_bytes(b"not an asset")
    (tmp_path / "secret.js").write_bytes(b"outside")
    return folder


async def test_without_a_build_the_page_says_how_to_make_one(tmp_path):
    """200, in words, under the same policy as the real page; the API works beside it."""
    async with operated(tmp_path) as gateway:
        gateway.service._admin._page = Page(tmp_path / "nothing")
        async with gateway.session.get(gateway.admin_url + "/") as answer:
            assert answer.status == 200
            assert answer.headers["Content-Security-Policy"] == POLICY
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            text = await answer.text()
    assert "Node" in text
    assert "make run" in text


async def test_a_build_is_served_strictly_and_kept_by_browsers(tmp_path, built):
    """The page asks each time and is told that nothing changed; assets are kept for good; both compressed."""
    async with operated(tmp_path) as gateway:
        gateway.service._admin._page = Page(built)
        async with gateway.session.get(gateway.admin_url + "/") as answer:
            assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
            assert answer.headers["Cache-Control"] == "no-cache"
            assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
            assert "unsafe" not in answer.headers["Content-Security-Policy"]
            tag = answer.headers["ETag"]
        async with gateway.session.get(gateway.admin_url + "/", headers={"If-None-Match": tag}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
        async with gateway.session.get(gateway.admin_url + "/console/a-1.js") as answer:
            assert "immutable" in answer.headers["Cache-Control"]
            assert answer.headers["Content-Encoding"] == "gzip"
            assert answer.headers["Content-Type"].startswith("text/javascript")
            assert await answer.read() == SCRIPT
        plain = {"Accept-Encoding": "identity"}
        async with gateway.session.get(gateway.admin_url + "/console/a-1.js", headers=plain) as answer:
            assert "Content-Encoding" not in answer.headers
            assert await answer.read() == SCRIPT
        for path in (
            "/console/../../secret.js",
            "/console/%2e%2e/%2e%2e/secret.js",
            "/console//etc/passwd",
            "/console/",
        ):
            async with gateway.session.get(gateway.admin_url + path) as answer:
                assert answer.status == 404


def test_only_assets_are_served(built):
    """No other kind of file, no folder, nothing outside the build."""
    page = Page(built)
    assert page.get("/console/a-1.js", known=None, zips=False).status == 200
    for path in ("/console/notes.txt", "/console", "/index.html/", "/secret.js", "/../secret.js"):
        with pytest.raises(AdminError):
            page.get(path, known=None, zips=False)


def test_a_new_build_is_taken_up(built):
    """Who builds while the gateway runs sees the new page at the next load."""
    page = Page(built)
    before = page.get("/", known=None, zips=False)
    (built / "index.html").write_bytes(b"<!doctype html>new")
    os.utime(built / "index.html", (1, 1))
    after = page.get("/", known=None, zips=False)
    assert (after.body, before.body != after.body) == (b"<!doctype html>new", True)
    assert page.get("/", known=before.headers["ETag"], zips=False).status == 200
