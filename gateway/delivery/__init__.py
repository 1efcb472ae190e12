"""One outbound's way to its vendor: credentials, the wire, the verdict.

worker              one target's deliveries, from what the store leases
planning, settle    what is to be sent for an inbound; what becomes of it after an attempt; both pure
forward             the primary target, while its caller waits
upstream            one vendor account: an outbound sent, its answer and verdict (`sending`)
gate, pace, retry   who may send now, how fast, and when to try again
granted, tokens     accounts that need an OAuth token
http                the client on the wire
keeping, at_rest    an inbound as the store keeps it, and what must not lie there
probe               whether an upstream lets its account in
"""
