"""One declarative file a language."""
