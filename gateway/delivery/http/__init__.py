"""The HTTP/1.1 client that deliveries go by: pooled keep-alive connections, a callback for each request.

    client      sends an outbound and calls back once: with the answer, or with why there is none
    exchange    one request under way, and the call back that ends it
    pool        one origin's connections, and the line of those who wait for one
    connection  one connection: its transport, and the exchange that is under way on it
    dial        how a connection is opened: addresses, TLS (`tls`), a proxy (`proxy`)
    request     the head of an outbound as bytes
    reading     bytes as an answer

No task, future or timer is made for a request. It promises what a click needs and no more: a request is written at most
once, redirects are never followed, cookies never kept.
"""
