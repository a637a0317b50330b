"""The schema, as steps: step n brings a file from version n - 1 to version n."""

import re

from hikma.domain import EdgeKind

APPLICATION_ID = 0x48494B4D  # "HIKM"
PAGE_SIZE = 8192

EDGE_CODES = {kind: code for code, kind in enumerate(EdgeKind, start=1)}
EDGE_KINDS = {code: kind for kind, code in EDGE_CODES.items()}

TOKENIZER = "porter unicode61 tokenchars '_'"
"""How full text is cut: identifiers are split before they come here and also kept whole."""

FULLTEXT_COLUMNS = ("name", "path", "signature", "documentation", "body")

CODE_WORDS, HISTORY_WORDS = "fulltext", "history_text"
"""Where the words are: of files and what stands in them, of commits and pull requests."""
WORD_TABLES = (CODE_WORDS, HISTORY_WORDS)

_WORDS = f"""CREATE VIRTUAL TABLE {{name}} USING fts5(
  {", ".join(FULLTEXT_COLUMNS)},
  content='', contentless_delete=1, detail=full, tokenize="{TOKENIZER}"
);"""

_GRAPH = """
-- `file` is the file that a symbol or test stands in; files, directories, commits stand in none.
-- `repository` is set where `file` is not. It refers to a node, unchecked: a foreign key would
-- scan the table at each deletion.
CREATE TABLE node(
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  repository INTEGER,
  file INTEGER REFERENCES node(id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  qualified_name TEXT NOT NULL,
  symbol_kind TEXT,
  signature TEXT NOT NULL,
  language TEXT,
  path TEXT NOT NULL,
  start_line INTEGER,
  end_line INTEGER,
  properties TEXT,
  documentation TEXT NOT NULL
);
CREATE INDEX node_file ON node(file, kind, language);
CREATE INDEX node_name ON node(name);

CREATE TABLE edge_kind(code INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE edge(
  source INTEGER NOT NULL REFERENCES node(id) ON DELETE CASCADE,
  kind INTEGER NOT NULL REFERENCES edge_kind(code),
  target INTEGER NOT NULL REFERENCES node(id) ON DELETE CASCADE,
  confidence REAL NOT NULL,
  PRIMARY KEY (source, kind, target)
) WITHOUT ROWID;
CREATE INDEX edge_target ON edge(target, kind);

CREATE TABLE reference(
  node INTEGER NOT NULL REFERENCES node(id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  PRIMARY KEY (node, name)
) WITHOUT ROWID;

CREATE TABLE skip(path TEXT PRIMARY KEY, reason TEXT NOT NULL, digest TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE state(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""

_TEXT = f"""
-- AUTOINCREMENT: an id that a vector store may still hold is never given to another document.
CREATE TABLE document(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  node INTEGER NOT NULL REFERENCES node(id) ON DELETE CASCADE,
  ordinal INTEGER NOT NULL,
  start_line INTEGER NOT NULL,
  end_line INTEGER NOT NULL,
  digest BLOB NOT NULL,
  text TEXT NOT NULL,
  UNIQUE (node, ordinal)
);
{_WORDS.format(name=CODE_WORDS)}
"""

_VECTORS = """
CREATE TABLE model(id INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE);
CREATE TABLE embedding(
  id INTEGER PRIMARY KEY,
  digest BLOB NOT NULL,
  model INTEGER NOT NULL REFERENCES model(id),
  dimension INTEGER NOT NULL,
  vector_hash BLOB NOT NULL,
  vector BLOB NOT NULL,
  UNIQUE (digest, model)
);
CREATE TABLE ledger(
  document_id INTEGER PRIMARY KEY,
  sequence INTEGER NOT NULL UNIQUE,
  digest BLOB NOT NULL,
  vector_hash BLOB NOT NULL,
  deleted INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE vector_space(
  id INTEGER PRIMARY KEY,
  backend TEXT NOT NULL,
  location TEXT NOT NULL,
  model TEXT NOT NULL,
  documents TEXT NOT NULL,
  queries TEXT NOT NULL,
  dimension INTEGER NOT NULL,
  metric TEXT NOT NULL,
  index_type TEXT NOT NULL,
  state TEXT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
);
CREATE UNIQUE INDEX vector_space_answering ON vector_space(state) WHERE state = 'answering';
CREATE TABLE outbox(
  space INTEGER NOT NULL REFERENCES vector_space(id),
  document_id INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  next_attempt_at TEXT,
  last_error TEXT,
  PRIMARY KEY (space, document_id)
) WITHOUT ROWID;
"""

MIGRATING = "state NOT IN ('finalized', 'rolled_back')"
"""Which rows of `migration` have not ended."""

_MIGRATION = """
CREATE TABLE migration(
  id INTEGER PRIMARY KEY,
  source INTEGER NOT NULL REFERENCES vector_space(id),
  target INTEGER NOT NULL REFERENCES vector_space(id),
  state TEXT NOT NULL,
  paused INTEGER NOT NULL DEFAULT 0,
  epoch INTEGER NOT NULL DEFAULT 0,
  read_percent REAL NOT NULL DEFAULT 0,
  salt BLOB NOT NULL,
  cursor INTEGER NOT NULL DEFAULT 0,
  high_water INTEGER NOT NULL DEFAULT 0,
  gates TEXT NOT NULL DEFAULT '{}',
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
);
CREATE TABLE migration_event(
  id INTEGER PRIMARY KEY,
  migration INTEGER NOT NULL REFERENCES migration(id),
  epoch INTEGER NOT NULL,
  source_state TEXT NOT NULL,
  target_state TEXT NOT NULL,
  reason TEXT NOT NULL,
  created_at TEXT NOT NULL
);
CREATE TABLE verification(
  id INTEGER PRIMARY KEY,
  space INTEGER NOT NULL REFERENCES vector_space(id),
  epoch INTEGER NOT NULL,
  cursor INTEGER NOT NULL DEFAULT 0,
  checked INTEGER NOT NULL DEFAULT 0,
  missing INTEGER NOT NULL DEFAULT 0,
  extra INTEGER NOT NULL DEFAULT 0,
  mismatched INTEGER NOT NULL DEFAULT 0,
  duplicate INTEGER NOT NULL DEFAULT 0,
  started_at TEXT NOT NULL,
  finished_at TEXT
);
CREATE TABLE shadow_sample(
  id INTEGER PRIMARY KEY,
  migration INTEGER NOT NULL REFERENCES migration(id),
  overlap REAL,
  source_ms REAL,
  target_ms REAL,
  error TEXT,
  created_at TEXT NOT NULL
);
"""

# Plain SQL over ordinary tables, so that any SQLite from 3.38 on opens them without extensions.
_VIEWS = """
CREATE VIEW files AS
  SELECT node.key AS id, repository.key AS repo_id, node.path AS file_path,
         node.name AS file_name, node.properties ->> 'extension' AS file_extension,
         node.language AS language,
         round((node.properties ->> 'size') / 1024.0, 3) AS size_kb
    FROM node LEFT JOIN node AS repository ON repository.id = node.repository
   WHERE node.file IS NULL AND node.kind = 'file';
CREATE VIEW code_nodes AS
  SELECT key AS id, name, signature, language, path AS file_path, start_line, end_line,
         qualified_name, symbol_kind, documentation
    FROM node WHERE kind = 'symbol';
CREATE VIEW test_nodes AS
  SELECT key AS id, name, signature, language, path AS file_path, start_line, end_line,
         qualified_name, documentation
    FROM node WHERE kind = 'test';
CREATE VIEW directories AS
  SELECT node.key AS id, repository.key AS repo_id, node.path AS path, node.name AS name
    FROM node LEFT JOIN node AS repository ON repository.id = node.repository
   WHERE node.file IS NULL AND node.kind = 'directory';
CREATE VIEW commits AS
  SELECT key AS id, properties ->> 'hash' AS hash, documentation AS message,
         properties ->> 'author' AS author, properties ->> 'date' AS date
    FROM node WHERE file IS NULL AND kind = 'commit';
CREATE VIEW pull_requests AS
  SELECT key AS id, properties ->> 'number' AS number, name AS title,
         documentation AS description, properties ->> 'author' AS author,
         properties ->> 'date' AS date
    FROM node WHERE file IS NULL AND kind = 'pull_request';
CREATE VIEW edges AS
  SELECT source.key AS source, edge_kind.name AS kind, target.key AS target, edge.confidence
    FROM edge
    JOIN edge_kind ON edge_kind.code = edge.kind
    JOIN node AS source ON source.id = edge.source
    JOIN node AS target ON target.id = edge.target;
CREATE VIEW vector_metadata AS
  SELECT 'vectors_' || id AS table_name, dimension, metric AS distance_metric, model,
         created_at, updated_at
    FROM vector_space WHERE backend = 'sqlite-vec';
"""

_HISTORY = f"""
CREATE TABLE import(
  file INTEGER NOT NULL REFERENCES node(id) ON DELETE CASCADE,
  module TEXT NOT NULL,
  name TEXT NOT NULL,
  keyword TEXT NOT NULL,
  PRIMARY KEY (file, module, name, keyword)
) WITHOUT ROWID;

-- `parents` are 20-byte ids one after the other; `time` is the instant in seconds since 1970.
CREATE TABLE history(
  node INTEGER PRIMARY KEY REFERENCES node(id) ON DELETE CASCADE,
  hash BLOB NOT NULL UNIQUE,
  parents BLOB NOT NULL,
  time INTEGER NOT NULL,
  author TEXT NOT NULL,
  email TEXT NOT NULL,
  gap TEXT NOT NULL
);
CREATE INDEX history_author ON history(author, email, time);
CREATE TABLE path(id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE);
-- What a commit changed, compared with its parent number `parent`; `hunks` as in `Change`.
CREATE TABLE change(
  path INTEGER NOT NULL REFERENCES path(id),
  node INTEGER NOT NULL REFERENCES history(node) ON DELETE CASCADE,
  parent INTEGER NOT NULL,
  status TEXT NOT NULL,
  old_path INTEGER,
  hunks BLOB,
  PRIMARY KEY (path, node, parent)
) WITHOUT ROWID;
-- With `status`, so that a filter on paths reads this index alone, and not the rows with hunks.
CREATE INDEX change_node ON change(node, status);
CREATE INDEX change_old_path ON change(old_path) WHERE old_path IS NOT NULL;
-- The content of a file for which the commits that touched it are known.
CREATE TABLE credited(
  file INTEGER PRIMARY KEY REFERENCES node(id) ON DELETE CASCADE,
  digest TEXT NOT NULL
);
-- A commit that speaks of a pull request; `brought` are the 20-byte ids that its merge brought.
CREATE TABLE mention(
  number INTEGER NOT NULL,
  node INTEGER NOT NULL REFERENCES history(node) ON DELETE CASCADE,
  brought BLOB NOT NULL,
  PRIMARY KEY (number, node)
) WITHOUT ROWID;
CREATE INDEX mention_node ON mention(node);
-- What a filter asks of pull requests, apart from their long descriptions.
CREATE INDEX node_pull_request ON node(properties ->> 'author', properties ->> 'date')
  WHERE kind = 'pull_request';
-- Pull requests as a file given by the user (`given`) or a reference (`reference`) describe them.
CREATE TABLE account(
  number INTEGER NOT NULL,
  source TEXT NOT NULL,
  facts TEXT NOT NULL,
  PRIMARY KEY (number, source)
) WITHOUT ROWID;

-- The words of commits and pull requests, apart so that they do not change how rare a word of the
-- code is.
{_WORDS.format(name=HISTORY_WORDS)}

DROP VIEW pull_requests;
CREATE VIEW pull_requests AS
  SELECT key AS id, properties ->> 'number' AS number, name AS title,
         documentation AS description, properties ->> 'author' AS author,
         properties ->> 'date' AS date, properties ->> 'state' AS state,
         properties ->> 'labels' AS labels
    FROM node WHERE file IS NULL AND kind = 'pull_request';
"""  # noqa: S608 -- our own columns

_WORDS_HELD = """
-- Where the lines of a text stand in the file (see `cutting.line_numbers`); NULL where they are
-- the span's own.
ALTER TABLE document ADD COLUMN runs BLOB;
-- Every word of every text, in small letters and not stemmed, and which three letters it holds: the
-- way from a piece of a word to the words, and from a name mistyped to the name. What no text
-- holds any more stays until `hikma gc`.
CREATE TABLE word(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE VIRTUAL TABLE word_trigrams USING fts5(
  text, content='', contentless_delete=1, detail=none, tokenize='trigram'
);
"""

_EXTENSIONS = """
-- Whether a word can be the end of a file's name, asked by every query that has a dot.
CREATE INDEX node_extension ON node(properties ->> 'extension')
  WHERE file IS NULL AND kind = 'file';
"""

_COMPARISONS = """
-- `kind` is control (the source against itself), replay (questions of the file's own) or live;
-- `exact` is 0 where the target's index is approximate; `agreement` is Kendall's tau of what both
-- found, `drift` the largest difference of one document's distance.
ALTER TABLE shadow_sample ADD COLUMN kind TEXT NOT NULL DEFAULT 'replay';
ALTER TABLE shadow_sample ADD COLUMN exact INTEGER NOT NULL DEFAULT 1;
ALTER TABLE shadow_sample ADD COLUMN agreement REAL;
ALTER TABLE shadow_sample ADD COLUMN drift REAL;
CREATE INDEX shadow_sample_migration ON shadow_sample(migration, kind);
"""

_SAMPLED = """
-- `depth` is how many answers each end was asked for, `epoch` that of the migration at the time.
ALTER TABLE shadow_sample ADD COLUMN depth INTEGER NOT NULL DEFAULT 10;
ALTER TABLE shadow_sample ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
"""

_HASHED_BY_MODEL = """
-- A document has one vector of each model that is in use; their hashes stand with them.
ALTER TABLE ledger DROP COLUMN vector_hash;
"""

_QUESTIONED = """
-- `question` tells equal questions, `answers` is how many the longer of both answers holds.
ALTER TABLE shadow_sample ADD COLUMN question INTEGER NOT NULL DEFAULT 0;
ALTER TABLE shadow_sample ADD COLUMN answers INTEGER NOT NULL DEFAULT 10;
ALTER TABLE shadow_sample ADD COLUMN filtered INTEGER NOT NULL DEFAULT 0;
"""

_DROPPED = """
-- A space whose rows are gone keeps its own, for the migrations that name it.
DROP VIEW vector_metadata;
CREATE VIEW vector_metadata AS
  SELECT 'vectors_' || id AS table_name, dimension, metric AS distance_metric, model,
         created_at, updated_at
    FROM vector_space WHERE backend = 'sqlite-vec' AND state <> 'dropped';
"""

_EDGE_NAMES = "".join(
    f"INSERT INTO edge_kind VALUES ({code}, '{kind.value}');\n"  # noqa: S608 -- our own enum
    for kind, code in EDGE_CODES.items()
)

STEPS = (
    _GRAPH + _EDGE_NAMES + _TEXT + _VECTORS + _MIGRATION + _VIEWS,
    _HISTORY,
    _WORDS_HELD,
    _EXTENSIONS,
    _COMPARISONS,
    _SAMPLED,
    _HASHED_BY_MODEL,
    _QUESTIONED,
    _DROPPED,
)
SCHEMA_VERSION = len(STEPS)
NAMES = tuple(
    re.findall(
        r"^CREATE (?:VIRTUAL TABLE|TABLE|UNIQUE INDEX|INDEX|VIEW) (\w+)",
        "".join(STEPS),
        re.MULTILINE,
    )
)
"""What the latest schema consists of."""


def vector_table(space_id: int) -> str:
    """Return the name of the sqlite-vec table that holds a space's codes."""
    return f"vectors_{int(space_id)}"
