declare module "*.css";

declare module "*?raw" {
  const text: string;
  export default text;
}

declare module "@phala/dcap-qvl/src/verify.js" {
  import type { Buffer } from "buffer";
  export class QuoteVerifier {
    static newWithRootCa(root: Buffer): QuoteVerifier;
    verify(quote: Buffer, collateral: unknown, now: number): unknown;
  }
}
