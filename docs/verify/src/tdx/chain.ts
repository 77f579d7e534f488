/** Intel's certificate chains (P-256 throughout), up to a pinned root and under its CRLs. */

import { KeyUsageFlags } from "@peculiar/asn1-x509";
import { same } from "../bytes.ts";
import { demand } from "../check.ts";
import { Certificate, Crl, OIDS, splitPem, type Key } from "../x509.ts";

/** Intel's chains have one authority between leaf and root, and list the root too. */
const MOST_ABOVE = 4;
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const UNDERSTOOD = [
  OIDS.basicConstraints, OIDS.keyUsage, OIDS.extendedKeyUsage, "2.5.29.17" /* subject's other names */,
  "2.5.29.31" /* where CRLs are */,
];

/** A root, and what it and its authorities have revoked. */
export class Anchor {
  /** When everything that was relied on was issued, and expires, in Unix seconds. */
  readonly issued: number[] = [];
  readonly expiring: number[] = [];

  private constructor(
    private readonly root: Certificate,
    private readonly key: Key,
    private readonly crls: readonly Crl[],
    private readonly now: number,
  ) {}

  /** @throws Refused */
  static of(rootDer: Uint8Array, rootCrl: Uint8Array, pckCrl: Uint8Array, now: number): Anchor {
    const root = Certificate.parse(rootDer);
    const key = root.key("P-256");
    demand(key !== null, "the root has no key on P-256");
    const crls = [Crl.parse(rootCrl), Crl.parse(pckCrl)];
    demand(crls[0]!.isSignedBy(key), "the root did not sign the root CRL");
    const anchor = new Anchor(root, key, crls, now);
    demand(anchor.mayRevoke(root), "the root may not sign CRLs");
    anchor.demandUnrevoked(root, root, key);
    for (const { window } of [root, ...crls]) anchor.note(window);
    return anchor;
  }

  /** The leaf, and how many authorities are between it and the root. @throws Refused */
  verify(pem: string, what: string): { leaf: Certificate; between: number } {
    const chain = splitPem(pem, MOST_ABOVE + 1).map(Certificate.parse);
    const [leaf, ...above] = chain;
    demand(leaf !== undefined, `${what} has no certificates`);
    demand(!leaf.basicConstraints()?.cA, `${what}: an authority stands in for a leaf`);
    let certificate = leaf;
    for (let between = 0; between <= above.length; between++) {
      this.demandUsable(certificate, what);
      if (same(certificate.issuer, this.root.subject) && certificate.isSignedBy(this.key)) {
        this.demandUnrevoked(certificate, this.root, this.key);
        return { leaf, between };
      }
      const { issuer, key } = this.issuer(certificate, above, between, what);
      this.demandUnrevoked(certificate, issuer, key);
      certificate = issuer;
    }
    demand(false, `${what} does not end at the pinned root`);
  }

  private issuer(of: Certificate, above: readonly Certificate[], below: number, what: string) {
    for (const issuer of above) {
      const key = issuer.key("P-256");
      if (key === null || !same(of.issuer, issuer.subject) || !of.isSignedBy(key)) continue;
      const constraints = issuer.basicConstraints();
      demand(constraints?.cA && issuer.mayUse(KeyUsageFlags.keyCertSign), `${what}: the issuer may not issue certificates`);
      const limit = constraints.pathLenConstraint;
      demand(limit === undefined || below <= limit, `${what}: the chain is longer than its authority permits`);
      return { issuer, key };
    }
    demand(false, `${what} does not end at the pinned root`);
  }

  private demandUsable(certificate: Certificate, what: string): void {
    demand(certificate.validAt(this.now), `${what}: a certificate is not valid at ${this.now}`);
    this.note(certificate.window);
    const critical = certificate.unknownCritical(UNDERSTOOD);
    demand(critical === null, `${what}: a certificate has a critical extension ${critical} that is not understood`);
    const usages = certificate.extendedKeyUsage();
    demand(usages === null || usages.includes(SERVER_AUTH), `${what}: a certificate is for another use`);
  }

  private note({ from, to }: { from: number; to: number }): void {
    this.issued.push(from);
    this.expiring.push(to);
  }

  private mayRevoke(issuer: Certificate): boolean {
    return issuer.mayUse(KeyUsageFlags.cRLSign);
  }

  /** There must be a CRL of the issuer: what it does not answer for is not known to be good. */
  private demandUnrevoked(certificate: Certificate, issuer: Certificate, key: Key): void {
    const crl = this.crls.find((crl) => same(crl.issuer, certificate.issuer));
    demand(crl, "no CRL answers for a certificate");
    demand(this.mayRevoke(issuer) && crl.isSignedBy(key), "a CRL is not signed by the issuer of what it is about");
    demand(crl.isWhole, "a CRL is not a whole one");
    demand(crl.isCurrent(this.now), `a CRL is not current at ${this.now}`);
    demand(!crl.lists(certificate), "a certificate is revoked");
  }
}
