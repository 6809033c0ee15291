"""A remote signature service for the Cloud Signature Consortium API, keys in a PKCS#11 device.

In the terms of ETSI TS 119 432 this distribution holds the server signing application (SSA), the signature
activation module (SAM), the signer's interaction component (SIC) and an OAuth 2.0 authorization server.
"""
