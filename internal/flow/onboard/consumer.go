package onboard

import "strings"

// Whoever gives mailboxes to private persons forbids looking for addresses without sending to them (Microsoft's policies of
// 2026-06-15 call it namespace mining), and may list those who do. Their servers are never asked; looked at 2026-11.

// consumerDomains give mailboxes to private persons; those with a dot at the end stand for every top-level domain.
func consumerDomains() []string {
	return []string{
		"gmail.com", "googlemail.com", "outlook.", "hotmail.", "live.", "msn.com", "passport.com", "yahoo.", "ymail.com", "rocketmail.com", "aol.", "aim.com", "verizon.net",
		"icloud.com", "me.com", "mac.com", "gmx.", "web.de", "mail.com", "freenet.de", "t-online.de", "mail.ru", "bk.ru", "inbox.ru", "list.ru", "yandex.", "ya.ru",
		"proton.me", "protonmail.com", "protonmail.ch", "pm.me", "tutanota.com", "tuta.io", "fastmail.com", "hey.com", "zoho.com", "qq.com", "163.com", "126.com", "sina.com",
		"orange.fr", "wanadoo.fr", "free.fr", "laposte.net", "sfr.fr", "libero.it", "virgilio.it", "comcast.net", "att.net", "sbcglobal.net", "cox.net", "bt.com", "btinternet.com",
		"telia.com", "bredband.net", "bredband2.com", "comhem.se", "tele2.se", "spray.se", "home.se", "bahnhof.se", "glocalnet.net", "swipnet.se", "passagen.se", "online.no",
		"tdcadsl.dk", "mail.dk", "elisanet.fi", "kolumbus.fi", "luukku.com", "suomi24.fi",
	}
}

// consumerServers are endings of mail servers that take mail for such mailboxes, also under domains of the persons' own.
func consumerServers() []string {
	return []string{
		"gmail-smtp-in.l.google.com", ".olc.protection.outlook.com", ".yahoodns.net", ".mail.icloud.com", ".gmx.net", ".web.de", ".mail.ru", ".yandex.ru", ".yandex.net",
		"mail.protonmail.ch", "mailsec.protonmail.ch", ".mail.com", ".aol.com", ".qq.com", ".mx.comcast.net", ".orange.fr", ".telia.com", ".bredband.net", ".comhem.se",
	}
}

// consumerDomain reports a domain of such a provider.
func consumerDomain(domain string) bool {
	for _, d := range consumerDomains() {
		if rest, open := strings.CutPrefix(domain, d); open && strings.HasSuffix(d, ".") {
			rest = strings.TrimPrefix(strings.TrimPrefix(rest, "co."), "com.") // yahoo.se, yahoo.co.uk; not live.school.example
			if !strings.Contains(rest, ".") {
				return true
			}
		}
		if domain == d || strings.HasSuffix(domain, "."+d) {
			return true
		}
	}
	return false
}

// consumerServer finds a mail server of such a provider; empty: there is none.
func consumerServer(hosts []string) string {
	for _, h := range hosts {
		for _, ending := range consumerServers() {
			if h == strings.TrimPrefix(ending, ".") || strings.HasSuffix(h, "."+strings.TrimPrefix(ending, ".")) {
				return h
			}
		}
	}
	return ""
}
