//! Transfer: files in and out.
