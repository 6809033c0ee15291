"""[SIC] The signer's interaction component: login and consent pages, Japanese and English."""
