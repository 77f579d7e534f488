//! The errand: fetches reports, receipts and collateral over HTTP and calls the judge.
