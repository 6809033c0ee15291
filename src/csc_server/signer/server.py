"""The workers' socket."""
