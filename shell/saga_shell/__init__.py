"""The imperative shell: asyncio, SQLite, sockets, processes and the command line."""
