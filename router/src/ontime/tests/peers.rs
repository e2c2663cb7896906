//! With keepalived and FRR.
