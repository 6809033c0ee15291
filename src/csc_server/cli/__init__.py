"""The commands csc-server offers to operators and developers."""
