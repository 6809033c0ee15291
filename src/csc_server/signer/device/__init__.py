"""[SCDev] The signature creation device: the KeyDevice port and its PKCS#11 adapter."""
