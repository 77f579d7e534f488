/** X.509 certificates and CRLs (RFC 5280): parsed by a library, held to DER, verified by noble's curves. */

import { p256, p384 } from "@noble/curves/nist.js";
import { AsnConvert } from "@peculiar/asn1-schema";
import {
  BasicConstraints, Certificate as Asn1Certificate, CertificateList, ExtendedKeyUsage, type Extension, KeyUsage,
  KeyUsageFlags, type Name, type TBSCertificate,
} from "@peculiar/asn1-x509";
import { base64, concat, same, sha256, toHex, utf8 } from "./bytes.ts";
import { demand, Refused } from "./check.ts";
import { demandDer } from "./der.ts";

export const OIDS = {
  ecdsaSha256: "1.2.840.10045.4.3.2",
  ecdsaSha384: "1.2.840.10045.4.3.3",
  ecPublicKey: "1.2.840.10045.2.1",
  p256: "1.2.840.10045.3.1.7",
  p384: "1.3.132.0.34",
  basicConstraints: "2.5.29.19",
  keyUsage: "2.5.29.15",
  extendedKeyUsage: "2.5.29.37",
} as const;

export type CurveName = "P-256" | "P-384";
const CURVES = {
  "P-256": { curve: p256, oid: OIDS.p256, algorithm: OIDS.ecdsaSha256 },
  "P-384": { curve: p384, oid: OIDS.p384, algorithm: OIDS.ecdsaSha384 },
} as const;

/** An EC key with its curve: what may verify a signature. */
export interface Key {
  readonly curve: CurveName;
  /** SEC1, uncompressed. */
  readonly point: Uint8Array;
}

/** What was verified lately, by the hash of all that went into it: GPUs share the upper half of their chains. */
const verified = new Map<string, boolean>();
const MOST_REMEMBERED = 4096;

/** Whether a signature holds. `r‖s` or DER; a second form of the same signature is one, too, as everywhere in X.509. */
export const verifies = (key: Key, signature: Uint8Array, message: Uint8Array, format: "compact" | "der"): boolean =>
  remembered(key, signature, message, { format, prehash: true });

/** The same of a message that was hashed already. */
export const verifiesDigest = (key: Key, signature: Uint8Array, digest: Uint8Array): boolean =>
  remembered(key, signature, digest, { format: "der", prehash: false });

interface Form {
  readonly format: "compact" | "der";
  readonly prehash: boolean;
}

function remembered(key: Key, signature: Uint8Array, message: Uint8Array, form: Form): boolean {
  const parts = [utf8(`${key.curve} ${form.format} ${form.prehash}`), key.point, signature, message].map(sha256);
  const question = toHex(sha256(concat(...parts)));
  const known = verified.get(question) ?? verify(key, signature, message, form);
  if (verified.size >= MOST_REMEMBERED) verified.clear();
  verified.set(question, known);
  return known;
}

function verify(key: Key, signature: Uint8Array, message: Uint8Array, form: Form): boolean {
  try {
    return CURVES[key.curve].curve.verify(signature, message, key.point, { lowS: false, ...form });
  } catch {
    return false;
  }
}

/** A key from SEC1 bytes, if they are a point of the curve. */
export function keyOf(curve: CurveName, point: Uint8Array): Key | null {
  try {
    return { curve, point: CURVES[curve].curve.Point.fromBytes(point).toBytes(false) };
  } catch {
    return null;
  }
}

export class Certificate {
  private constructor(
    readonly der: Uint8Array,
    readonly tbs: TBSCertificate,
    /** The bytes under the signature, as they came. */
    readonly signed: Uint8Array,
    /** Object identifiers of the signature's algorithm, inside and outside of what is signed. */
    readonly algorithms: readonly [string, string],
    readonly signature: Uint8Array,
    readonly spki: Uint8Array,
  ) {}

  /** @throws Refused */
  static parse(der: Uint8Array): Certificate {
    const parsed = parse(der, Asn1Certificate, "certificate");
    const tbs = parsed.tbsCertificate;
    const signed = bytesOf(parsed.tbsCertificateRaw ?? new ArrayBuffer(0));
    demand(same(encode(tbs), signed), "the certificate is not DER");
    const algorithms = [tbs.signature.algorithm, parsed.signatureAlgorithm.algorithm] as const;
    const spki = encode(tbs.subjectPublicKeyInfo);
    return new Certificate(der, tbs, signed, algorithms, bytesOf(parsed.signatureValue), spki);
  }

  get subject(): Uint8Array {
    return encode(this.tbs.subject);
  }

  get issuer(): Uint8Array {
    return encode(this.tbs.issuer);
  }

  /** The key, if it is one on this curve. */
  key(curve: CurveName): Key | null {
    const { algorithm, subjectPublicKey } = this.tbs.subjectPublicKeyInfo;
    const { oid } = CURVES[curve];
    const named = algorithm.parameters && same(bytesOf(algorithm.parameters), objectIdentifier(oid));
    return algorithm.algorithm === OIDS.ecPublicKey && named ? keyOf(curve, bytesOf(subjectPublicKey)) : null;
  }

  /** SHA-256 of the SubjectPublicKeyInfo. */
  get spkiDigest(): Uint8Array {
    return sha256(this.spki);
  }

  get extensions(): readonly Extension[] {
    return this.tbs.extensions ?? [];
  }

  /** The value of an extension. @throws Refused if it stands twice */
  extension(oid: string): Uint8Array | null {
    const found = this.extensions.filter((extension) => extension.extnID === oid);
    demand(found.length < 2, `the extension ${oid} stands twice`);
    return found[0] ? bytesOf(found[0].extnValue.buffer) : null;
  }

  /** The first critical extension that is none of these. */
  unknownCritical(known: readonly string[]): string | null {
    return this.extensions.find(({ critical, extnID }) => critical && !known.includes(extnID))?.extnID ?? null;
  }

  /** Seconds. */
  get window(): { readonly from: number; readonly to: number } {
    const { notBefore, notAfter } = this.tbs.validity;
    return { from: seconds(notBefore.getTime()), to: seconds(notAfter.getTime()) };
  }

  validAt(now: number): boolean {
    return this.window.from <= now && now <= this.window.to;
  }

  /** Whether an absent key usage, or the one that is there, permits it. @throws Refused */
  mayUse(flag: KeyUsageFlags): boolean {
    const value = this.extension(OIDS.keyUsage);
    return value === null || (parse(value, KeyUsage, "key usage").toNumber() & flag) !== 0;
  }

  /** `null` if it says nothing of it. @throws Refused */
  basicConstraints(): BasicConstraints | null {
    const value = this.extension(OIDS.basicConstraints);
    return value && parse(value, BasicConstraints, "basic constraints");
  }

  /** Object identifiers, `null` if it says nothing of it. @throws Refused */
  extendedKeyUsage(): readonly string[] | null {
    const value = this.extension(OIDS.extendedKeyUsage);
    return value && [...parse(value, ExtendedKeyUsage, "extended key usage")];
  }

  /** Whether the key signed this certificate, by the one algorithm of its curve. */
  isSignedBy(key: Key): boolean {
    const { algorithm } = CURVES[key.curve];
    return this.algorithms.every((oid) => oid === algorithm) && verifies(key, this.signature, this.signed, "der");
  }
}

export class Crl {
  private constructor(
    private readonly parsed: CertificateList,
    readonly signed: Uint8Array,
  ) {}

  /** @throws Refused */
  static parse(der: Uint8Array): Crl {
    const parsed = parse(der, CertificateList, "CRL");
    return new Crl(parsed, bytesOf(parsed.tbsCertListRaw ?? new ArrayBuffer(0)));
  }

  get issuer(): Uint8Array {
    return encode(this.parsed.tbsCertList.issuer as Name);
  }

  isSignedBy(key: Key): boolean {
    const { algorithm } = CURVES[key.curve];
    const named = [this.parsed.tbsCertList.signature.algorithm, this.parsed.signatureAlgorithm.algorithm];
    return named.every((oid) => oid === algorithm) && verifies(key, bytesOf(this.parsed.signature), this.signed, "der");
  }

  get window(): { readonly from: number; readonly to: number } {
    const { thisUpdate, nextUpdate } = this.parsed.tbsCertList;
    return { from: seconds(thisUpdate.getTime()), to: nextUpdate ? seconds(nextUpdate.getTime()) : 0 };
  }

  /** A CRL without an end is never current. */
  isCurrent(now: number): boolean {
    return now < this.window.to;
  }

  /** Deltas and lists of part of an issuer's certificates cannot say that nothing is revoked. */
  get isWhole(): boolean {
    const extensions = this.parsed.tbsCertList.crlExtensions ?? [];
    return extensions.every(({ critical, extnID }) => !critical && extnID !== "2.5.29.27");
  }

  lists(certificate: Certificate): boolean {
    const serial = bytesOf(certificate.tbs.serialNumber);
    const revoked = this.parsed.tbsCertList.revokedCertificates ?? [];
    return revoked.some(({ userCertificate }) => same(bytesOf(userCertificate), serial));
  }
}

export const bytesOf = (source: ArrayBuffer | ArrayBufferView): Uint8Array =>
  ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);

const seconds = (time: Date): number => Math.floor(time.getTime() / 1000);

type Shape<T> = new () => T;

/** @throws Refused */
export function parse<T>(der: Uint8Array, shape: Shape<T>, what: string): T {
  try {
    demandDer(der);
    const parsed = AsnConvert.parse(der.slice().buffer, shape);
    // what the library reads past, it does not write: one value has one form
    demand(same(encode(parsed as object), der), "another form");
    return parsed;
  } catch {
    throw new Refused(`the ${what} is not DER`);
  }
}

export const encode = (value: object): Uint8Array => bytesOf(AsnConvert.serialize(value));

const NAMED: Record<string, Uint8Array> = {
  [OIDS.p256]: Uint8Array.of(0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07),
  [OIDS.p384]: Uint8Array.of(0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22),
};
const objectIdentifier = (oid: string): Uint8Array => NAMED[oid] ?? new Uint8Array();

const BEGIN = "-----BEGIN CERTIFICATE-----";
const END = "-----END CERTIFICATE-----";

/**
 * Divides PEM into DER. Between the certificates there may be white space alone; after the last one, NULs too.
 * @throws Refused
 */
export function splitPem(text: string, most: number): Uint8Array[] {
  let rest = text.replace(/[\0 \t\n\r\f]+$/, "").trimStart();
  const found: Uint8Array[] = [];
  while (rest !== "") {
    const end = rest.indexOf(END);
    demand(rest.startsWith(BEGIN) && end >= 0, "certificates are not PEM");
    const der = base64(rest.slice(BEGIN.length, end).replace(/[ \t\n\r\f]/g, ""));
    demand(der !== null, "certificates are not PEM");
    found.push(der);
    demand(found.length <= most, `${found.length} certificates, more than ${most}`);
    rest = rest.slice(end + END.length).trimStart();
  }
  return found;
}
