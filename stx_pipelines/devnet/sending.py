"""Functions that read a request, send a response or close the connection of a request, by ASGI.

This module handles bytes. It does not make the content of a response (stacks/api.py, ethereum/rpc.py).
"""

import asyncio

from starlette.types import Receive, Scope, Send

HANG_UP = "devnet.hang_up"  # name of the scope extension with a function that closes the connection; ASGI has none
Headers = list[tuple[bytes, bytes]]


def header(scope: Scope, wanted: bytes) -> str:
    """Return the value of a request's header, or an empty text if the request does not have the header."""
    return next((value.decode() for name, value in scope["headers"] if name == wanted), "")


async def read_body(receive: Receive) -> bytes:
    """Read the whole body of a request."""
    chunks, more = [], True
    while more:
        message = await receive()
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(chunks)


async def send_whole(status: int, headers: Headers, body: bytes, send: Send, drip_seconds: float = 0.0) -> None:
    """Send a whole response. With `drip_seconds`, its body arrives in ten parts with this pause after each."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if drip_seconds > 0:
        size = -(-len(body) // 10) or 1
        for start in range(0, len(body), size):
            await send({"type": "http.response.body", "body": body[start : start + size], "more_body": True})
            await asyncio.sleep(drip_seconds)
        body = b""
    await send({"type": "http.response.body", "body": body})


async def send_half(status: int, headers: Headers, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
    """Send the headers of the whole response but only half of its body, then close the connection."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    await hang_up(scope, receive)


async def hang_up(scope: Scope, receive: Receive) -> None:
    """Close the connection and wait until it is closed, because the server logs an error if the app returns earlier."""
    scope["extensions"][HANG_UP]()
    while (await receive())["type"] != "http.disconnect":
        pass
