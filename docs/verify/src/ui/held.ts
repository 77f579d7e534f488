/** What the user gave beside the texts in the form: files, each of a kind, shown and removable. */

import type { Kind } from "./recognise.ts";
import { make } from "./dom.ts";

export interface File_ {
  readonly kind: Kind;
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Of these there may be several. */
const MANY: readonly Kind[] = ["rim", "ocsp", "neighbours", "reference"];

const WORDS: Record<Kind, string> = {
  report: "report", record: "receipt record", neighbours: "export with neighbouring receipts", collateral: "Intel’s collateral",
  rim: "NVIDIA’s reference measurements (RIM)", ocsp: "OCSP response", nras: "NVIDIA’s answer", jwks: "NVIDIA’s keys",
  policy: "policy", reference: "reference values", bundle: "bundle", request: "request body", response: "answer body",
};

export const wordsFor = (kind: Kind): string => WORDS[kind];

export class Held {
  private files: File_[] = [];

  constructor(
    private readonly list: HTMLElement,
    private readonly onChange: () => void,
  ) {
    this.show();
  }

  put(file: File_): void {
    if (!MANY.includes(file.kind)) this.files = this.files.filter(({ kind }) => kind !== file.kind);
    this.files.push(file);
    this.show();
  }

  clear(): void {
    this.files = [];
    this.show();
  }

  of(kind: Kind): Uint8Array[] {
    return this.files.filter((file) => file.kind === kind).map(({ bytes }) => bytes);
  }

  private remove(file: File_): void {
    this.files = this.files.filter((other) => other !== file);
    this.show();
    this.onChange();
  }

  private show(): void {
    const items = this.files.map((file) => {
      const label = `Remove ${file.name}, ${wordsFor(file.kind)}`;
      const remove = make("button", { type: "button", class: "remove", "aria-label": label }, "Remove");
      remove.addEventListener("click", () => this.remove(file));
      const size = `${file.bytes.length.toLocaleString("en")} bytes`;
      return make("li", { "data-kind": file.kind }, make("span", { class: "kind" }, wordsFor(file.kind)), make("span", { class: "name" }, `${file.name}, ${size}`), remove);
    });
    this.list.replaceChildren(...(items.length > 0 ? items : [make("li", { class: "none" }, "No files are held.")]));
  }
}
