"""One order, carried out: `python -m service.media.decoder ORDER`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from service.media.decoder.limits import confine, go_on
from service.media.decoder.wire import Failure, Order, pack

Message = tuple[dict[str, Any], Any]  # head and payload


def main() -> None:
    """Limits first, FFmpeg afterwards."""
    order = Order.load(sys.argv[1])
    confine(order.memory)
    for head, payload in _messages(order):
        out = sys.stdout.buffer
        out.write(pack(head | {"size": len(payload)}))
        out.write(payload)
        out.flush()
        go_on()


def _messages(order: Order) -> Iterator[Message]:
    """What was asked for, and how it ended."""
    import av.logging
    from av.error import FFmpegError

    from service.media.decoder.container import Refused
    from service.media.decoder.pictures import pictures
    from service.media.decoder.sound import sound

    av.logging.set_level(None)
    failure: Failure | None = None
    try:
        yield from (pictures if order.want == "pictures" else sound)(order)
    except Refused as error:
        failure = error.failure
    except MemoryError:
        failure = "too_complex"
    except FFmpegError as error:
        failure = "too_complex" if error.errno == 12 else "damaged"
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        failure = "damaged"  # what a header says makes no sense
    yield {"type": "end", "failure": failure}, b""


if __name__ == "__main__":
    main()
