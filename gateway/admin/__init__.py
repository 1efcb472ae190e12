"""The admin port: health, metrics, the console, and what people on call ask of a gateway and have it do.

server        aiohttp in, plain values out; `guard` and `sessions` let in who may ask, `page` is the built console
api           every `operation` by method and path, for the port and for commands that open a stopped store
description   the same table as OpenAPI; `answers` are its answers, `problem` its refusals
call          one call of it, of the gateway as `operated` has it

Operations, in modules of their own names: `status` (of `totals` and `readings`), `health`, `events` (the live view,
with what `gateway.tail` shows), `opened` (one request of it whole, of the `recent` ones), `deadletters`, `deliveries`,
`targets`, `translating`, `sending`, `configured`, `knowledge`, `login`, `backup`. What they tell is `shown` and
`canonical`, its credentials masked by `masking`.
"""
