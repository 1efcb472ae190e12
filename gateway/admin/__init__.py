"""The admin port: health, metrics, and what people on call ask of a gateway and have it do.

server       aiohttp in, plain values out; `guard` lets in who may ask
api          every operation by method and path, for the port and for commands that open a stopped store
status, deadletters, deliveries, targets, sending, translating, backup
"""
