"""[SAP] The signature activation protocol: what web and signer say to each other."""
