"""Where does the knowledge come from? Repositories, folders, source files."""
