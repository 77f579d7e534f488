/** The receipt and the record under which it is served (docs/spec/receipt.md). */

import { concat, keccak256, toHex, utf8 } from "../bytes.ts";
import { Refused } from "../check.ts";
import { fixedHex } from "../bytes.ts";
import { parseAddress, parseDigest, parseSignature } from "../identity.ts";
import { JsonError, Members, parseJson } from "../json.ts";

export const ENDS = ["refused", "client_left", "timed_out", "engine_failed", "engine_truncated", "complete"] as const;
export type End = (typeof ENDS)[number];

export interface Receipt {
  readonly id: Uint8Array;
  readonly responseId: string;
  readonly endpoint: string;
  readonly model: string;
  readonly status: bigint;
  readonly end: End;
  readonly requestHash: Uint8Array;
  readonly forwardedHash: Uint8Array;
  readonly responseHash: Uint8Array;
  readonly responseLength: bigint;
  readonly receivedAt: bigint;
  readonly finishedAt: bigint;
  readonly clientNonce: Uint8Array;
  readonly claimsHash: Uint8Array;
  readonly extrasHash: Uint8Array;
  readonly chain: Uint8Array;
  readonly sequence: bigint;
  readonly previous: Uint8Array;
}

export interface SignatureRecord {
  readonly text?: string | undefined;
  readonly signature?: Uint8Array | undefined;
  readonly signingAddress: Uint8Array;
  readonly signingAlgo: string;
  readonly receipt: Receipt;
  readonly receiptSignature: Uint8Array;
  readonly extras?: string | undefined;
}

/** @throws Refused */
export function readRecord(text: string): SignatureRecord {
  try {
    const members = new Members(parseJson(text));
    const signature = members.optionalString("signature");
    return {
      text: members.optionalString("text"),
      signature: signature === undefined ? undefined : parsed(signature, parseSignature, "signature"),
      signingAddress: parsed(members.string("signing_address"), parseAddress, "signing_address"),
      signingAlgo: members.string("signing_algo"),
      receipt: readReceipt(members.members("receipt")),
      receiptSignature: parsed(members.string("receipt_signature"), parseSignature, "receipt_signature"),
      extras: members.optionalString("extras"),
    };
  } catch (error) {
    if (error instanceof JsonError) throw new Refused(`the receipt record is not legible: ${error.message}`);
    throw error;
  }
}

function readReceipt(members: Members): Receipt {
  const bytes32 = (name: string) => {
    const text = members.string(name);
    return parsed(text.startsWith("0x") ? text : "", parseDigest, name);
  };
  const end = ENDS.find((end) => end === members.string("end"));
  if (end === undefined) throw new JsonError("unknown end");
  return {
    id: parsed(members.string("id"), (text) => fixedHex(text, 16), "id"),
    responseId: members.string("responseId"),
    endpoint: members.string("endpoint"),
    model: members.string("model"),
    status: members.uint("status", 16),
    end,
    requestHash: bytes32("requestHash"),
    forwardedHash: bytes32("forwardedHash"),
    responseHash: bytes32("responseHash"),
    responseLength: members.uint("responseLength"),
    receivedAt: members.uint("receivedAt"),
    finishedAt: members.uint("finishedAt"),
    clientNonce: bytes32("clientNonce"),
    claimsHash: bytes32("claimsHash"),
    extrasHash: bytes32("extrasHash"),
    chain: bytes32("chain"),
    sequence: members.uint("sequence"),
    previous: bytes32("previous"),
  };
}

function parsed(text: string, parse: (text: string) => Uint8Array | null, name: string): Uint8Array {
  const bytes = parse(text);
  if (bytes === null) throw new JsonError(`${name} has not the right number of hexadecimal digits`);
  return bytes;
}

/** `encodeType` of EIP-712: the members in their order. */
export const RECEIPT_TYPE =
  "Receipt(string id,string responseId,string endpoint,string model,uint16 status,string end,bytes32 requestHash," +
  "bytes32 forwardedHash,bytes32 responseHash,uint64 responseLength,uint64 receivedAt,uint64 finishedAt," +
  "bytes32 clientNonce,bytes32 claimsHash,bytes32 extrasHash,bytes32 chain,uint64 sequence,bytes32 previous)";
const DOMAIN_TYPE = "EIP712Domain(string name,string version)";

const word = (number: bigint): Uint8Array => fixedHex(number.toString(16).padStart(64, "0"), 32)!;

/** EIP-712 `hashStruct`; the next receipt of the chain names it as `previous`. */
export function structHash(receipt: Receipt): Uint8Array {
  const names = RECEIPT_TYPE.slice(RECEIPT_TYPE.indexOf("(") + 1, -1).split(",").map((member) => member.split(" ")[1]);
  const words = names.map((name) => {
    const value = receipt[name as keyof Receipt];
    if (name === "id") return keccak256(toHex(receipt.id));
    if (typeof value === "string") return keccak256(value);
    return typeof value === "bigint" ? word(value) : value;
  });
  return keccak256(concat(keccak256(RECEIPT_TYPE), ...words));
}

/** The digest that `receipt_signature` signs. */
export function receiptDigest(receipt: Receipt): Uint8Array {
  const domain = keccak256(concat(keccak256(DOMAIN_TYPE), keccak256("jurat"), keccak256("1")));
  return keccak256(concat(utf8("\x19\x01"), domain, structHash(receipt)));
}

/** What the text beside a complete answer must say. */
export const textOf = ({ requestHash, responseHash }: Receipt): string => `${toHex(requestHash)}:${toHex(responseHash)}`;
