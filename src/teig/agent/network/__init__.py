"""Network cards: their rates and neighbours."""
