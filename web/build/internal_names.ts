/**
 * Finds the names of members that nobody outside of a bundle can see, so that it may have shorter ones in their place.
 *
 * A name counts as internal only if all of this holds, which the compiler's view of the sources decides and no list by hand: these
 * sources declare members of that name; it names no data in the folder of the wire, which names all that goes over it; no
 * text has it, so nothing looks it up; it is nothing that a runtime may have; it is not in the public types; and it is in no
 * library of JavaScript or browsers.
 *
 * @module
 */

import ts from "typescript";

/** All that goes over the wire is named here. */
const WIRE = "protocol/";

/**
 * Finds the internal names.
 *
 * @param sources the text of each source, by its path from the root: those of the bundle, and all of the wire
 * @param publicTypes the text of the public types
 * @returns the names, sorted
 */
export function internalNames(
  sources: ReadonlyMap<string, string>,
  publicTypes: string,
): readonly string[] {
  const members = new Set<string>();
  const others = namesIn("public.d.ts", publicTypes);
  for (const [path, text] of sources) {
    const visit = (node: ts.Node): void => {
      const { name } = node as { name?: ts.Node };
      if (name && ts.isIdentifier(name)) {
        if (path.startsWith(WIRE) && isData(node)) others.add(name.text);
        else if (isMember(node)) members.add(name.text);
      }
      for (const word of isText(node) ? lookupsIn(node.text) : []) others.add(word);
      if (isRuntime(node)) { for (const word of wordsIn(node.getText())) others.add(word); }
      ts.forEachChild(node, visit);
    };
    ts.forEachChild(ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true), visit);
  }
  return [...members].filter((name) => !others.has(name) && !libraryNames().has(name)).sort();
}

/** A member of a class, a type or an object. */
function isMember(node: ts.Node): boolean {
  return (ts.isClassElement(node) && ts.isClassLike(node.parent)) || ts.isTypeElement(node) ||
    ts.isObjectLiteralElement(node);
}

/** A member that may be data: methods are not, nor is what only classes have. */
function isData(node: ts.Node): boolean {
  const isMethod = ts.isMethodSignature(node) || ts.isMethodDeclaration(node);
  return (ts.isTypeElement(node) || ts.isObjectLiteralElement(node)) && !isMethod;
}

/** A text that is there when the program runs: those of types are not. */
function isText(node: ts.Node): node is ts.LiteralLikeNode {
  if (ts.isLiteralTypeNode(node.parent)) return false;
  return ts.isStringLiteralLike(node) || ts.isTemplateLiteralToken(node) ||
    ts.isRegularExpressionLiteral(node);
}

/** What a runtime may have: `globalThis as { … }`. */
function isRuntime(node: ts.Node): boolean {
  return ts.isAsExpression(node) && node.expression.getText() === "globalThis";
}

function wordsIn(text: string): Iterable<string> {
  return text.match(/[\w$]+/g) ?? [];
}

/** The names that a text may look up. One with a space is for people. */
function lookupsIn(text: string): Iterable<string> {
  return text.includes(" ") ? [] : wordsIn(text);
}

/** All names in the text of declarations, comments left out. */
function namesIn(path: string, text: string): Set<string> {
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) names.add(node.text);
    if (ts.isStringLiteralLike(node)) { for (const word of wordsIn(node.text)) names.add(word); }
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(ts.createSourceFile(path, text, ts.ScriptTarget.ESNext), visit);
  return names;
}

let found: ReadonlySet<string> | undefined;

/** All names in TypeScript's own declarations: those of JavaScript, pages and workers. */
function libraryNames(): ReadonlySet<string> {
  if (found) return found;
  const folder = ts.getDefaultLibFilePath({}).replace(/[^/\\]*$/, "");
  const names = new Set<string>();
  for (const { name } of Deno.readDirSync(folder)) {
    if (!/^lib\..*\.d\.ts$/.test(name)) continue;
    for (const word of namesIn(name, Deno.readTextFileSync(folder + name))) names.add(word);
  }
  return found = names;
}
