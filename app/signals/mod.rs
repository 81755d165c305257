//! The four golden signals: what is counted, when it starts and ends, how it is exposed.
