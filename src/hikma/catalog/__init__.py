"""Here is an id: who is it, and who are its neighbours? One SQLite file."""
