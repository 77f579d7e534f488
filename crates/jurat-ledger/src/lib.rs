//! The archive: where receipts are kept, and the one appender that signs them in order.
