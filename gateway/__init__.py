"""The interaction gateway.

Floors, top to bottom; an import goes downward only:

    __main__, cli               the commands; the only place that knows the mappings
    top                         what a running gateway does, for a terminal
    serving                     the process: its signals, its configuration file watched
    service, halted             a running gateway put together; the store of a stopped one
    fleet, member, channel      several accepting processes, their parent, and what the two say to each other
    accepting, delivering       the two halves: the public port with its rules; the store with a worker for each target
    server, admin               HTTP in, plain values out
    connection, ports           one caller's connection; where listeners start
    observers                   the counters, the tail and the traces of one process
    traces                      what passes, as spans for OpenTelemetry
    relay                       one inbound, from request to answer
    rules                       what a configuration says of inbounds, made ready at load
    delivery                    one outbound, from plan to verdict
    tail                        what passes, shown to whoever watches
    config, log, metrics, store what is wanted, told, counted and kept
    heads                       what requests say before their bodies, each read once
    routing, limits, refusals   pure: which route and targets; how fast; samples of what could not be carried
    fidelity, dryrun            pure: what survives between two vendors; what would be sent
    translate                   pure: interactions to outbounds, losses, refusals
    shaping                     pure: when, share, privacy, fill
    contract                    what a mapping is (`conformance` holds any to it)
    facts, model                the canonical interaction, and what it states by name
    wire, times, clocks         bytes, times as text, clocks that may disagree
    garbage, turns, version     the collector of cycles, set for what serves; like work done together; what is installed
    errors                      every way to fail

`sandbox` stands beside them: it judges what the mappings send, so it shares no code with them.
"""
