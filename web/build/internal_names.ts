/**
 * Finds the names of members that nobody outside of a bundle can see, so that it may have shorter ones in their place.
 *
 * A name counts as internal only if all of this holds, which the compiler's view of the sources decides and no list by hand:
 * classes of these sources declare members of that name; no object, interface or type has it, so it is on no wire and in no
 * table; no text has it, so nothing looks it up; it is not in the public types; and it is in no library of JavaScript or
 * browsers.
 *
 * @module
 */

import ts from "typescript";

/**
 * Finds the internal names.
 *
 * @param sources the text of each source, by its path
 * @param publicTypes the text of the public types
 * @returns the names, sorted
 */
export function internalNames(
  sources: ReadonlyMap<string, string>,
  publicTypes: string,
): readonly string[] {
  const members = new Set<string>();
  const others = new Set<string>();
  const visit = (node: ts.Node): void => {
    const { name } = node as { name?: ts.Node };
    if (name && ts.isIdentifier(name)) {
      if (isClassMember(node)) members.add(name.text);
      else if (isObjectMember(node)) others.add(name.text);
    }
    if (isText(node)) { for (const word of wordsIn(node.text)) others.add(word); }
    ts.forEachChild(node, visit);
  };
  for (const [path, text] of sources) {
    visit(ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true));
  }
  for (const word of wordsIn(publicTypes)) others.add(word);
  return [...members].filter((name) => !others.has(name) && !libraryNames().has(name)).sort();
}

function isClassMember(node: ts.Node): boolean {
  return ts.isClassElement(node) && ts.isClassLike(node.parent);
}

function isObjectMember(node: ts.Node): boolean {
  return ts.isTypeElement(node) || ts.isObjectLiteralElement(node);
}

function isText(node: ts.Node): node is ts.LiteralLikeNode {
  return ts.isStringLiteralLike(node) || ts.isTemplateLiteralToken(node) ||
    ts.isRegularExpressionLiteral(node);
}

function wordsIn(text: string): Iterable<string> {
  return text.match(/[\w$]+/g) ?? [];
}

let found: ReadonlySet<string> | undefined;

/** All words of TypeScript's own declarations: those of JavaScript, pages and workers. */
function libraryNames(): ReadonlySet<string> {
  if (found) return found;
  const folder = ts.getDefaultLibFilePath({}).replace(/[^/\\]*$/, "");
  const names = new Set<string>();
  for (const { name } of Deno.readDirSync(folder)) {
    if (!/^lib\..*\.d\.ts$/.test(name)) continue;
    for (const word of wordsIn(Deno.readTextFileSync(folder + name))) names.add(word);
  }
  return found = names;
}
