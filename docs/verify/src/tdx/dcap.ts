/** DCAP verification of a TDX quote: from the pinned root to the TD's report, step by step. */

import { concat, fromUtf8, same, sha256, startsWith, toHex, utf8 } from "../bytes.ts";
import { demand } from "../check.ts";
import { keyOf, verifies } from "../x509.ts";
import { Anchor } from "./chain.ts";
import { readQeIdentity, readTcbInfo, type Collateral, type Level } from "./collateral.ts";
import { attributesOf, MIGRATABLE, RESERVED, SEPT_VE_DISABLE, SERVTD_EXT } from "./debug.ts";
import { enclaveLevel, statusOf } from "./level.ts";
import { platformOf } from "./pck.ts";
import { enclaveReport, type Quote, type TdReport } from "./quote.ts";

const INTEL_QE_VENDOR = "939a7233f79c4ca9940a0db3957f0607";
const PCK_CHAIN = 5;
const AUTH_DATA = 32;

/** What a genuine quote tells of its platform. */
export interface QuoteClaims extends Level {
  /** The lower `tcbEvaluationDataNumber` of the two statements. */
  readonly evaluation: number;
  /** Names the platform's package for good. */
  readonly ppid: Uint8Array;
  /** In which all of Intel's statements, lists and certificates are valid, in Unix seconds. */
  readonly window: { readonly from: number; readonly to: number };
}

/** Every TCB status but Revoked passes here, debug TDs too: `tdx.tcb` and `tdx.debug` judge those. @throws Refused */
export function verifyQuote(quote: Quote, collateral: Collateral, rootDer: Uint8Array, now: number): QuoteClaims {
  demand(toHex(quote.qeVendorId) === INTEL_QE_VENDOR, "the quoting enclave is not Intel's");
  demand(quote.attestationKeyType === 2, "the quote's attestation key is not on P-256");
  const anchor = Anchor.of(rootDer, collateral.rootCaCrl, collateral.pckCrl, now);

  const info = readTcbInfo(collateral.tcbInfo);
  demandTimely(info, now, "the TCB info");
  demandSigned(anchor, collateral.tcbInfoIssuerChain, collateral.tcbInfo, collateral.tcbInfoSignature, "the TCB info");
  const identity = readQeIdentity(collateral.qeIdentity);
  demandTimely(identity, now, "the QE identity");
  demandSigned(
    anchor, collateral.qeIdentityIssuerChain, collateral.qeIdentity, collateral.qeIdentitySignature, "the QE identity",
  );
  demand(identity.id === "TD_QE" && (identity.version === 2 || identity.version === 3), "the QE identity is not of TDX");

  const { leaf } = anchor.verify(pckChain(quote, collateral), "the PCK chain");
  const platform = platformOf(leaf);
  const pck = leaf.key("P-256");
  demand(pck && verifies(pck, quote.qeReportSignature, quote.qeReport, "compact"), "the quoting enclave's report is not signed by the platform");

  const enclave = enclaveReport(quote.qeReport);
  demand(quote.qeAuthData.length === AUTH_DATA, "the quote's authentication data has not 32 bytes");
  const vouched = sha256(concat(quote.attestationKey, quote.qeAuthData));
  demand(startsWith(enclave.reportData, vouched), "the quoting enclave vouches for another attestation key");
  const level = enclaveLevel(enclave, identity);

  const key = keyOf("P-256", concat(Uint8Array.of(4), quote.attestationKey));
  demand(key && verifies(key, quote.signature, quote.signed, "compact"), "the quote's signature is wrong");
  const status = statusOf(info, quote.td, platform, level);
  demandAttributes(quote.td);
  const window = {
    from: Math.max(info.issued, identity.issued, ...anchor.issued),
    to: Math.min(info.nextUpdate, identity.nextUpdate, ...anchor.expiring),
  };
  return { ...status, evaluation: Math.min(info.evaluation, identity.evaluation), ppid: platform.ppid, window };
}

function demandTimely({ issued, nextUpdate }: { issued: number; nextUpdate: number }, now: number, what: string): void {
  demand(now >= issued, `${what} is issued in the future`);
  demand(now <= nextUpdate, `${what} has expired`);
}

function demandSigned(anchor: Anchor, chain: string, text: string, signature: Uint8Array, what: string): void {
  const { leaf, between } = anchor.verify(chain, `${what}'s chain`);
  demand(between === 0, `${what}'s signer is not one of the root's own`);
  const key = leaf.key("P-256");
  demand(key && verifies(key, signature, utf8(text), "compact"), `${what}'s signature is wrong`);
}

function pckChain(quote: Quote, collateral: Collateral): string {
  if (collateral.pckCertificateChain !== undefined) return collateral.pckCertificateChain;
  demand(quote.certificationType === PCK_CHAIN, "the quote has no PCK chain in it");
  const text = fromUtf8(quote.certificationData);
  demand(text !== null, "the quote's PCK chain is not PEM");
  return text;
}

/** As Intel's library: what remains of `tdx.debug`'s matters is judged there alone. */
function demandAttributes(td: TdReport): void {
  const attributes = attributesOf(td);
  demand(!td.td15 || same(td.td15.mrServiceTd, new Uint8Array(48)), "a service TD is bound to the TD");
  demand((attributes & RESERVED) === 0n, "reserved TD attributes are set");
  demand((attributes & MIGRATABLE) === 0n, "the TD may be migrated");
  demand((attributes & SERVTD_EXT) === 0n, "a service TD may be bound to the TD");
  demand((attributes & SEPT_VE_DISABLE) !== 0n, "the TD does not disable #VE on its private memory");
}
