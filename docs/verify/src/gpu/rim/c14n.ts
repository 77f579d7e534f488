/**
 * Canonical XML 1.1 (W3C, 2008), inclusive and without comments, of a tree that `xml.ts` has read: that reader refuses
 * what the rest of the recommendation is about.
 */

import type { Element } from "./xml.ts";

/** A document without one child of its root: the transform `enveloped-signature`. */
export const canonicalDocument = (root: Element, omitted: Element): string => write(root, root.declared, new Map(), omitted);

/** An element apart from its document: it has every namespace that its ancestors, outermost first, declare. */
export function canonicalPart(ancestors: readonly Element[], element: Element): string {
  const inScope = new Map([...ancestors, element].flatMap(({ declared }) => [...declared]));
  return write(element, inScope, new Map(), null);
}

function write(element: Element, declared: ReadonlyMap<string, string>, rendered: ReadonlyMap<string, string>, omitted: Element | null): string {
  const order = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0);
  const fresh = [...declared].filter(([prefix, uri]) => rendered.get(prefix) !== uri);
  // by prefix: that of the default namespace, which is empty, comes first
  fresh.sort(([one], [other]) => order(one, other));
  const attributes = [...element.attributes].sort(
    (one, other) => order(one.space, other.space) || order(one.local, other.local),
  );
  const name = qualified(element.prefix, element.local);
  const spaces = fresh.map(([prefix, uri]) => ` ${prefix === "" ? "xmlns" : `xmlns:${prefix}`}="${inValue(uri)}"`);
  const values = attributes.map(({ prefix, local, value }) => ` ${qualified(prefix, local)}="${inValue(value)}"`);
  const inside = new Map([...rendered, ...fresh]);
  const content = element.content.map((node) => {
    if (typeof node === "string") return inText(node);
    return node === omitted ? "" : write(node, node.declared, inside, omitted);
  });
  return `<${name}${spaces.join("")}${values.join("")}>${content.join("")}</${name}>`;
}

const qualified = (prefix: string, local: string): string => (prefix === "" ? local : `${prefix}:${local}`);
const inText = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
/** The reader lets no line feeds, tabs and carriage returns into values: those need no escape. */
const inValue = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
