"""The sockets that the servers listen on."""

import asyncio
import socket
from contextlib import closing

from sagemaker_emulator import listening


def test_answers_in_several_pieces_are_sent_without_delay() -> None:
    """Else each answer to a kept connection waits 40 ms for the client's acknowledgement."""

    async def delays() -> int:
        accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            found: socket.socket = writer.get_extra_info("socket")
            accepted.set_result(found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        sock = listening.listen(0)
        assert sock is not None
        server = await asyncio.start_server(connected, sock=sock)
        with closing(server):
            _, writer = await asyncio.open_connection(listening.HOST, listening.port_of(sock))
            writer.close()
            return await accepted

    assert asyncio.run(delays()) != 0
