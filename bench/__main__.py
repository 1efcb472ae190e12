"""`python -m bench [core] [startup] [accept] [forward] [client] [delivery] [slow-vendor]`: all without a name."""

import platform
import sys

from bench import client, core, delivery, http, slow_vendor, startup

BENCHES = {
    "core": core.main,
    "startup": startup.main,
    "accept": http.accept,
    "forward": http.forward,
    "client": client.main,
    "delivery": delivery.main,
    "slow-vendor": slow_vendor.main,
}


def main(names: list[str]) -> None:
    """Run the named benches, or all."""
    unknown = set(names) - BENCHES.keys()
    if unknown:
        sys.exit(f"no such bench: {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    print(f"{platform.python_implementation()} {platform.python_version()} on {platform.machine()} {platform.system()}")
    for name in names or BENCHES:
        BENCHES[name]()


main(sys.argv[1:])
