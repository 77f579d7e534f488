/**
 * The signature inside a manifest: XML Signature (W3C), enveloped, with the one set of algorithms that NVIDIA uses. Any
 * other, and any other arrangement, is refused.
 */

import { base64, same, sha384, utf8 } from "../../bytes.ts";
import { demand, reasonOf, Refused } from "../../check.ts";
import { verifies } from "../../x509.ts";
import { verifyCertificates, type Chain } from "../certificates.ts";
import { canonicalDocument, canonicalPart } from "./c14n.ts";
import { attributeOf, childrenOf, demandSpaced, is, type Element } from "./xml.ts";

const DSIG = "http://www.w3.org/2000/09/xmldsig#";
const C14N_1_1 = "http://www.w3.org/2006/12/xml-c14n11";
const ECDSA_SHA384 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384";
const SHA384 = "http://www.w3.org/2001/04/xmldsig-more#sha384";
const ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

/** The chain of the signer of the document's one signature, which is over all of it. @throws Refused */
export function verifySignature(root: Element, rootSpki: Uint8Array, now: number): Chain {
  const signature = childrenOf(root).find((child) => is(child, DSIG, "Signature"));
  const number = count(root);
  demand(number === 1 && signature, `it has ${number} signatures where one is wanted, directly in the document`);
  const [signed, value, keys] = members(signature, ["SignedInfo", "SignatureValue", "KeyInfo"]);
  const digest = digestOf(signed!);
  demand(same(sha384(utf8(canonicalDocument(root, signature))), digest), "it was edited: its content is not what was signed");
  let chain: Chain;
  try {
    chain = verifyCertificates(certificates(keys!), rootSpki, now);
  } catch (error) {
    throw new Refused(`its signer's ${reasonOf(error)}`);
  }
  const canonical = utf8(canonicalPart([root, signature], signed!));
  demand(verifies(chain.key, bytes(value!), canonical, "compact"), "its signature is wrong");
  return chain;
}

/** Signatures anywhere: one more, wherever it stands, could be the one that somebody else verifies. */
function count(element: Element): number {
  return childrenOf(element).reduce((sum, child) => sum + count(child), is(element, DSIG, "Signature") ? 1 : 0);
}

/** The digest that `SignedInfo` gives of the document. */
function digestOf(signed: Element): Uint8Array {
  const [canonicalisation, method, reference] = members(signed, ["CanonicalizationMethod", "SignatureMethod", "Reference"]);
  demandAlgorithm(canonicalisation!, C14N_1_1);
  demandAlgorithm(method!, ECDSA_SHA384);
  // the whole document: anything else would leave a part of it to whoever comes along
  const whole = reference!.attributes.length === 1 && attributeOf(reference!, "URI") === "";
  demand(whole, "its signature is over something else than the document");
  const [transforms, digestMethod, value] = bareMembers(reference!, ["Transforms", "DigestMethod", "DigestValue"]);
  const [first, second] = members(transforms!, ["Transform", "Transform"]);
  demandAlgorithm(first!, ENVELOPED);
  demandAlgorithm(second!, C14N_1_1);
  demandAlgorithm(digestMethod!, SHA384);
  return bytes(value!);
}

/** The signer's certificates, the signer's own first. */
function certificates(keys: Element): Uint8Array[] {
  const [data] = members(keys, ["X509Data"]);
  demandSpaced(data!, "its signature has text between its members");
  return childrenOf(data!).map((child) => {
    demand(is(child, DSIG, "X509Certificate"), "its signature names keys in other ways than by certificates");
    return bytes(child);
  });
}

/** The elements inside, which must be just these, and no attributes. */
function members(element: Element, names: readonly string[]): Element[] {
  demand(element.attributes.length === 0, "its signature has attributes that jurat does not know");
  return bareMembers(element, names);
}

function bareMembers(element: Element, names: readonly string[]): Element[] {
  demandSpaced(element, "its signature has text between its members");
  const children = childrenOf(element);
  const known = children.length === names.length && children.every((child, at) => is(child, DSIG, names[at]!));
  demand(known, "its signature has members that jurat does not know");
  return children;
}

function demandAlgorithm(element: Element, wanted: string): void {
  const only = element.attributes.length === 1 && element.content.length === 0;
  demand(only && attributeOf(element, "Algorithm") === wanted, `its signature uses another algorithm than ${wanted}`);
}

function bytes({ content, attributes }: Element): Uint8Array {
  const [text = ""] = content;
  demand(attributes.length === 0 && content.length < 2 && typeof text === "string", "its signature has a value that is no text");
  const found = base64(text.replace(/[ \t\n\r\f]/g, ""));
  demand(found, "its signature has a value that is not base64");
  return found;
}
