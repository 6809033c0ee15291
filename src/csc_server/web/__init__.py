"""The process that faces the network and cannot sign: CSC API, OAuth 2.0, the signer's pages [SIC]."""
