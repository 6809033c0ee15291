"""The OAuth 2.0 authorization server on Authlib.

RFC 6749, 6750, 7009, 7523, 7636, 7662, 8414, 8705, 9126, 9207, 9396 and 9449.
"""
