"""What is accepted and not yet delivered: inbounds, once each, and how far every target is with them.

contract            what a store does for the rest of the gateway
embedded            the store in the gateway's own process, over a log
commits             what is written together, and when
consumer, window    one target: what it leases; how far it is
recent, rereading   what was appended last; what was read back last
trails              where an inbound went
log                 what a log does; `sqlite` is the engine, `memory` the one of tests
schema, statements  the SQLite file, and what is written to it and asked of it
wal                 what is committed and not yet in that file
room, collecting    how much may be written; letting go of what is done with
salvage, pages      what can still be read of a damaged file
"""
