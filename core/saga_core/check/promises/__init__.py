"""What each step is held to: `steps` by what it did, `contracts` by what must change nothing."""
