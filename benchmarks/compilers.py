"""What javac, ruby and Composer say that imports mean: programs for them, and their answers.

Each function returns the files that the tool looked at and the pairs of files that it found.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Collection
from pathlib import Path

Answer = tuple[Collection[str], set[tuple[str, str]]]

JAVAC = """
import com.sun.source.tree.*;
import com.sun.source.util.*;
import java.nio.file.*;
import java.util.*;
import javax.lang.model.element.*;
import javax.tools.*;

class Imports {
  static Trees trees;

  static String file(Element element) {
    while (element != null && !element.getEnclosingElement().getKind().equals(ElementKind.PACKAGE))
      element = element.getEnclosingElement();
    TreePath path = element == null ? null : trees.getPath(element);
    return path == null ? null : path.getCompilationUnit().getSourceFile().getName();
  }

  static Element element(CompilationUnitTree unit, Tree tree) {
    TreePath path = TreePath.getPath(unit, tree);
    return path == null ? null : trees.getElement(path);
  }

  public static void main(String[] arguments) throws Exception {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null);
    List<String> names = Files.readAllLines(Path.of(arguments[0]));
    JavacTask task = (JavacTask) compiler.getTask(null, files, one -> {},
        List.of("-proc:none", "-implicit:none", "-encoding", "UTF-8"), null,
        files.getJavaFileObjectsFromStrings(names));
    trees = Trees.instance(task);
    List<CompilationUnitTree> units = new ArrayList<>();
    task.parse().forEach(units::add);
    task.analyze();
    for (CompilationUnitTree unit : units)
      for (ImportTree one : unit.getImports()) {
        MemberSelectTree whole = (MemberSelectTree) one.getQualifiedIdentifier();
        boolean all = whole.getIdentifier().contentEquals("*");
        Tree named = all || one.isStatic() ? whole.getExpression() : whole;
        Element found = element(unit, named);
        if (found == null) continue;
        List<Element> meant = new ArrayList<>();
        if (found.getKind() == ElementKind.PACKAGE) meant.addAll(found.getEnclosedElements());
        else meant.add(found);
        for (Element each : meant) {
          String path = file(each);
          if (path != null)
            System.out.println(unit.getSourceFile().getName() + "\\t" + path + "\\t"
                + (found.getKind() == ElementKind.PACKAGE));
        }
      }
  }
}
"""


def javac(folder: Path, tool: Path) -> Answer:
    """Attribute all files together; what a package holds in tests is left out, as we do."""
    files = sorted(path for path in folder.rglob("*.java") if path.name != "module-info.java")
    with tempfile.TemporaryDirectory() as scratch:
        program, names = Path(scratch, "Imports.java"), Path(scratch, "names")
        program.write_text(JAVAC)
        names.write_text("\n".join(map(str, files)))
        subprocess.run([str(tool), "-d", scratch, str(program)], check=True)
        java = tool.parent / "java"
        run = [str(java), "-cp", scratch, "Imports", str(names)]
        done = subprocess.run(run, check=True, capture_output=True, text=True)
    pairs = set()
    for line in done.stdout.splitlines():
        source, target, package = line.split("\t")
        if package == "false" or "/src/test/" not in target:
            pairs.add((_inside(folder, source), _inside(folder, target)))
    return {_inside(folder, str(path)) for path in files}, pairs


RUBY = r"""
require "json"; require "ripper"
root = File.realpath(ARGV[0])
def strings(node, found = [])
  return found unless node.is_a?(Array)
  name, args = case node[0]
    when :command then [node[1], node[2]]
    when :method_add_arg then [node[1].is_a?(Array) && node[1][0] == :fcall && node[1][1], node[2]]
  end
  words = %w[require require_relative autoload]
  if name.is_a?(Array) && name[0] == :@ident && words.include?(name[1])
    list = args
    list = list[1] while list.is_a?(Array) && %i[arg_paren args_add_block].include?(list[0])
    word = list.is_a?(Array) ? list[name[1] == "autoload" ? 1 : 0] : nil
    body = word.is_a?(Array) && word[0] == :string_literal ? word[1] : nil
    if body && body[0] == :string_content && body.size == 2 && body[1][0] == :@tstring_content
      found << [name[1], body[1][1]]
    end
  end
  node.each { |one| strings(one, found) }
  found
end
gems = Dir["#{root}/**/*.gemspec"].map { |p| File.dirname(p) }.uniq
libs = gems.map { |g| "#{g}/lib" }
standard = $LOAD_PATH.dup
Dir["#{root}/**/*.rb"].each do |file|
  tree = Ripper.sexp(File.read(file)) or next
  own = gems.select { |g| file.start_with?(g + "/") }.max_by(&:size)
  mine = own ? ["#{own}/lib"] : []
  mine += ["#{own}/test", "#{own}/spec"] if own && file =~ %r{\A#{own}/(test|spec)/}
  $LOAD_PATH.replace((mine + libs + standard).uniq)
  strings(tree).each do |kind, name|
    found = if kind == "require_relative"
      base = File.expand_path(name, File.dirname(file))
      [base, "#{base}.rb"].find { |p| File.file?(p) && p.end_with?(".rb") }
    else
      ($LOAD_PATH.resolve_feature_path(name) rescue nil)&.last
    end
    next unless found.is_a?(String) && File.file?(found)
    found = File.realpath(found)
    puts JSON.generate([file, found]) if found.start_with?(root + "/")
  end
  puts JSON.generate([file])
end
"""


def ruby(folder: Path, tool: Path) -> Answer:
    """Let Ruby parse and search its load path: the gems' `lib`, in tests their own folder too."""
    run = [str(tool), "-e", RUBY, str(folder)]
    environment = {key: value for key, value in os.environ.items() if key != "RUBYOPT"}
    done = subprocess.run(run, env=environment, check=True, capture_output=True, text=True)
    sources, pairs = set(), set()
    for line in done.stdout.splitlines():
        source, *target = json.loads(line)
        sources.add(_inside(folder, source))
        pairs |= {(_inside(folder, source), _inside(folder, one)) for one in target}
    return sources, pairs


PHP = r"""
[, $root] = $argv;
$loader = require "$root/vendor/autoload.php";
function names(array $tokens): iterable {
  $depth = 0; $count = count($tokens);
  for ($i = 0; $i < $count; $i++) {
    $text = is_array($tokens[$i]) ? $tokens[$i][1] : $tokens[$i];
    if (in_array($text, ['{', '${'])) $depth++;
    if ($text === '}') $depth--;
    if (is_array($tokens[$i]) && $tokens[$i][0] === T_USE && $depth === 0) {
      for ($clause = '', $i++; $i < $count && $tokens[$i] !== ';'; $i++)
        if (!is_array($tokens[$i]) || !in_array($tokens[$i][0], [T_COMMENT, T_DOC_COMMENT]))
          $clause .= is_array($tokens[$i]) ? $tokens[$i][1] : $tokens[$i];
      if (preg_match('/^\s*(function|const)\s/i', $clause)) continue;
      [$head, $inside] = array_pad(explode('{', rtrim(trim($clause), '}'), 2), 2, null);
      foreach (explode(',', $inside ?? $head) as $one) {
        if (preg_match('/^\s*(function|const)\s/i', $one) || trim($one) === '') continue;
        $name = trim(preg_split('/\s+as\s+/i', trim($one))[0]);
        yield trim(($inside === null ? '' : trim($head)) . $name, " \\\n\t");
      }
    }
  }
}
$folder = new RecursiveDirectoryIterator($root, FilesystemIterator::SKIP_DOTS);
$all = new RecursiveIteratorIterator($folder);
foreach ($all as $file) {
  $path = (string) $file;
  if (!str_ends_with($path, '.php') || str_contains($path, '/vendor/')) continue;
  echo json_encode([$path]), "\n";
  foreach (names(token_get_all(file_get_contents($path))) as $name) {
    $found = realpath($loader->findFile($name) ?: '/nowhere');
    if ($found) echo json_encode([$path, realpath($found)]), "\n";
  }
}
"""


def composer(folder: Path, tool: Path) -> Answer:
    """Ask Composer's own class loader, dumped for a copy without dependencies."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch).resolve() / "copy"
        shutil.copytree(folder, copy, symlinks=True, ignore=shutil.ignore_patterns(".git"))
        description = json.loads((copy / "composer.json").read_text())
        kept = {key: description[key] for key in ("autoload", "autoload-dev") if key in description}
        (copy / "composer.json").write_text(json.dumps(kept))
        dump = [str(tool), "dump-autoload", "--no-plugins", "--no-scripts", "--quiet"]
        environment = {**os.environ, "COMPOSER_ALLOW_SUPERUSER": "1", "COMPOSER_HOME": scratch}
        for key in ("autoload", "autoload-dev"):
            kept.get(key, {}).pop("files", None)  # they would be run
        (copy / "composer.json").write_text(json.dumps(kept))
        subprocess.run(dump, cwd=copy, env=environment, check=True)
        run = ["php", "-d", "memory_limit=-1", "-r", PHP, "--", str(copy)]
        done = subprocess.run(run, check=True, capture_output=True, text=True)
        sources, pairs = set(), set()
        for line in done.stdout.splitlines():
            source, *target = json.loads(line)
            sources.add(_inside(copy, source))
            pairs |= {(_inside(copy, source), _inside(copy, one)) for one in target}
    return sources, pairs


def _inside(folder: Path, path: str) -> str:
    return Path(path).relative_to(folder).as_posix()
