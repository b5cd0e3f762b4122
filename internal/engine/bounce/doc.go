// Package bounce says which message and recipient a returned report is about, and what it says of them.
//
// The tie is the return path, which only this node's key can make, so a forged report moves nothing. Where it names one
// recipient, the report is about that one, whatever address the mail was forwarded to meanwhile. Where it stands for the
// whole message, a report that names no recipient of the message is about nobody. The package reads reports
// (internal/standard/dsn does the parsing) and changes nothing: what follows from them is done by
// internal/flow/feedback. It does not yet sort failures into classes.
package bounce
