"""The five vendors as strict upstreams on one port, for trying and testing without an account.

Independent of the mappings on purpose: what a vendor takes is written in `contracts/*.json`, how it answers in
`answers.py`, so that a mapping's mistake is not repeated here. It imports nothing of the gateway.

    server      sockets: receives calls, answers them, does the damage that was asked for
    admin       the pages for people and tests: /, /_faults, /_received
    judge       pure: one call to a verdict
    vendors     pure: each vendor's endpoints, credentials and what it does with a call it accepts
    answers     pure: each vendor's words for a refusal
    validation  the contracts, and every fault of a document
    faults      failures on demand: their spelling, and which call they hit
    record      what was received
    exchange    calls, replies and refusals as values
"""

from gateway.sandbox.server import Sandbox, serve

__all__ = ["Sandbox", "serve"]
