/** The attested configuration: what a signer says of itself, under its hardware's signature. */

import { parseAddress, parseDigest, parsePublicKey } from "./identity.ts";
import { JsonError, Members, parseJson } from "./json.ts";

export const MANIFEST_SOURCES = ["none", "at_start", "cached"] as const;
export type ManifestSource = (typeof MANIFEST_SOURCES)[number];

export interface Claims {
  readonly version: number;
  readonly signingAddress: Uint8Array;
  readonly signingPublicKey: Uint8Array;
  readonly chain: Uint8Array;
  readonly tlsSpkiSha256?: string | undefined;
  readonly gpus: number;
  readonly manifestSource: ManifestSource;
  readonly model: { readonly sha256?: string | undefined; readonly files: ReadonlyMap<string, string> };
  readonly softwareVersion: string;
}

/** @throws JsonError */
export function readClaims(text: string): Claims {
  const members = new Members(parseJson(text));
  const parsed = (name: string, parse: (text: string) => Uint8Array | null): Uint8Array => {
    const bytes = parse(members.string(name));
    if (bytes === null) throw new JsonError(`${name} has not the right number of hexadecimal digits`);
    return bytes;
  };
  const one = <T extends string>(name: string, known: readonly T[]): T => {
    const found = known.find((value) => value === members.string(name));
    if (found === undefined) throw new JsonError(`${name} is none of ${known.join(", ")}`);
    return found;
  };
  one("key", ["fresh", "dstack"]);
  one("tls", ["none", "self-signed", "files"]);
  parsed("config_sha256", parseDigest);
  members.uint("started_at");
  const provenance = members.value("key_provenance");
  if (provenance != null) {
    const of = new Members(provenance);
    for (const name of ["path", "purpose"]) of.string(name);
    of.strings("signature_chain");
  }
  const software = members.members("software");
  software.string("commit");
  const model = members.members("model");
  for (const name of ["file_count", "bytes"]) model.optionalUint(name);
  const files = new Map<string, string>();
  if (model.value("files") !== undefined) {
    const listed = model.members("files");
    for (const path of listed.names()) {
      // a path that stands twice is the last one there, as to the Rust judge
      const digest = listed.lastOf(path);
      if (typeof digest !== "string") throw new JsonError("a file's digest is no text");
      files.set(path, digest);
    }
  }
  return {
    version: members.number("version", 32),
    signingAddress: parsed("signing_address", parseAddress),
    signingPublicKey: parsed("signing_public_key", parsePublicKey),
    chain: parsed("chain", parseDigest),
    tlsSpkiSha256: members.optionalString("tls_spki_sha256"),
    gpus: members.number("gpus", 32),
    manifestSource: one("manifest_source", MANIFEST_SOURCES),
    model: { sha256: model.optionalString("sha256"), files },
    softwareVersion: software.string("version"),
  };
}
