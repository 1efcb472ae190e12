"""Envoy with its transform filter, the native way to rewrite a JSON body, with or without a copy to a second vendor."""

from bench.contenders import Contender, Launch, Site, filled, programs

_CLUSTER = (
    "{name: %s, type: STATIC, connect_timeout: 1s, load_assignment: {cluster_name: %s, endpoints: [{lb_endpoints:"
    " [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: %d}}}}]}]}%s}"
)
_TLS = (
    ", transport_socket: {name: envoy.transport_sockets.tls, typed_config: {"
    '"@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext}}'
)
_MIRROR = "{cluster: second, runtime_fraction: {default_value: {numerator: 100}}}"


def transform(*, tls: bool = False) -> Contender:
    """One vendor told."""
    return _contender("Envoy, transform filter", mirrored=False, tls=tls)


def mirror() -> Contender:
    """One vendor told, and a second one sent a copy."""
    return _contender("Envoy, transform filter and mirror", mirrored=True, tls=False)


def _contender(name: str, *, mirrored: bool, tls: bool) -> Contender:
    def launch(site: Site) -> Launch:
        socket = _TLS if tls else ""
        clusters = [_CLUSTER % ("vendor", "vendor", site.vendors[0], socket)]
        if mirrored:
            clusters.append(_CLUSTER % ("second", "second", site.vendors[1], socket))
        values = {"port": site.port, "mirrors": _MIRROR if mirrored else "", "clusters": ", ".join(clusters)}
        file = site.folder / "envoy.yaml"
        file.write_text(filled("envoy.yaml", **values))
        return programs.launch("envoy", "-c", file, "--concurrency", 1, "--log-level", "error", "--use-dynamic-base-id")

    note = "the body translated, but variations stay numbers; no key checked, no validation, no losses by name"
    return Contender(name, note, launch, lambda: programs.missing("envoy"), variations=(101098971,))
