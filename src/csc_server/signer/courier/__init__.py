"""The courier: brings one-time codes to their signers. A process of the signer's side without device or database.

It is the only part of that side with a network; the workers hand codes to it over a UNIX socket (AR-05).
"""
