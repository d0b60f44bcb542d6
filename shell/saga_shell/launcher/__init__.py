"""The running launcher: events in, `step`, one commit per batch, effects out (DESIGN 5)."""
