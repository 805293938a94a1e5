"""The nouns of Teig: frozen values, units and errors. Pure: no I/O, no clock, no randomness."""
