"""Pure rules that both sides use: algorithms, certificates, codes, challenges, time stamps, outgoing addresses."""
