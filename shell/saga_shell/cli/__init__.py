"""The command line `agentmux-launcher` (DESIGN 6).

What is asked for goes to standard output, everything else to standard error. A user's mistake is
one line there; an exception that nobody expected keeps its traceback, because it is a bug.
"""
