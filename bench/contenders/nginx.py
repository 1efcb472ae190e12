"""nginx: the limits (an answer, a plain proxy), a translation in Lua, and a mirror."""

import os

from bench.contenders import FILES, Contender, Launch, Site, filled, programs

_CLICKS = "location = /v2/collect/user/engagement"


def answer() -> Contender:
    """The least that a server can do: 204 to everything."""
    return Contender("nginx, 204", "reads the request, answers 204", _answers, _missing)


def proxy(*, tls: bool = False) -> Contender:
    """The least that a proxy can do: the body as it came to one vendor, its status back."""
    scheme = "https" if tls else "http"

    def launch(site: Site) -> Launch:
        place = f"{_CLICKS} {{ proxy_pass {scheme}://first/ssapi/engagement; {_key()} }}"
        return start(site, _upstreams(site) + _server(site, place))

    return Contender("nginx, plain proxy", "passes the body on as it came", launch, _missing)


def translating() -> Contender:
    """The same translation in Lua."""

    def launch(site: Site) -> Launch:
        modules = programs.lua()
        root = "" if modules is None else modules.parents[3]
        loads = [f"load_module {modules}/{one};" for one in ("ndk_http_module.so", "ngx_http_lua_module.so")]
        library = next(iter(programs.DEBIAN.glob("usr/lib/*-linux-gnu")), root)
        paths = f'lua_package_path "{root}/usr/share/lua/5.1/?.lua;;";\nlua_package_cpath "{library}/lua/5.1/?.so;;";\n'
        place = (
            f"{_CLICKS} {{ access_by_lua_file {FILES}/translate.lua;"
            f" proxy_pass http://first/ssapi/engagement; {_key()} }}"
        )
        return start(site, paths + _upstreams(site) + _server(site, place), "\n".join(loads))

    def missing() -> str | None:
        return _missing() or (None if programs.lua() else "nginx's Lua module is not installed")

    note = "the key checked, the body translated; no validation, no losses by name"
    return Contender("nginx + Lua", note, launch, missing, variations=("101098971",))


def mirror() -> Contender:
    """The body as it came to one vendor, and a copy of it to another."""

    def launch(site: Site) -> Launch:
        place = (
            f"{_CLICKS} {{ mirror /copy; proxy_pass http://first/ssapi/engagement; {_key()} }}\n"
            f"location = /copy {{ internal; proxy_pass http://second/ssapi/engagement; {_key()} }}"
        )
        return start(site, _upstreams(site) + _server(site, place))

    return Contender("nginx mirror", "passes the body on as it came", launch, _missing)


def start(site: Site, http: str, main: str = "") -> Launch:
    """Nginx with these parts of its configuration."""
    if os.geteuid() == 0:
        main += "\nuser root;"
    file = site.folder / "nginx.conf"
    file.write_text(filled("nginx.conf", folder=site.folder, main=main, http=http))
    return programs.launch("nginx", "-p", site.folder, "-c", file, "-e", site.folder / "error.log")


def _answers(site: Site) -> Launch:
    return start(site, _server(site, "location / { return 204; }"))


def _missing() -> str | None:
    return programs.missing("nginx")


def _key() -> str:
    return (
        'proxy_set_header Connection ""; proxy_set_header DY-API-Key "";'
        ' proxy_set_header Authorization "Bearer gf-key";'
    )


def _upstreams(site: Site) -> str:
    named = zip(("first", "second"), site.vendors, strict=False)
    return "\n".join(f"upstream {name} {{ server 127.0.0.1:{port}; keepalive 512; }}" for name, port in named)


def _server(site: Site, places: str) -> str:
    return f"\nserver {{ listen 127.0.0.1:{site.port} backlog=4096; {places} }}"
