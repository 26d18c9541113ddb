"""ASGI messages: reading a request, sending a response. Also closing a connection, for which ASGI has no message.

Belongs here: bytes in, bytes out. Not here: the content of a response (stacks/api.py, ethereum/rpc.py).
"""

from starlette.types import Receive, Scope, Send

HANG_UP = "devnet.hang_up"  # the scope extension that holds the function closing the request's connection
Headers = list[tuple[bytes, bytes]]


def header(scope: Scope, wanted: bytes) -> str:
    """Return a header of the request, or an empty text."""
    return next((value.decode() for name, value in scope["headers"] if name == wanted), "")


async def read_body(receive: Receive) -> bytes:
    """Read the whole body of a request."""
    chunks, more = [], True
    while more:
        message = await receive()
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(chunks)


async def send_whole(status: int, headers: Headers, body: bytes, send: Send) -> None:
    """Send a whole response."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_half(status: int, headers: Headers, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
    """Send the right headers and half the body, then close the connection."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    await hang_up(scope, receive)


async def hang_up(scope: Scope, receive: Receive) -> None:
    """Close the connection and wait for it, because the server logs an error for an app that returns before."""
    scope["extensions"][HANG_UP]()
    while (await receive())["type"] != "http.disconnect":
        pass
