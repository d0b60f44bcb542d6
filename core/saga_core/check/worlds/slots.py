"""What a connection's number stands for in a world."""

FREE, OPEN, CLOSING = 0, 1, 2
"""Nothing; a live connection; one that the process hung up and that has not ended yet."""
