/** The checks on how a quote is tied to the signer, the claims and the GPUs: `bind.*`. */

import { same, startsWith } from "../bytes.ts";
import { BINDINGS, isBinding, leadingHalf, type Binding } from "../binding.ts";
import type { Claims } from "../claims.ts";
import { demand, fail, pass, reasonOf, skip, type Finding } from "../check.ts";
import type { Report } from "../evidence.ts";
import { addressOf, checksummed, parseAddress, parseDigest, parsePublicKey } from "../identity.ts";
import type { Policy } from "../policy.ts";
import type { TdQuote } from "../tdx/index.ts";
import type { Transcript } from "../verdict.ts";
import { judgeCommitment } from "./commitment.ts";
import { judgeModel } from "./model.ts";

export interface AttestedClaims {
  readonly claims: Claims;
  /** SHA-256 of their text, which every receipt names. */
  readonly hash: Uint8Array;
}

/** What the checks established, for those that follow. */
export interface Bound {
  readonly binding: Binding | null;
  readonly claims: AttestedClaims | null;
  /** What the GPUs must have signed, or why that is not known. */
  readonly gpuNonce: Uint8Array | string;
}

/** The signer as a report names it: legible, and not yet believed. */
export interface Named {
  readonly address: Uint8Array;
  /** Absent in other sidecars' reports. */
  readonly key: Uint8Array | null;
}

/** Makes every `bind.*` check. Without a quote none can be made. */
export function judgeBinding(
  report: Report, policy: Policy, quote: TdQuote | null, nonce: Uint8Array | null, peerSpki: Uint8Array | null,
  transcript: Transcript,
): Bound {
  const unbound = (finding: Finding): Bound => {
    transcript.file("bind.address", finding);
    for (const id of ["bind.signer", "bind.nonce", "bind.claims", "bind.model", "bind.gpu", "bind.tls"] as const) {
      transcript.file(id, skip("rests on bind.address"));
    }
    return { binding: null, claims: null, gpuNonce: "rests on bind.address" };
  };
  if (!quote) return unbound(skip("rests on tdx.quote"));
  let named: Named;
  let binding: Binding;
  try {
    ({ named, binding } = judgeAddress(report, policy, quote.td.reportData));
  } catch (error) {
    return unbound(fail(reasonOf(error)));
  }
  transcript.file("bind.address", pass(`the quote names it, under ${binding}`));
  transcript.file("bind.signer", judgeSigner(named.address, policy.signers));

  const found = judgeCommitment(report, named, binding, quote.td.reportData, nonce, policy.manifestSources);
  transcript.file("bind.nonce", found.nonce);
  transcript.file("bind.gpu", found.gpu);
  transcript.file("bind.claims", found.claimsFinding);
  transcript.file("bind.model", judgeModel(found.claims?.claims, policy.models));
  transcript.file("bind.tls", judgeTls(report, binding, found.claims, peerSpki));
  return { binding, claims: found.claims, gpuNonce: found.gpuNonce };
}

/** The bindings to try come from the policy. The report's own word on its binding can only speak against it. */
function judgeAddress(report: Report, policy: Policy, quoted: Uint8Array): { named: Named; binding: Binding } {
  const named = signer(report);
  const ownWord = report.binding;
  demand(ownWord === undefined || isBinding(ownWord), "the report names an unknown binding");
  const spki = report.tlsCertFingerprint === undefined ? null : parseDigest(report.tlsCertFingerprint);
  const leading = quoted.subarray(0, 32);
  const names = (binding: Binding) => {
    const half = leadingHalf(binding, named.address, spki);
    return half !== null && same(half, leading);
  };
  const binding = policy.bindings.find(names);
  demand(binding !== undefined, whyNot(named.address, policy, leading, BINDINGS.find(names)));
  demand(
    ownWord === undefined || ownWord === binding,
    `the report calls its binding ${ownWord}, but the quote does not bear that domain separator: its layout is ${binding}'s`,
  );
  demand(binding !== "jurat-v1" || named.key, "the report names no public key, which jurat-v1 needs");
  return { named, binding };
}

function signer(report: Report): Named {
  demand(
    report.signingAlgo === "" || report.signingAlgo.toLowerCase() === "ecdsa",
    "the signer's algorithm is not ecdsa, the only one that this version judges",
  );
  const address = parseAddress(report.signingAddress);
  demand(address, "signing_address is not an address");
  const key = report.signingPublicKey === undefined ? null : parsePublicKey(report.signingPublicKey);
  demand(key || report.signingPublicKey === undefined, "signing_public_key is not a public key");
  demand(!key || same(addressOf(key), address), "the public key's hash is not the address");
  return { address, key };
}

function whyNot(address: Uint8Array, policy: Policy, leading: Uint8Array, other: Binding | undefined): string {
  const allowed = policy.bindings.join(", ");
  if (other) {
    return `the quote does not bear the domain separator of ${allowed}, which the policy demands: its layout is ${other}'s`;
  }
  return startsWith(leading, address)
    ? `the quote names the address, but without the domain separator of ${allowed}`
    : "the quote names another signer";
}

/** The signer is one that the policy pins, known from before. */
function judgeSigner(signer: Uint8Array, pinned: readonly Uint8Array[]): Finding {
  if (pinned.length === 0) return skip("the policy pins no signer");
  return pinned.some((one) => same(one, signer))
    ? pass(`${checksummed(signer)} is one of the ${pinned.length} that the policy pins`)
    : fail(`${checksummed(signer)} is none of the ${pinned.length} that the policy pins: another key, or a process that has started anew`);
}

function judgeTls(report: Report, binding: Binding, claims: AttestedClaims | null, seen: Uint8Array | null): Finding {
  // under dstack-v2, bind.address has recomputed the leading half from it
  const attested = { "jurat-v1": claims?.claims.tlsSpkiSha256, "dstack-v2": report.tlsCertFingerprint, "dstack-v1": undefined }[binding];
  if (attested === undefined) return skip("no TLS key is attested: TLS, if any, ends elsewhere");
  if (!seen) return skip("a TLS key is attested, and none that was seen is there to compare with");
  const digest = parseDigest(attested);
  if (!digest) return fail("the attested TLS key is not a SHA-256");
  return same(digest, seen)
    ? pass("the connection's key is the attested one")
    : fail("the connection's key is not the attested one: TLS ends elsewhere");
}
