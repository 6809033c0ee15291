"""Pure rules that both sides use: algorithms, certificate profiles."""
