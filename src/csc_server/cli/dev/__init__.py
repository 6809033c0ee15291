"""The development server: the only module that knows seeds and a test CA."""
