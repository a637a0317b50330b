import pytest

from outlining import extraction_of, node_named, outline_of, parents_of, references_of

JAVASCRIPT = """
'use strict';
const fs = require('fs');
const { join } = require('path');

// Adds two numbers.
function add(a, b) { return a + b; }
async function* stream() {}
const arrow = async (x) => x, named = function other() {};
let counter = 0;
var Old = class Inner { m() {} };
export const LIMIT = 10;
export default class extends Base {
  #secret = () => 1;
  static count = 0;
  constructor() { super(); }
  get size() { return 1; }
  set size(v) {}
  static async *walk() {}
  handle = (event) => {};
  plain = 1;
  [Symbol.iterator]() {}
  'quoted name'() {}
}
module.exports.first = function () {};
exports.second = (a) => a;
Old.prototype.grow = function (by) {};
Old.create = () => new Old();
"""


def test_javascript_in_every_shape():
    assert outline_of("a.js", JAVASCRIPT) == [
        "6-6 function add",
        "7-7 function stream",
        "8-8 function arrow",
        "8-8 function named",
        "9-9 variable counter",
        "10-10 class Old",
        "10-10 method Old.m",
        "11-11 constant LIMIT",
        "12-23 class default",
        "13-13 method default.#secret",
        "15-15 constructor default.constructor",
        "16-16 property default.size",
        "17-17 property default.size~2",
        "18-18 method default.walk",
        "19-19 method default.handle",
        "21-21 method default.[Symbol.iterator]",
        "22-22 method default.quoted name",
        "24-24 function first",
        "25-25 function second",
        "26-26 method Old.grow",
        "27-27 method Old.create",
    ]


def test_javascript_signatures_documentation_and_parents():
    extraction = extraction_of("a.js", JAVASCRIPT)
    assert node_named(extraction, "add").documentation == "Adds two numbers."
    assert node_named(extraction, "default").signature == "export default class extends Base"
    assert node_named(extraction, "Old.grow").signature == "Old.prototype.grow = function (by)"
    assert node_named(extraction, "LIMIT").signature == "export const LIMIT = 10"
    parents = parents_of(extraction)
    assert parents["Old.grow"] == parents["Old.create"] == "Old"
    assert parents["default.walk"] == "default"


def test_methods_of_object_literals():
    text = """
    export const api = {
      load() {},
      save: async () => {},
      'a-b': function () {},
      nested: { deep() {} },
      plain: 1,
    };
    module.exports = { close() {} };
    export default { open: () => {} };
    function make() {
      use({ ignored() {
        return 1;
      },
      also: 2,
      });
      return {
        kept() {
          a();
          b();
          c();
        },
        tiny() {},
      };
    }
    app.use({ nobody() {} });
    """
    assert outline_of("a.js", text) == [
        "1-7 constant api",
        "2-2 method api.load",
        "3-3 method api.save",
        "4-4 method api.a-b",
        "5-5 method api.nested.deep",
        "8-8 function close",
        "9-9 function open",
        "10-24 function make",
        "17-21 method make.kept",
    ]
    assert parents_of(extraction_of("a.js", text))["api.nested.deep"] == "api"
    assert node_named(extraction_of("a.js", text), "api").signature == "export const api"


def test_local_functions_are_kept_from_five_lines_on():
    text = """
    function Panel() {
      const small = () => 1;
      const local = { a: 1 };
      const onClick = async () => {
        one();
        two();
        three();
      };
      function render() {
        one();
        two();
        three();
      }
    }
    (function () {
      function inside() {}
    })();
    """
    assert outline_of("a.jsx", text) == [
        "1-14 function Panel",
        "4-8 function Panel.onClick",
        "9-13 function Panel.render",
        "16-16 function inside",
    ]


TYPESCRIPT = """
/** Kept. */
@Injectable()
export abstract class Repo<T> extends Base implements Api {
  @Input() name: string;
  constructor(private readonly db: Db) { super(); }
  /** Finds. */
  @Get('/x')
  @Auth()
  async find(id: string): Promise<T> { return null!; }
  protected abstract save(item: T): void;
  over(a: string): void;
  over(a: number): void;
  over(a: unknown): void {}
}
export interface Api { find(id: string): Promise<unknown>; }
export type Id =
  | string
  | { id: string };
export const enum Level { Low, High }
namespace Outer.Inner {
  export const value = 1;
  export function run(): void {}
  const hidden = 2;
}
declare module 'pkg' {
  export function load(): void;
  const version: string;
}
declare global {
  interface Window { hikma: string }
}
declare function ambient(a: number): string;
export declare const flag: boolean;
export function parse(a: string): string;
export function parse(a: number): number;
export function parse(a: any) { return a; }
export const typed: Handler<string> = {
  run(a: string): void {},
};
"""


@pytest.mark.parametrize("path", ["a.ts", "a.tsx", "a.mts"])
def test_typescript_declarations(path):
    assert outline_of(path, TYPESCRIPT) == [
        "2-14 class Repo",
        "5-5 constructor Repo.constructor",
        "7-9 method Repo.find",
        "10-10 method Repo.save",
        "11-11 method Repo.over",
        "12-12 method Repo.over~2",
        "13-13 method Repo.over~3",
        "15-15 interface Api",
        "16-18 type Id",
        "19-19 enum Level",
        "20-24 module Outer.Inner",
        "21-21 constant Outer.Inner.value",
        "22-22 function Outer.Inner.run",
        "23-23 constant Outer.Inner.hidden",
        "25-28 module pkg",
        "26-26 function pkg.load",
        "27-27 constant pkg.version",
        "30-30 interface Window",
        "32-32 function ambient",
        "33-33 constant flag",
        "34-34 function parse",
        "35-35 function parse~2",
        "36-36 function parse~3",
        "37-39 constant typed",
        "38-38 method typed.run",
    ]


def test_typescript_signatures_and_documentation():
    extraction = extraction_of("a.ts", TYPESCRIPT)
    repo = node_named(extraction, "Repo")
    assert repo.signature == "export abstract class Repo<T> extends Base implements Api"
    assert repo.documentation == "Kept."
    find = node_named(extraction, "Repo.find")
    assert find.signature == "async find(id: string): Promise<T>"
    assert find.documentation == "Finds."
    assert (
        node_named(extraction, "ambient").signature == "declare function ambient(a: number): string"
    )
    assert node_named(extraction, "Id").signature == "export type Id = | string |"
    assert node_named(extraction, "typed").signature == "export const typed: Handler<string>"


def test_components_in_tsx():
    text = """
    export const Button: React.FC<Props> = ({ label }) => <button>{label}</button>;
    export default function Page() {
      return <Button label="x" />;
    }
    """
    assert outline_of("a.tsx", text) == ["1-1 function Button", "2-4 function Page"]


TESTS = """
import { Store } from './store';

describe('Store', () => {
  const helper = () => 1;
  function longHelper() {
    one();
    two();
    three();
  }
  beforeEach(() => {});
  // It really opens.
  it('opens', async () => {
    const store = new Store();
    await store.open();
    expect(store.open()).toBe(longHelper());
    const inner = () => {
      one();
      two();
      three();
    };
  });
  describe.each([1, 2])('with %i', (n) => {
    test.only(`closes
      again`, () => {});
    it.each`a | b`('row $a', () => {});
  });
  it.skip('waits', later);
});
test.describe('page', () => { test('shows', () => {}); });
Deno.test('alone', () => {});
const value = test('not a call of ours');
suite('mocha', function () { specify('says', function () {}); });
register('it', () => {});
"""


@pytest.mark.parametrize("path", ["a.test.ts", "a.spec.js", "a.tsx"])
def test_test_calls_are_named_after_their_blocks(path):
    assert outline_of(path, TESTS) == [
        "5-9 function longHelper",
        "12-21 test Store > opens",
        "23-24 test Store > with %i > closes again",
        "25-25 test Store > with %i > row $a",
        "27-27 test Store > waits",
        "29-29 test page > shows",
        "30-30 test alone",
        "31-31 constant value",
        "32-32 test mocha > says",
    ]


def test_what_a_test_call_says():
    extraction = extraction_of("src/a.test.ts", TESTS)
    test = node_named(extraction, "Store > opens")
    assert (test.id, test.name) == ("test:src/a.test.ts#Store > opens", "opens")
    assert test.qualified_name == "Store > opens"
    assert test.documentation == "It really opens."
    assert test.signature == "it('opens', async () "[:-1]
    assert parents_of(extraction)[test.id.partition("#")[2]] == ""
    assert references_of(extraction)["Store > opens"] == [
        *("Store", "open", "expect", "toBe", "longHelper", "one", "two", "three"),
    ]
