"""The storage ports: row types and protocols, one module a side."""
