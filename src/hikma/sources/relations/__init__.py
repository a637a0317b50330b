"""Which files does an import mean? By each language's own rules, never by a likely name."""
