/** What each check proves and does not: the project's own text, docs/verify.md, taken in when the page is built. */

import text from "../../../verify.md?raw";
import { make, type Child } from "./dom.ts";

const NOTES = new Map<string, string>();
for (const part of text.split('<a id="').slice(1)) {
  const id = part.slice(0, part.indexOf('"'));
  const body = part.slice(part.indexOf("\n", part.indexOf("###"))).split(/\n##? /)[0] ?? "";
  NOTES.set(id, body.trim());
}

/** The paragraphs about a check; none if the text has no such anchor. */
export function notesOn(id: string): HTMLElement[] {
  const paragraphs = (NOTES.get(id) ?? "").split(/\n\s*\n/).filter((paragraph) => paragraph !== "");
  return paragraphs.map((paragraph) => make("p", {}, ...spans(paragraph.replaceAll("\n", " "))));
}

/** `code`, **bold** and *emphasis*, which is all that these paragraphs have; links keep their words. */
function spans(line: string): Child[] {
  const plain = line.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1");
  return plain.split(/(`[^`]*`|\*\*[^*]*\*\*|\*[^*]+\*)/).map((part) => {
    if (part.startsWith("`")) return make("code", {}, part.slice(1, -1));
    if (part.startsWith("**")) return make("strong", {}, part.slice(2, -2));
    return part.startsWith("*") && part.length > 2 ? make("em", {}, part.slice(1, -1)) : part;
  });
}
