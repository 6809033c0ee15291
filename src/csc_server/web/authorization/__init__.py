"""The OAuth 2.0 authorization server on Authlib (RFC 6749, 6750, 7009, 7636, 9207, 9396)."""
