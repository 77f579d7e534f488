/** A chain of NVIDIA's: PEM, leaf first, P-384 throughout, up to a root whose key is pinned. */

import { KeyUsageFlags } from "@peculiar/asn1-x509";
import { fromUtf8, same, toHex } from "../bytes.ts";
import { demand } from "../check.ts";
import { Certificate, OIDS, splitPem, type Key } from "../x509.ts";

const MAX_CERTIFICATES = 8;

/** A chain that holds. */
export interface Chain {
  readonly key: Key;
  readonly leaf: Certificate;
  /** All of it, leaf first. */
  readonly links: readonly Link[];
}

export interface Link {
  readonly certificate: Certificate;
  readonly key: Key;
}

/** Certificates are counted from the leaf, which is 0. @throws Refused */
export function verifyChain(pem: Uint8Array, rootSpki: Uint8Array, now: number): Chain {
  const text = fromUtf8(pem);
  demand(text !== null, "certificates are not PEM");
  return verifyCertificates(splitPem(text, MAX_CERTIFICATES), rootSpki, now);
}

/** @throws Refused */
export function verifyCertificates(ders: readonly Uint8Array[], rootSpki: Uint8Array, now: number): Chain {
  demand(
    ders.length >= 2 && ders.length <= MAX_CERTIFICATES,
    `${ders.length} certificates; a chain has 2 to ${MAX_CERTIFICATES}`,
  );
  const links = ders.map((der, at) => readLink(der, at, now));
  links.forEach(({ certificate }, at) => {
    // the root stands in for its own issuer
    const issuer = links[at + 1] ?? links[at]!;
    demand(same(certificate.issuer, issuer.certificate.subject), `certificate ${at} is not issued by the one after it`);
    demand(certificate.isSignedBy(issuer.key), `certificate ${at}'s signature is wrong`);
    if (at === 0) demand(certificate.mayUse(KeyUsageFlags.digitalSignature), "certificate 0 may not sign anything");
    else demandIssuer(certificate, at);
  });
  const root = links[links.length - 1]!.certificate.spkiDigest;
  demand(same(root, rootSpki), `the root is not the pinned one but has the key ${toHex(root)}`);
  return { key: links[0]!.key, leaf: links[0]!.certificate, links };
}

/** A certificate of NVIDIA's form that is valid at the time. `known`: critical extensions that the caller heeds, too. @throws Refused */
export function readLink(der: Uint8Array, at: number, now: number, known: readonly string[] = []): Link {
  const certificate = Certificate.parse(der);
  const key = certificate.key("P-384");
  const signed = certificate.algorithms.every((oid) => oid === OIDS.ecdsaSha384);
  demand(key && signed, `certificate ${at} does not use ECDSA on P-384 with SHA-384`);
  demand(certificate.validAt(now), `certificate ${at} is not valid at ${now}`);
  const critical = certificate.unknownCritical([OIDS.basicConstraints, OIDS.keyUsage, ...known]);
  demand(critical === null, `certificate ${at} has a critical extension ${critical} that jurat does not know`);
  return { certificate, key };
}

function demandIssuer(certificate: Certificate, at: number): void {
  const constraints = certificate.basicConstraints();
  demand(constraints?.cA && certificate.mayUse(KeyUsageFlags.keyCertSign), `certificate ${at} may not issue certificates`);
  // of `at` certificates below, all but the leaf count
  const limit = constraints.pathLenConstraint;
  demand(limit === undefined || at - 1 <= limit, `certificate ${at} may not have so long a chain below it`);
}
