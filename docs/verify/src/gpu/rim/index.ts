/**
 * NVIDIA's reference integrity manifests: what a driver or a VBIOS measures to, signed. A SWID tag (ISO/IEC 19770-2) with
 * TCG's reference values in it.
 */

import { hex, utf8 } from "../../bytes.ts";
import { demand } from "../../check.ts";
import type { Chain } from "../certificates.ts";
import { verifySignature } from "./signature.ts";
import { attributeOf, childrenOf, is, readXml, type Element } from "./xml.ts";

const SWID = "http://standards.iso.org/iso/19770/-2/2015/schema.xsd";
/** The namespace of the digests' attributes, by which they are SHA-384. */
const SHA384 = "http://www.w3.org/2001/04/xmlenc#sha384";
const MAX_TEXT = 1 << 20;
const MAX_ALTERNATIVES = 64;
const WRONG = "a measurement is not one of NVIDIA's form";

/** One measurement's acceptable digests. Its index counts from 0; SPDM counts from 1. */
export interface Golden {
  readonly index: number;
  readonly alternatives: readonly Uint8Array[];
}

/** A manifest whose signature holds. */
export interface Rim {
  /** The chip, as in the certificates of its GPUs: `GH100`. */
  readonly product: string;
  /** The driver's or the VBIOS's version. */
  readonly version: string;
  readonly golden: readonly Golden[];
  readonly chain: Chain;
}

/** @throws Refused */
export function authenticateRim(text: string, rootSpki: Uint8Array, now: number): Rim {
  demand(utf8(text).length <= MAX_TEXT, `it is longer than ${MAX_TEXT} bytes`);
  const root = readXml(text);
  const chain = verifySignature(root, rootSpki, now);
  // the values come from the tree whose canonical form was digested, not from a second reading
  demand(is(root, SWID, "SoftwareIdentity"), "it is not a SWID tag");
  const meta = only(root, "Meta");
  const [product = "", version = ""] = [attributeOf(meta, "product"), attributeOf(meta, "colloquialVersion")];
  demand(product !== "" && version !== "", "it does not say which chip and version it describes");
  const measurements = childrenOf(only(root, "Payload")).map(measurement);
  const indices = new Set(measurements.map(({ index }) => index));
  demand(indices.size === measurements.length, "it has one measurement twice");
  return { product, version, golden: measurements.filter(({ active }) => active), chain };
}

function only(root: Element, name: string): Element {
  const found = childrenOf(root).filter((child) => is(child, SWID, name));
  demand(found.length === 1, "it has not exactly one Meta and one Payload");
  return found[0]!;
}

function measurement(resource: Element): Golden & { readonly active: boolean } {
  demand(is(resource, SWID, "Resource"), "its payload has something else than resources");
  const text = (name: string) => {
    const value = attributeOf(resource, name);
    demand(value !== undefined, WRONG);
    return value;
  };
  demand(text("type") === "Measurement" && text("size") === "48", WRONG);
  const index = decimal(text("index"), 255);
  const number = decimal(text("alternatives"), MAX_ALTERNATIVES);
  const digests = resource.attributes.filter(({ space }) => space === SHA384);
  demand(number >= 1 && digests.length === number, "a measurement has not as many digests as it says");
  const alternatives = digests.map((_, at) => {
    const digest = hex(digests.find(({ local }) => local === `Hash${at}`)?.value ?? "");
    demand(digest?.length === 48, WRONG);
    return digest;
  });
  const active = text("active");
  demand(active === "True" || active === "False", WRONG);
  return { index, alternatives, active: active === "True" };
}

function decimal(text: string, most: number): number {
  // a sign and leading zeroes say the same
  demand(/^\+?[0-9]+$/.test(text) && Number(text) <= most, WRONG);
  return Number(text);
}
