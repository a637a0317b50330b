"""The scripts of Svelte's components: JavaScript or TypeScript."""

from dataclasses import replace

from hikma.sources.languages import javascript, typescript

GRAMMAR = replace(javascript.GRAMMAR, dialects={"ts": replace(typescript.GRAMMAR, dialects={})})
