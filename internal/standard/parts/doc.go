// Package parts walks the MIME tree (RFC 2045, 2046) of mail that strangers sent, to find the few parts that reports are
// made of.
//
// It takes what real servers send: bare line feeds, parameters that are no MIME, multiparts without a boundary or without an
// end, charsets that are not the one named. What it cannot read it leaves out; nothing fails. Its work grows with the octets
// given and not with what they claim to be: at most MaxDepth multiparts are opened in one another, MaxParts parts looked at,
// and each is decoded only as far as the caller asks. That is why a MIME library, which opens, decodes and copies all of a
// message, as deep as its sender nests it, does not stand here. It writes nothing, and means nothing by what it finds.
package parts
