"""A remote signature service for the Cloud Signature Consortium API, keys in a PKCS#11 device.

In the terms of ETSI TS 119 432 this distribution holds the server signing application (SSA), the signature
activation module (SAM), the signer's interaction component (SIC) and an OAuth 2.0 authorization server.

Comments cite security rules (SA-02), decisions (decision 15) and interoperability rules (R14, A5, O2) by number;
`specs/` has their texts. Clauses are those of the CSC API unless another document is named.
"""
