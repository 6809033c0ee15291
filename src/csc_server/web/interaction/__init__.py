"""[SIC] The signer's interaction component: login, consent and waiting requests, Japanese and English."""
