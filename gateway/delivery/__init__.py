"""One outbound's way to its vendor: credentials, the wire, the verdict."""
