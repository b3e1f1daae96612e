"""localstripe on loopback, for the tests: prints its port, keeps nothing, and ends with its standard input."""

import os
import socket
import sys
import threading

from aiohttp import web
from localstripe import server

server.store.dump_to_disk = lambda: None
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
web.run_app(server.app, sock=listener, print=None, access_log=None)
