"""The operations of the protocol."""
