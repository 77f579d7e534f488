//! The judge: pure decisions over evidence, collateral, receipts and bytes.
