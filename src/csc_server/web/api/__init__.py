"""The Cloud Signature Consortium API, 1.0.4.0 at /csc/v1 and 2.2.0.0 at /csc/v2."""
