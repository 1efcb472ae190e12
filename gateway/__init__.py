"""The interaction gateway.

Floors, top to bottom; an arrow points downward only:

    __main__, cli     composition: the only place that knows the mappings
    server, admin     HTTP in, plain values out
    relay             one inbound, from bytes to answer
    delivery          one outbound, from plan to verdict
    config, log, metrics
    translate         pure: interactions to outbounds, losses, refusals
    shaping           pure: when, share, privacy, fill
    contract          what a mapping is
    model             the canonical interaction
    wire, errors      bytes and failures
"""
