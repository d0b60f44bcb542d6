"""The reference host: a peer process that shows windows and runs their panes.

It speaks the wire of FACTS 2 and nothing else: what it knows of the launcher comes over the
socket. `agentmux-host --help` shows how to run it and how to make it misbehave on purpose.
"""
