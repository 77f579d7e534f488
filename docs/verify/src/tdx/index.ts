/** The checks on the TDX quote, `tdx.*`. */

import { demand, fail, pass, reasonOf, Refused, skip, type Finding } from "../check.ts";
import { fromUtf8, same, toHex } from "../bytes.ts";
import type { Report } from "../evidence.ts";
import type { Policy } from "../policy.ts";
import { intelRoot, isSimulated, type Roots } from "../roots.ts";
import type { Transcript } from "../verdict.ts";
import { Certificate, splitPem } from "../x509.ts";
import { readCollateral } from "./collateral.ts";
import { judgeCompose } from "./compose.ts";
import { verifyQuote, type QuoteClaims } from "./dcap.ts";
import { judgeDebug, objection } from "./debug.ts";
import { judgeEventLog } from "./eventlog.ts";
import { judgeMeasurements } from "./measurements.ts";
import { parseQuote, type Quote, type TdReport } from "./quote.ts";
import { secondOpinion } from "./second.ts";

/** A quote that is genuine, or of which that is not known. */
export interface TdQuote {
  readonly td: TdReport;
  /** What the verification found; `null` if it could not be made. */
  readonly claims: QuoteClaims | null;
}

/**
 * Is the quote genuine? It is handed on unless it is known not to be: where there is no collateral, the other checks
 * still tell what the quote says, and the verdict is undecided all the same.
 */
export function authenticate(
  report: Report, policy: Policy, collateral: string | undefined, now: number, transcript: Transcript,
): TdQuote | null {
  const { finding, quote } = judgeQuote(report, policy.roots, collateral, now);
  transcript.file("tdx.quote", finding);
  return finding.status === "fail" ? null : quote;
}

function judgeQuote(report: Report, roots: Roots, collateral: string | undefined, now: number) {
  const refuse = (error: unknown) => ({ finding: fail(reasonOf(error)), quote: null });
  if (report.quote instanceof Refused) return refuse(report.quote);
  let quote: Quote;
  try {
    quote = parseQuote(report.quote);
    const simulated = report.tee === "simulated" || bearsSimulatedNames(quote);
    demand(
      roots === "simulated" || !simulated,
      "the quote is simulated: it proves nothing, and only the policy simulated heeds it",
    );
  } catch (error) {
    return refuse(error);
  }
  const { td } = quote;
  if (collateral === undefined) {
    const reason = "no collateral: Intel's statements on this platform are needed to judge the quote";
    return { finding: skip(reason), quote: { td, claims: null } };
  }
  try {
    const claims = verifyQuote(quote, readCollateral(collateral), intelRoot(roots), now);
    secondOpinion(report.quote, quote, collateral, intelRoot(roots), now);
    const window = `from ${dated(claims.window.from)} to ${dated(claims.window.to)}`;
    return { finding: pass(`genuine, by collateral that is valid ${window}`), quote: { td, claims } };
  } catch (error) {
    // attributes of the TD are among what is refused: say them in our words too
    const own = objection(td);
    return own === null ? refuse(error) : refuse(new Refused(`${reasonOf(error)}; it says of its TD: ${own}`));
  }
}

const dated = (seconds: number): string => `${new Date(seconds * 1000).toISOString().replace(".000Z", "Z")} (${seconds})`;

/** Whether the platform's certificates were issued under the look-alike root, whatever the report says of itself. */
function bearsSimulatedNames(quote: Quote): boolean {
  try {
    const text = fromUtf8(quote.certificationData);
    return text !== null && splitPem(text, 8).some((der) => isSimulated(Certificate.parse(der)));
  } catch {
    return false;
  }
}

/** Is it a quote of what the policy wants? */
export function appraise(report: Report, policy: Policy, quote: TdQuote | null, transcript: Transcript): void {
  if (!quote) {
    const all = ["tdx.tcb", "tdx.platform", "tdx.debug", "tdx.measurements", "tdx.eventlog", "tdx.compose"] as const;
    for (const id of all) transcript.file(id, skip("rests on tdx.quote"));
    return;
  }
  const { td } = quote;
  transcript.file("tdx.tcb", judgeTcb(quote, policy));
  transcript.file("tdx.platform", judgePlatform(quote, policy));
  transcript.file("tdx.debug", judgeDebug(td));
  const { finding: logged, log } = judgeEventLog(report.eventLog, td);
  transcript.file("tdx.eventlog", logged);
  const { finding: composed, hash } = judgeCompose(log, report.info, td);
  transcript.file("tdx.compose", composed);
  transcript.file("tdx.measurements", judgeMeasurements(td, hash, policy));
}

function judgeTcb({ claims }: TdQuote, policy: Policy): Finding {
  if (!claims) return skip("rests on tdx.quote");
  const { status, advisories, evaluation } = claims;
  const open = advisories.length === 0 ? "" : `, advisories ${advisories.join(" ")}`;
  if (!policy.tcbStatuses.includes(status)) return fail(`status ${status}${open}: the policy does not accept it`);
  const rejected = policy.rejectedAdvisories.map((id) => id.toLowerCase());
  const found = advisories.find((id) => rejected.includes(id.toLowerCase()));
  if (found !== undefined) return fail(`status ${status}, but advisory ${found} is open: the policy rejects it`);
  const least = policy.minTcbEvaluationDataNumber;
  if (evaluation < least) return fail(`collateral of evaluation ${evaluation}; the policy wants ${least} or later`);
  return pass(`status ${status}, evaluation ${evaluation}${open}`);
}

/** The machine is one that the policy names, by the PPID in its PCK certificate. */
function judgePlatform({ claims }: TdQuote, { platforms }: Policy): Finding {
  if (!claims) return skip("rests on tdx.quote");
  const { ppid } = claims;
  if (ppid.length !== 16) {
    return platforms.length === 0
      ? skip("the policy names no platforms")
      : fail("the platform's certificate has no PPID of 16 bytes");
  }
  if (platforms.length === 0) return skip(`the policy names no platforms; this one is ${toHex(ppid)}`);
  return platforms.some((platform) => same(platform, ppid))
    ? pass(`${toHex(ppid)} is one of the ${platforms.length} that the policy names`)
    : fail(`${toHex(ppid)} is none of the ${platforms.length} platforms that the policy names`);
}
