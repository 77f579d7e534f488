/** The page's judge as a library: inputs in, verdict out. Runs in browsers and in Node. */

export { base64, fixedHex, fromUtf8, same, sha256, toHex, utf8 } from "./bytes.ts";
export { ALL_CHECKS, Refused, reasonOf } from "./check.ts";
export { commitment, gpuNonce, leadingHalf } from "./binding.ts";
export { readClaims } from "./claims.ts";
export { checksummed, messageDigest, parseAddress, parseDigest, recover } from "./identity.ts";
export { JsonNumber, JsonObject, Members, parseJson } from "./json.ts";
export { parsePolicy, referTo, type Policy } from "./policy.ts";
export { BUILT_IN, policyNamed } from "./policies.ts";
export { checkReceipt, type Bodies } from "./receipt/index.ts";
export { readRecord, receiptDigest, structHash, type SignatureRecord } from "./receipt/record.ts";
export { verifyReport, type Inputs } from "./report.ts";
export type { TrustedSigner } from "./signer.ts";
export { isTrusted, transcriptText, type ReportVerdict, type Verdict } from "./verdict.ts";
export { judgeGpus, type Question } from "./gpu/index.ts";
export { authenticateRim } from "./gpu/rim/index.ts";
export { intelRoot, nvidiaNras, nvidiaRimRoot, nvidiaRoot } from "./roots.ts";
export { Transcript } from "./verdict.ts";
export { demandDer } from "./der.ts";
export { Certificate, splitPem } from "./x509.ts";
