// Package tlsrpt reads what concerns SMTP TLS reports (RFC 8460): the record by which a domain asks for them, and the
// reports themselves.
//
// What cannot be read gives an error of wording that says where and what to change. It sends nothing and looks nothing up.
// Compression and mail around a report are the business of package report.
package tlsrpt
