package web

// swedishSenders maps the texts of the page for those who let our mail through.
func swedishSenders() words {
	return words{
		"Let our mail through": "Släpp fram vår e-post",
		"This page is for you who administer an organisation's mail and want ours to arrive, also when thousands of your people get it in the same minute. Allow the addresses below in the system that receives your mail. It takes about ten minutes, and you need to be an administrator there.": "Den här sidan är för dig som sköter e-posten i en organisation och vill att vår ska komma fram, även när tusentals hos er får den samma minut. Tillåt adresserna nedan i systemet som tar emot er e-post. Det tar ungefär tio minuter, och du behöver vara administratör där.",
		"The addresses": "Adresserna",
		"Address":       "Adress", "How it stands": "Läge", "Name": "Namn", "Show": "Visa", "Save.": "Spara.", "Source:": "Källa:", "as word": "som ord",
		"Allow new ones now, and keep those that retire until their day has passed.":                                                                       "Tillåt nya redan nu, och behåll dem som tas ur drift tills deras dag har passerat.",
		"No address is named here at the moment: the server's own may change without notice. Allow our mail by its signature instead, as described below.": "Ingen adress anges här just nu: serverns egen kan ändras utan förvarning. Tillåt i stället vår e-post efter dess signatur, som beskrivs nedan.",
		"For programs:":        "För program:",
		"How to know our mail": "Så känner du igen vår e-post",
		"The return address (envelope sender) is of, or below":                                "Returadressen (kuvertets avsändare) hör till, eller ligger under",
		"The servers call themselves":                                                         "Servrarna kallar sig",
		"Our own mail is signed by (DKIM, d=)":                                                "Vår egen e-post är signerad av (DKIM, d=)",
		"Mail from %s is signed by (DKIM, d= and s=)":                                         "E-post från %s är signerad av (DKIM, d= och s=)",
		"Its return address is of, or below":                                                  "Dess returadress hör till, eller ligger under",
		"No mail from %s is sent here. Look at the part after the @ in the sender's address.": "Ingen e-post från %s sänds här. Se efter vad som står efter @ i avsändarens adress.",
		"What mail from one of our customers carries:":                                        "Vad e-post från en av våra kunder bär:",

		// Google Workspace
		"Sign in at admin.google.com as an administrator.":                                                  "Logga in på admin.google.com som administratör.",
		"Choose Apps, Google Workspace, Gmail, and there Spam, phishing and malware.":                       "Välj Appar, Google Workspace, Gmail och där Spam, nätfiske och skadlig programvara (Spam, phishing and malware).",
		"Choose the topmost organisation on the left: the list is for all of it, and cannot be for a part.": "Välj den översta organisationen till vänster: listan gäller hela, och kan inte gälla en del.",
		"Under Email allowlist, add these, with commas between. Keep what is there already.":                "Lägg till dessa under Godkännandelista för e-post (Email allowlist), med komma emellan. Behåll det som redan står där.",
		"Save. It may take up to 24 hours until it holds everywhere.":                                       "Spara. Det kan ta upp till ett dygn innan det gäller överallt.",
		"Do not put the addresses under Inbound gateway. That is for servers of your own that pass mail on to Gmail, and an address that is there too does not count on the allowlist. Your readers may still see a warning above a message; the allowlist only keeps it out of the spam folder.": "Skriv inte adresserna under Inkommande gateway (Inbound gateway). Den är för egna servrar som lämnar e-post vidare till Gmail, och en adress som även står där räknas inte på listan. Läsarna kan ändå få se en varning ovanför ett brev; listan håller det bara borta från skräpposten.",
		"To allow one sender instead: on the same page, under Spam, choose Configure, bypass the filter for senders in a list, make a list with the sender's domain, and leave the demand for authentication on, so that nobody else can use the name.":                                           "För att i stället tillåta en avsändare: välj Konfigurera under Spam på samma sida, låt avsändare i en lista gå förbi filtret, gör en lista med avsändarens domän, och låt kravet på autentisering stå kvar, så att ingen annan kan använda namnet.",

		// Microsoft 365
		"Best: a rule for the sender": "Bäst: en regel för avsändaren",
		"Sign in at admin.exchange.microsoft.com and choose Mail flow, Rules, Add a rule, Bypass spam filtering.": "Logga in på admin.exchange.microsoft.com och välj E-postflöde (Mail flow), Regler (Rules), Lägg till en regel (Add a rule), Kringgå skräppostfiltrering (Bypass spam filtering).",
		"First condition: The sender, domain is, and the domain after the @ in the sender's address.":             "Första villkoret: Avsändaren, domänen är (The sender, domain is), och domänen efter @ i avsändarens adress.",
		"Second condition, with And: The message headers include any of these words; as header":                   "Andra villkoret, med Och: Meddelanderubrikerna innehåller något av dessa ord (The message headers include any of these words); som rubrik",
		"Without it, anybody could use the name.":                                                                 "Utan det kunde vem som helst använda namnet.",
		"Action: Set the spam confidence level (SCL) to Bypass spam filtering. Save, and turn the rule on.":       "Åtgärd: Ange konfidensnivå för skräppost (SCL) till Kringgå skräppostfiltrering. Spara, och slå på regeln.",
		"By address": "Efter adress",
		"Sign in at security.microsoft.com and choose Email & collaboration, Policies & rules, Threat policies, Anti-spam.":                                                                                                                                                                "Logga in på security.microsoft.com och välj E-post och samarbete, Principer och regler, Hotprinciper, Skräppostskydd (Email & collaboration, Policies & rules, Threat policies, Anti-spam).",
		"Choose Connection filter policy (Default), then Edit connection filter policy.":                                                                                                                                                                                                   "Välj Anslutningsfilterprincip (standard) och sedan Redigera (Connection filter policy, Edit).",
		"Under Always allow messages from the following IP addresses or address range, add these, each by itself. Ranges may be from /24 to /32.":                                                                                                                                          "Lägg till dessa, en och en, under Tillåt alltid meddelanden från följande IP-adresser (Always allow messages from the following IP addresses). Områden får vara från /24 till /32.",
		"IPv6 addresses have another place: Threat policies, Tenant Allow/Block Lists, IP addresses, Allow.":                                                                                                                                                                               "IPv6-adresser har en annan plats: Hotprinciper, Listor över tillåtna/blockerade klientorganisationer (Tenant Allow/Block Lists), IP-adresser, Tillåt.",
		"Does your mail go through another service first, so that your MX record does not name Microsoft? Then allow the addresses there, and turn on Enhanced filtering for connectors under Threat policies, so that Microsoft sees our address instead of that service's.":              "Går er e-post först genom en annan tjänst, så att er MX-post inte namnger Microsoft? Tillåt då adresserna där, och slå på Utökad filtrering för anslutningsprogram (Enhanced filtering for connectors) under Hotprinciper, så att Microsoft ser vår adress i stället för den tjänstens.",
		"Whatever you allow, Microsoft puts malware and what it is sure is phishing in quarantine. If a message of ours ends there, report it under Submissions as clean and let it be allowed: that makes an entry in the Tenant Allow/Block List, which ends by itself after some time.": "Vad ni än tillåter sätter Microsoft skadlig kod, och det som säkert är nätfiske, i karantän. Hamnar ett brev från oss där, anmäl det under Inskickade objekt (Submissions) som rent och låt det tillåtas: det ger en rad i listan över tillåtna, som upphör av sig själv efter en tid.",

		// when the list changes
		"When the list changes": "När listan ändras",
		"We tell those who ask, by mail or by a call to their own system, at least %d days before a new address is in full use or an old one goes.": "Vi talar om det för dem som ber om det, med e-post eller ett anrop till deras eget system, minst %d dagar innan en ny adress är i full drift eller en gammal försvinner.",
		"Write to:": "Skriv till:",

		// states, and the list as text
		"Addresses that our mail is sent from": "Adresser som vår e-post sänds från",
		"Never changed":                        "Aldrig ändrad", "Last changed %s": "Senast ändrad %s",
		"in use since %s": "i drift sedan %s",
		"new: sends a little already, in full use from %s at the earliest": "ny: sänder redan lite, i full drift tidigast %s",
		"retires: goes out of use on %s":                                   "tas ur drift %s",
		"not in use since %s, take it off your list":                       "används inte sedan %s, stryk den från er lista",
	}
}
