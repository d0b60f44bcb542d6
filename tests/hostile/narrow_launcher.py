"""The real launcher on a system that lets it open few files."""

import resource

from saga_shell.cli.main import main

FILES = 256

if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
    main()
