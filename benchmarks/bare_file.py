"""Send a file over HTTP by the kernel alone: what a download from this machine can reach.

python -m benchmarks.bare_file PORT FILE
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

_REQUEST_BYTES = 2**16


def main(port: int, path: Path) -> None:
    """Answer every request with the file, until this process is ended."""
    with socket.create_server(("127.0.0.1", port)) as server, path.open("rb") as file:
        num_bytes = os.fstat(file.fileno()).st_size
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {num_bytes}\r\n\r\n".encode()
        while True:
            connection, _ = server.accept()
            with connection:
                if connection.recv(_REQUEST_BYTES):
                    connection.sendall(head)
                    connection.sendfile(file)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
