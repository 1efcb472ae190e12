"""What TLS rests on."""

import ssl

from msgspec import Struct


class Trust(Struct, frozen=True):
    """Whom an account trusts where that is not whom the system trusts, and the certificate and key that it shows."""

    ca_file: str | None = None
    client_cert: str | None = None

    def context(self) -> ssl.SSLContext:
        """The TLS settings: always verified; raises OSError where a file cannot be used."""
        context = ssl.create_default_context(cafile=self.ca_file)
        context.set_alpn_protocols(["http/1.1"])
        if self.client_cert is not None:
            context.load_cert_chain(self.client_cert)
        return context
