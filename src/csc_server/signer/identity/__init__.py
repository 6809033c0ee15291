"""[identification service] The signer's factors: PIN and TOTP, evidence, lock-out."""
