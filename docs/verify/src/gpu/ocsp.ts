/** `gpu.revocation`: no certificate of a GPU is revoked, as NVIDIA's OCSP responder says (RFC 6960). */

import { BasicOCSPResponse, OCSPResponse, OCSPResponseStatus, type SingleResponse } from "@peculiar/asn1-ocsp";
import { CRLReasons, KeyUsageFlags } from "@peculiar/asn1-x509";
import { same, sha256, sha384 } from "../bytes.ts";
import { sequence } from "../der.ts";
import { demand, fail, pass, reasonOf, Refused, skip, type Finding } from "../check.ts";
import { bytesOf, Certificate, OIDS, parse, verifies, type Key } from "../x509.ts";
import { readLink, type Chain, type Link } from "./certificates.ts";
import type { Gpu } from "./index.ts";

/** Four certificates for each GPU, should none be shared, and those of who signed manifests. */
const MAX_RESPONSES = 192;
const MAX_LENGTH = 64 << 10;
/** Answers of one response; one is usual. */
const MAX_ANSWERS = 8;
/** One is usual: the responder's. */
const MAX_CERTIFICATES = 4;
/** Between the responder's clock and the judge's: NVIDIA's answers hold from the very second they are made in. */
const LEEWAY_SECONDS = 300;
const BASIC = "1.3.6.1.5.5.7.48.1.1";
const NONCE = "1.3.6.1.5.5.7.48.1.2";
const OCSP_SIGNING = "1.3.6.1.5.5.7.3.9";
const SHA384 = "2.16.840.1.101.3.4.2.2";
const SHA256 = "2.16.840.1.101.3.4.2.1";

/**
 * Judges GPUs whose chains hold. `manifests` are the chains of who signed reference values: nobody need speak of those,
 * and whatever is said is heeded.
 */
export function judgeRevocation(
  gpus: readonly Gpu[], manifests: readonly Chain[], responses: readonly Uint8Array[], now: number,
): Finding {
  if (responses.length === 0) return skip("NVIDIA's OCSP service was not asked");
  if (responses.length > MAX_RESPONSES) return fail(`${responses.length} OCSP responses, more than ${MAX_RESPONSES}`);
  const answers: Answer[] = [];
  for (const [at, der] of responses.entries()) {
    try {
      const answer = Answer.read(at, der);
      // one who did not answer said nothing
      if (answer) answers.push(answer);
    } catch (error) {
      return fail(`OCSP response ${at}: ${reasonOf(error)}`);
    }
  }
  let uncovered: string | null = null;
  const chains = gpus.map(({ chain }) => chain).filter((chain) => typeof chain !== "string");
  const told = [
    ...chains.map((chain, gpu) => ({ chain, name: `GPU ${gpu}`, must: true })),
    ...manifests.map((chain) => ({ chain, name: "a manifest's signer", must: false })),
  ];
  for (const { chain, name, must } of told) {
    for (let at = 0; at + 1 < chain.links.length; at++) {
      try {
        const good = isCovered(chain, at, answers, now);
        // a leaf is made on its GPU at every start: NVIDIA's responder does not know it
        if (!good && must && at > 0) uncovered ??= `${name}: nobody vouches for certificate ${at}`;
      } catch (error) {
        return fail(`${name}, certificate ${at}: ${reasonOf(error)}`);
      }
    }
  }
  return uncovered === null ? pass("no certificate above the GPUs' own is revoked") : skip(uncovered);
}

/** Whether an answer vouches for the certificate at `at`, from the leaf. @throws Refused if one refutes it */
function isCovered(chain: Chain, at: number, answers: readonly Answer[], now: number): boolean {
  const { certificate } = chain.links[at]!;
  const above = chain.links.slice(at + 1);
  let good = false;
  for (const answer of answers) {
    const about = answer.singles.filter((single) => isAbout(single, certificate, above[0]!.certificate));
    if (about.length === 0) continue;
    const check = (holds: boolean, reason: string) => demand(holds, `${reason} (OCSP response ${answer.at})`);
    try {
      answer.demandAuthority(above, now);
    } catch (error) {
      check(false, reasonOf(error));
    }
    for (const { certStatus, thisUpdate, nextUpdate } of about) {
      const { revoked } = certStatus;
      const held = revoked?.revocationReason?.reason === CRLReasons.certificateHold;
      check(!revoked, held ? "it is on hold" : "it is revoked");
      // one that does not say until when may not be relied upon
      const current = nextUpdate !== undefined && now <= seconds(nextUpdate) && now + LEEWAY_SECONDS >= seconds(thisUpdate);
      check(current, `what is said of it does not hold at ${now}`);
      if (certStatus.good !== undefined) good = true;
      else check(at === 0, "the responder does not know it");
    }
  }
  return good;
}

const seconds = (time: Date): number => Math.floor(time.getTime() / 1000);

/** With SHA-384, as NVIDIA's verifier asks, or SHA-256. */
function isAbout({ certID }: SingleResponse, certificate: Certificate, issuer: Certificate): boolean {
  const hash = { [SHA384]: sha384, [SHA256]: (data: Uint8Array) => sha256(data) }[certID.hashAlgorithm.algorithm];
  if (!hash) return false;
  const key = bytesOf(issuer.tbs.subjectPublicKeyInfo.subjectPublicKey);
  return (
    same(bytesOf(certID.issuerNameHash.buffer), hash(issuer.subject)) &&
    same(bytesOf(certID.issuerKeyHash.buffer), hash(key)) &&
    same(bytesOf(certID.serialNumber), bytesOf(certificate.tbs.serialNumber))
  );
}

class Answer {
  private constructor(
    readonly at: number,
    readonly singles: readonly SingleResponse[],
    private readonly signed: Uint8Array,
    private readonly algorithm: string,
    private readonly signature: Uint8Array,
    private readonly certificates: readonly Uint8Array[],
  ) {}

  /** `null` if the responder did not answer: then nothing is signed, and nothing said. @throws Refused */
  static read(at: number, der: Uint8Array): Answer | null {
    demand(der.length <= MAX_LENGTH, `it is longer than ${MAX_LENGTH} bytes`);
    const outer = parse(der, OCSPResponse, "answer");
    if (outer.responseStatus !== OCSPResponseStatus.successful || !outer.responseBytes) return null;
    demand(outer.responseBytes.responseType === BASIC, "it is of another kind than basic");
    const body = bytesOf(outer.responseBytes.response.buffer);
    const basic = parse(body, BasicOCSPResponse, "answer");
    const { responses, responseExtensions } = basic.tbsResponseData;
    demand(responses.length <= MAX_ANSWERS, `it speaks of more than ${MAX_ANSWERS} certificates`);
    // as they came: encoding them anew would mend what is broken in them
    const [, , , brought] = sequence(body);
    const certificates = brought ? sequence(brought.value).map(({ whole }) => whole) : [];
    demand(certificates.length <= MAX_CERTIFICATES, `it brings more than ${MAX_CERTIFICATES} certificates`);
    const extensions = [...responses.map(({ singleExtensions }) => singleExtensions), responseExtensions].flatMap((list) => list ?? []);
    const critical = extensions.find(({ critical, extnID }) => critical && extnID !== NONCE);
    demand(!critical, `it has a critical extension ${critical?.extnID} that jurat does not know`);
    const signed = bytesOf(basic.tbsResponseDataRaw ?? new ArrayBuffer(0));
    return new Answer(at, responses, signed, basic.signatureAlgorithm.algorithm, bytesOf(basic.signature), certificates);
  }

  /** Signed by the certificate's issuer, or by whom that issuer or one above it has certified for OCSP. @throws Refused */
  demandAuthority(above: readonly Link[], now: number): void {
    demand(this.algorithm === OIDS.ecdsaSha384, "the answer is not signed with ECDSA on P-384 with SHA-384");
    const delegates = this.certificates.map((der) => delegate(der, above, now)).filter((key) => key !== null);
    const signs = (key: Key) => verifies(key, this.signature, this.signed, "der");
    if ([...delegates, above[0]!.key].some(signs)) return;
    const responder = delegates.length > 0 || this.certificates.length === 0;
    throw new Refused(responder ? "the answer's signature is wrong" : "who answers was not authorised to by anybody above it");
  }
}

/** The key of a certificate for OCSP, if one of `above` issued it. */
function delegate(der: Uint8Array, above: readonly Link[], now: number): Key | null {
  try {
    const { certificate, key } = readLink(der, 0, now, [OIDS.extendedKeyUsage]);
    const issuer = above.find((link) => same(link.certificate.subject, certificate.issuer));
    const fit = certificate.extendedKeyUsage()?.includes(OCSP_SIGNING) && certificate.mayUse(KeyUsageFlags.digitalSignature);
    return issuer && fit && certificate.isSignedBy(issuer.key) ? key : null;
  } catch {
    return null;
  }
}
