//! Every stage against its definition, written the slow way.
