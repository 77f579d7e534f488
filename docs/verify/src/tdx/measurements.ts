/** `tdx.measurements`: the TD's measurements are among the reference values of the policy. */

import { skip, type Finding } from "../check.ts";
import type { Policy } from "../policy.ts";
import type { TdQuote } from "./index.ts";

export function judgeMeasurements(_quote: TdQuote, _policy: Policy): Finding {
  return skip("no reference values to compare with");
}
