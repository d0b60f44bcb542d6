"""`diag`: what sagas did, from the log; what the launcher sees, from the launcher."""
