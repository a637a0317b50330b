import time

import pytest

from outlining import extraction_of, node_named, outline_of, parents_of

SCRIPT = """
    -- The shop's tables.

    -- People who buy; see "orders".
    CREATE TABLE IF NOT EXISTS shop.users (
      id SERIAL PRIMARY KEY, -- CREATE TABLE in a comment
      name TEXT DEFAULT 'CREATE TABLE in_text (id int);'
    );
    CREATE TABLE `orders` (id INT) ENGINE=InnoDB;
    CREATE UNIQUE INDEX CONCURRENTLY by_name ON shop.users (name);
    CREATE INDEX ON shop.users (id);
    CREATE OR REPLACE VIEW active AS SELECT * FROM shop.users;
    create materialized view totals as select 1;
    CREATE TYPE mood AS ENUM ('sad', 'ok');
    CREATE TYPE address AS (street text, number int);
    CREATE DOMAIN positive AS int CHECK (VALUE > 0);
    CREATE SEQUENCE numbers START 1;
    CREATE SCHEMA shop;
    CREATE EXTENSION IF NOT EXISTS pgcrypto WITH SCHEMA shop;

    /*
     * Adds.
     */
    CREATE OR REPLACE FUNCTION add(a int, b int) RETURNS int AS $body$
    BEGIN
      IF a > b THEN RETURN a; END IF;
    CREATE TEMP TABLE inside (id int);
      RETURN a + b;
    END;
    $body$ LANGUAGE plpgsql;
    CREATE TRIGGER audit BEFORE INSERT ON shop.users
      FOR EACH ROW EXECUTE FUNCTION add();
    INSERT INTO orders VALUES (1, 'it''s');
    SELECT broken FROM ((( WHERE;
    CREATE TABLE last (id int);
"""


def test_what_a_script_creates():
    assert outline_of("schema.sql", SCRIPT) == [
        "4-7 struct shop.users",
        "8-8 struct orders",
        "9-9 property shop.users.by_name",
        "11-11 struct active",
        "12-12 struct totals",
        "13-13 enum mood",
        "14-14 struct address",
        "15-15 type positive",
        "16-16 variable numbers",
        "17-17 module shop",
        "23-29 function add",
        "30-31 method shop.users.audit",
        "34-34 struct last",
    ]


def test_signatures_end_before_columns_queries_and_bodies():
    extraction = extraction_of("schema.sql", SCRIPT)
    signatures = {node.qualified_name: node.signature for node in extraction.nodes[1:]}
    assert signatures["shop.users"] == "CREATE TABLE IF NOT EXISTS shop.users"
    assert signatures["active"] == "CREATE OR REPLACE VIEW active"
    assert signatures["add"] == "CREATE OR REPLACE FUNCTION add(a int, b int) RETURNS int"
    assert signatures["mood"] == "CREATE TYPE mood AS ENUM ('sad', 'ok')"
    indexed = signatures["shop.users.by_name"]
    assert indexed == "CREATE UNIQUE INDEX CONCURRENTLY by_name ON shop.users (name)"


def test_comments_document_statements_and_the_script():
    extraction = extraction_of("schema.sql", SCRIPT)
    assert extraction.nodes[0].documentation == "The shop's tables."
    assert extraction.nodes[0].language == "sql"
    assert node_named(extraction, "shop.users").documentation == 'People who buy; see "orders".'
    assert node_named(extraction, "add").documentation == "Adds."


def test_indexes_and_triggers_belong_to_their_table():
    parents = parents_of(extraction_of("schema.sql", SCRIPT))
    assert parents["shop.users.by_name"] == parents["shop.users.audit"] == "shop.users"
    assert parents["orders"] == ""


def test_mysql_with_a_delimiter_of_its_own():
    text = """
        DELIMITER $$
        CREATE DEFINER=`root`@`%` PROCEDURE raise_price(IN x INT)
        BEGIN
          SELECT 'a\\'; b';
          UPDATE a SET b = 1;
        END$$
        CREATE FUNCTION one() RETURNS INT RETURN 1 $$
        DELIMITER ;
        CREATE TABLE after_all (id INT);
    """
    assert outline_of("a.sql", text) == [
        "2-6 function raise_price",
        "7-7 function one",
        "9-9 struct after_all",
    ]


def test_batches_of_transact_sql():
    text = """
        CREATE OR ALTER PROCEDURE [dbo].[GetThings] @id int AS
          SELECT 1;
          BEGIN TRAN;
          SELECT 2;
        GO
        CREATE TABLE [dbo].[Things] (id INT)
        GO
        EXEC GetThings
    """
    assert outline_of("a.sql", text) == ["1-4 function dbo.GetThings", "6-6 struct dbo.Things"]


def test_packages_of_oracle_end_at_a_slash():
    text = """
        CREATE OR REPLACE PACKAGE BODY shop AS
          total NUMBER;
          PROCEDURE buy IS BEGIN NULL; END;
        END shop;
        /
        CREATE TABLE after_all (id NUMBER);
    """
    assert outline_of("a.sql", text) == ["1-4 module shop", "6-6 struct after_all"]


def test_triggers_and_virtual_tables_of_sqlite():
    text = """
        CREATE VIRTUAL TABLE words USING fts5(a, b);
        CREATE TRIGGER keep AFTER INSERT ON users BEGIN
          UPDATE users SET n = CASE WHEN n THEN 1 ELSE 2 END;
          DELETE FROM users;
        END;
        CREATE TEMP VIEW v AS SELECT 1;
    """
    assert outline_of("a.sql", text) == [
        "1-1 struct words",
        "2-5 method users.keep",
        "6-6 struct v",
    ]


@pytest.mark.parametrize("broken", ["CREATE TABLE", "SELECT 'open\n", "BEGIN (((", "$$ open"])
def test_a_broken_statement_does_not_lose_what_stood_before_it(broken):
    text = f"CREATE TABLE a (id int);\n{broken}\n"
    assert outline_of("a.sql", text) == ["1-1 struct a"]


def test_an_unended_body_does_not_lose_the_next_statement():
    text = "CREATE PROCEDURE p() BEGIN\n  SELECT 1;\n\nCREATE TABLE a (id int);\n"
    assert outline_of("a.sql", text) == ["1-2 function p", "4-4 struct a"]


def test_time_grows_with_the_size_of_a_script():
    text = "CREATE TABLE a (id int, b text DEFAULT 'x');\n" * 20_000
    start = time.process_time()
    assert len(extraction_of("a.sql", text.encode()).nodes) == 20_001
    assert time.process_time() - start < 10
