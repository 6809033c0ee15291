"""[SSA core, SAM] Credentials, signature activation data and the numbered steps of a signature."""
