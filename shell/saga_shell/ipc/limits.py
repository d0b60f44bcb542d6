"""The bounds of the socket server (DESIGN 7, 'Lines'): one frozen value."""

from msgspec import Struct

LINE_BYTES = 1_048_576
"""The longest line that is read, without its newline."""

QUEUE_LINES = 4_096
QUEUE_BYTES = 8 * 1_048_576
WRITE_TIMEOUT_SECONDS = 5.0
LINGER_SECONDS = 0.5
MAX_CONNECTIONS = 4_096
WAITING_BYTES = 64 * 1_048_576


class Limits(Struct, frozen=True):
    """How much one peer may ask of the launcher. Counts, bytes and seconds.

    `queue_lines`, `queue_bytes`: what may wait to be written to one connection.
    `write_timeout`: how long one write may wait until the OS has taken all of it; also how long
    a connection that ends may take to flush. `linger`: how long a peer that shut only its sending
    side may wait for answers. `waiting_bytes`: what all peers together may have said that nobody
    has taken yet.
    """

    line_bytes: int = LINE_BYTES
    queue_lines: int = QUEUE_LINES
    queue_bytes: int = QUEUE_BYTES
    write_timeout: float = WRITE_TIMEOUT_SECONDS
    linger: float = LINGER_SECONDS
    max_connections: int = MAX_CONNECTIONS
    waiting_bytes: int = WAITING_BYTES
