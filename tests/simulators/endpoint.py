"""A simulator of an OpenAI-compatible model endpoint, with scripted faults. Loopback only.

In a test: `with running_endpoint(script=...) as endpoint: endpoint.url, endpoint.requests`.
As a program: `python tests/simulators/endpoint.py --port 0 --log FILE --faults '{"rate_limited": [1, 2]}'`
prints its URL. A raw asyncio protocol, so that it is never what a benchmark measures.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

Script = Callable[[int, dict[str, Any]], "str | tuple[str, Any] | None"]
"""(number of the request counting from 1, its body) → the name of a fault, with its argument, or None."""

FLOOD_BLOCK = b"x" * 65536


def completion(text: Any, *, finish_reason: Any = "stop", **extra: Any) -> dict[str, Any]:
    """The body of a good answer; `extra` replaces keys."""
    body: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "simulated-1",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
    }
    return body | extra


def response(status: int, body: bytes, content_type: str = "application/json", *headers: str) -> bytes:
    """The bytes of one HTTP response with a right length."""
    lines = [
        f"HTTP/1.1 {status} X",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def error(status: int, code: str, *headers: str) -> bytes:
    """The bytes of an error response in the usual shape."""
    body = json.dumps({"error": {"message": "no: sk-secret-echo", "type": code, "code": code}}).encode()
    return response(status, body, "application/json", *headers)


def _good(**extra: Any) -> bytes:
    return response(200, json.dumps(completion("yes") | extra).encode())


FAULTS: dict[str, Callable[[Any], bytes]] = {
    "rate_limited": lambda after: error(
        429, "rate_limit_exceeded", *([f"Retry-After: {after}"] if after else [])
    ),
    "no_quota": lambda _: error(429, "insufficient_quota"),
    "server_error": lambda status: error(status or 500, "server_error"),
    "bad_gateway_html": lambda _: response(502, b"<html>Bad gateway</html>", "text/html"),
    "html": lambda _: response(200, b"<html><body>Please log in</body></html>", "text/html"),
    "garbage": lambda _: response(200, bytes(range(256)) * 4),
    "wrong_json": lambda body: response(200, json.dumps(body if body is not None else {"a": 1}).encode()),
    "raw": lambda body: response(200, body),
    "deep_json": lambda _: response(200, b'{"choices":' + b"[" * 100_000),
    "empty": lambda _: response(200, json.dumps(completion("")).encode()),
    "null": lambda _: response(200, json.dumps(completion(None)).encode()),
    "no_body": lambda _: response(200, b""),
    "cut_off": lambda text: response(200, json.dumps(completion(text, finish_reason="length")).encode()),
    "nan_tokens": lambda _: response(
        200, json.dumps(completion("yes", usage={"prompt_tokens": float("nan")})).encode()
    ),
    "odd_tokens": lambda _: _good(usage={"prompt_tokens": -5, "completion_tokens": "many"}),
    "no_usage": lambda _: _good(usage=None),
    "content_filter": lambda _: response(
        200, json.dumps(completion("half an", finish_reason="content_filter")).encode()
    ),
    "policy": lambda status: error(status or 400, "content_policy_violation"),
    "bad_request": lambda status: error(status or 400, "unsupported_parameter"),
    "unauthorized": lambda _: error(401, "invalid_api_key"),
    "forbidden": lambda _: error(403, "permission_denied"),
    "not_found": lambda _: error(404, "model_not_found"),
    "redirect": lambda to: response(307, b"", "text/plain", f"Location: {to or 'http://127.0.0.1:9/v1'}"),
    "huge_header": lambda _: response(200, b"{}", "application/json", "X-Long: " + "a" * 100_000),
    "gzip": lambda _: response(200, b"\x1f\x8b" + b"\0" * 50, "application/json", "Content-Encoding: gzip"),
    "not_http": lambda _: b"SSH-2.0-OpenSSH_9.6\r\n",
}
"""Faults that are one response, by name; the argument is what the script gave."""


class Simulator:
    """What the connections of one server share.

    Args:
        script: Says which request meets which fault.
        answer: The text of a good answer, or what makes it from the body.
        log: Where one line per request is written, unbuffered; None: nowhere.
        keep: Whether the requests are kept in `requests`.
    """

    def __init__(
        self,
        *,
        script: Script | None = None,
        answer: str | Callable[[dict[str, Any]], str] = "yes",
        log: int | None = None,
        keep: bool = True,
    ) -> None:
        self.script = script
        self.answer = answer
        self.log = log
        self.keep = keep
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.count = 0
        self.open = 0
        self.most_open = 0
        self.url = ""
        self.fixed = None if callable(answer) else response(200, json.dumps(completion(answer)).encode())

    def reply(self, body: bytes, head: bytes) -> bytes | tuple[str, Any]:
        """The bytes to send, or a fault that needs more than one response."""
        self.count += 1
        if self.script is None and self.log is None and not self.keep and self.fixed is not None:
            return self.fixed
        request = json.loads(body) if body else {}
        if self.keep:
            self.requests.append(request)
            self.headers.append(_headers(head))
        if self.log is not None:
            asked = {
                "n": self.count,
                "asked": request["messages"][-1]["content"],
                "seed": request.get("seed"),
            }
            os.write(self.log, json.dumps(asked).encode() + b"\n")
        fault = self.script(self.count, request) if self.script is not None else None
        if fault is None:
            return self.fixed or response(200, json.dumps(completion(self.answer(request))).encode())  # type: ignore[operator]
        name, argument = (fault, None) if isinstance(fault, str) else fault
        return FAULTS[name](argument) if name in FAULTS else (name, argument)


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines[1:] if line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs} | {
        ":path": lines[0].split(" ")[1]
    }


class Connection(asyncio.Protocol):
    """One connection: cuts the stream into requests and answers each."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.buffer = b""
        self.transport: asyncio.Transport
        self.flooding = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            at = head.lower().find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            self.buffer = self.buffer[end + 4 + length :]
            self.answer(self.simulator.reply(body, head))

    def answer(self, reply: bytes | tuple[str, Any]) -> None:
        if isinstance(reply, bytes):
            self.transport.write(reply)
            return
        name, argument = reply
        if name == "slow":
            self.simulator.open += 1
            self.simulator.most_open = max(self.simulator.most_open, self.simulator.open)
            asyncio.get_running_loop().call_later(argument, self.answer_late)
        elif name == "drop":
            self.transport.write(_good()[:-20])
            self.transport.close()
        elif name == "close":
            self.transport.close()
        elif name == "wrong_length":
            self.transport.write(_good().replace(b"Content-Length: ", b"Content-Length: 9"))
            self.transport.close()
        elif name == "flood":
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            self.transport.write(head)
            self.flooding = True
            self.flood()
        elif name == "claims_gigabyte":
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n{")
        elif name != "hang":
            raise KeyError(name)

    def answer_late(self) -> None:
        self.simulator.open -= 1
        if not self.transport.is_closing():
            self.transport.write(_good())

    def flood(self) -> None:
        if self.flooding and not self.transport.is_closing():
            self.transport.write(b"%x\r\n%s\r\n" % (len(FLOOD_BLOCK), FLOOD_BLOCK))
            asyncio.get_running_loop().call_soon(self.flood)

    def pause_writing(self) -> None:
        self.flooding = False

    def resume_writing(self) -> None:
        self.flooding = True
        self.flood()

    def connection_lost(self, exc: Exception | None) -> None:
        self.flooding = False


async def serve(simulator: Simulator, port: int = 0) -> asyncio.Server:
    """Start listening on loopback and set the simulator's `url`."""
    server = await asyncio.get_running_loop().create_server(lambda: Connection(simulator), "127.0.0.1", port)
    simulator.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    return server


@contextlib.contextmanager
def running_endpoint(
    *, script: Script | None = None, answer: str | Callable[[dict[str, Any]], str] = "yes"
) -> Iterator[Simulator]:
    """Run a simulator in a thread of its own for the length of the block."""
    simulator = Simulator(script=script, answer=answer)
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(serve(simulator))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield simulator
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.run_until_complete(asyncio.sleep(0))
        _close_transports(loop)
        loop.close()


def _close_transports(loop: asyncio.AbstractEventLoop) -> None:
    for transport in list(getattr(loop, "_transports", {}).values()):
        transport.abort()
    loop.run_until_complete(asyncio.sleep(0))


def numbered(faults: dict[str, list[int]], argument: Any = None) -> Script:
    """A script from fault names to the numbers of the requests that meet them."""
    by_number = {number: name for name, numbers in faults.items() for number in numbers}
    return lambda number, _body: (by_number[number], argument) if number in by_number else None


def main() -> None:
    """Serve until the process is ended or its standard input closes."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", help="file that gets one line per request")
    parser.add_argument("--faults", default="{}", help='JSON such as {"rate_limited": [1, 2]}')
    parser.add_argument("--answer", default="yes")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before every answer")
    options = parser.parse_args()
    log = os.open(options.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644) if options.log else None
    faults = json.loads(options.faults)
    script = numbered(faults) if faults else None
    if options.delay:
        script = lambda _number, _body: ("slow", options.delay)  # noqa: E731
    simulator = Simulator(script=script, answer=options.answer, log=log, keep=False)
    asyncio.run(_serve_until_closed(simulator, options.port))


async def _serve_until_closed(simulator: Simulator, port: int) -> None:
    server = await serve(simulator, port)
    print(simulator.url, flush=True)
    loop = asyncio.get_running_loop()
    closed = loop.create_future()

    def read() -> None:
        if not os.read(sys.stdin.fileno(), 4096) and not closed.done():
            closed.set_result(None)

    loop.add_reader(sys.stdin.fileno(), read)
    await closed
    server.close()


if __name__ == "__main__":
    main()
