"""The process that holds the keys and has no network [SSA core, SAM, identification service]."""
