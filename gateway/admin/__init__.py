"""The admin port: health, metrics, the console, and what people on call ask of a gateway and have it do.

server        aiohttp in, plain values out; `guard` and `doors` let in who may ask, `page` is the built console
api           every operation by method and path, for the port and for commands that open a stopped store
description   the same table as OpenAPI; `answers` are its answers, `problem` its refusals
events        the live view, with what `gateway.tail` shows; `opened` tells one request of it whole
status, deadletters, deliveries, targets, sending, translating, configured, knowledge, health, entering, backup
"""
