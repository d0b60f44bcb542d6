"""`python -m saga_shell` is `agentmux-launcher`."""

from saga_shell.cli.main import main

main()
