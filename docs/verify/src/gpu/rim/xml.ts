/**
 * XML as NVIDIA writes its manifests, and no other: elements, attributes, namespaces and text in ASCII. What is read here
 * is what is canonicalised and digested, so a text that this reader takes otherwise than another is no way around the
 * signature. Document types, comments, processing instructions, CDATA, character references, `xml:` attributes and
 * undeclared prefixes are refused all the same.
 */

import { demand, Refused } from "../../check.ts";

const MAX_DEPTH = 12;

/** A name with the namespace that its prefix stands for; empty for none. */
export interface Name {
  readonly prefix: string;
  readonly local: string;
  readonly space: string;
}

export interface Attribute extends Name {
  readonly value: string;
}

export interface Element extends Name {
  /** The namespaces that are declared here, by prefix. */
  readonly declared: ReadonlyMap<string, string>;
  readonly attributes: readonly Attribute[];
  /** Elements, and text with its references resolved. */
  readonly content: readonly (Element | string)[];
}

const DECLARATION = /<\?xml version=(?:"1\.0"(?: encoding="(?:UTF|utf)-8")?|'1\.0' encoding='(?:UTF|utf)-8')\?>/y;
const NAME = "[A-Za-z_][A-Za-z0-9_.-]*";
const OPEN = new RegExp(`<(?:(${NAME}):)?(${NAME})`, "y");
const CLOSE = new RegExp(`</(?:(${NAME}):)?(${NAME})[ \\t\\n]*>`, "y");
const ATTRIBUTE = new RegExp(`[ \\t\\n]+(?:(${NAME}):)?(${NAME})=(?:"([ !#-;=-~]*)"|'([ -&(-;=-~]*)')`, "y");
const TEXT = /[\t\n -;=?-~]+/y;
const SPACE = /[ \t\n]*/y;
const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** Lines end in LF: CRLF is replaced first, as XML 1.0 (2.11) says. @throws Refused */
export function readXml(text: string): Element {
  return new Reader(text.replaceAll("\r\n", "\n")).document();
}

class Reader {
  private at = 0;

  constructor(private readonly text: string) {}

  private wrong(what: string): never {
    throw new Refused(`XML at character ${this.at}: ${what}`);
  }

  private eat(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found) this.at += found[0].length;
    return found;
  }

  document(): Element {
    this.eat(DECLARATION);
    this.eat(SPACE);
    const root = this.element(new Map(), 1);
    this.eat(SPACE);
    return this.at === this.text.length ? root : this.wrong("something follows the document");
  }

  private element(outer: ReadonlyMap<string, string>, depth: number): Element {
    if (depth > MAX_DEPTH) this.wrong("elements are nested too deep");
    const open = this.eat(OPEN) ?? this.wrong("no element");
    const [, prefix = "", local = ""] = open;
    const declared = new Map<string, string>();
    const raw: { prefix: string; local: string; value: string }[] = [];
    for (let found = this.eat(ATTRIBUTE); found; found = this.eat(ATTRIBUTE)) {
      const [, prefix = "", local = "", double, single] = found;
      const value = double ?? single ?? "";
      if (prefix === "xmlns") this.declare(local, value, declared);
      else if (prefix === "" && local === "xmlns") this.declare("", value, declared);
      else raw.push({ prefix, local, value: this.resolved(value) });
    }
    const scope = new Map([...outer, ...declared]);
    const attributes: Attribute[] = [];
    for (const attribute of raw) {
      // one without a prefix is in no namespace
      const space = attribute.prefix === "" ? "" : this.space(attribute.prefix, scope);
      const twice = attributes.some((other) => other.space === space && other.local === attribute.local);
      if (twice) this.wrong("an attribute is there twice");
      attributes.push({ ...attribute, space });
    }
    const space = prefix === "" ? scope.get("") ?? "" : this.space(prefix, scope);
    this.eat(SPACE);
    const empty = this.eat(/\/>/y) !== null;
    if (!empty && !this.eat(/>/y)) this.wrong("a tag has a character that these manifests do not need");
    const content = empty ? [] : this.content(prefix, local, scope, depth);
    return { prefix, local, space, declared, attributes, content };
  }

  private content(prefix: string, local: string, scope: ReadonlyMap<string, string>, depth: number): (Element | string)[] {
    const content: (Element | string)[] = [];
    for (;;) {
      const text = this.eat(TEXT);
      if (text) content.push(this.resolved(text[0]));
      const close = this.eat(CLOSE);
      if (close) {
        if ((close[1] ?? "") !== prefix || close[2] !== local) this.wrong("an end tag of another element");
        return content;
      }
      if (this.text[this.at] !== "<") this.wrong("a character that these manifests do not need");
      content.push(this.element(scope, depth + 1));
    }
  }

  private declare(prefix: string, uri: string, declared: Map<string, string>): void {
    if (uri === "" || uri.includes("&") || prefix.startsWith("xml")) this.wrong("a namespace that is empty, XML's own, or has a reference in it");
    if (declared.has(prefix)) this.wrong("a namespace is declared twice");
    declared.set(prefix, uri);
  }

  private space(prefix: string, scope: ReadonlyMap<string, string>): string {
    return scope.get(prefix) ?? this.wrong("a prefix that is not declared");
  }

  private resolved(text: string): string {
    return text.replace(/&([^;&]*;?)/g, (_, reference: string) => {
      const entity = reference.endsWith(";") ? ENTITIES[reference.slice(0, -1)] : undefined;
      return entity ?? this.wrong("a reference other than XML's five");
    });
  }
}

export const childrenOf = ({ content }: Element): Element[] => content.filter((node) => typeof node !== "string");
export const is = (name: Name, space: string, local: string): boolean => name.space === space && name.local === local;

/** The value of an attribute that is in no namespace. */
export const attributeOf = (element: Element, local: string): string | undefined =>
  element.attributes.find((attribute) => is(attribute, "", local))?.value;

/** Between an element's elements there is white space alone. @throws Refused */
export function demandSpaced({ content }: Element, what: string): void {
  demand(content.every((node) => typeof node !== "string" || /^[ \t\n\r\f]*$/.test(node)), what);
}
