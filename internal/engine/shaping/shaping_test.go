package shaping

import "testing"

func TestTheFirstHostDecidesTheRule(t *testing.T) {
	table := Default()
	for _, c := range []struct {
		hosts       []string
		rule        string
		connections int
		messages    int
	}{
		{[]string{"gmail-smtp-in.l.google.com", "alt1.gmail-smtp-in.l.google.com"}, "google", 5, 50},
		{[]string{"GMAIL-SMTP-IN.L.GOOGLE.COM."}, "google", 5, 50},
		{[]string{"mta5.am0.yahoodns.net"}, "yahoo", 10, 20},
		{[]string{"hotmail-com.olc.protection.outlook.com"}, "outlook", 5, 50},
		{[]string{"school-se.mail.protection.outlook.com"}, "office365", 5, 50},
		{[]string{"school-se.p-v1.mx.microsoft"}, "office365", 5, 50},
		{[]string{"mx01.mail.icloud.com"}, "apple", 10, 5},
		{[]string{"comcast.net"}, "comcast", 25, 1000},
		{[]string{"smtp-in.orange.fr"}, "orange", 2, 100},
		{[]string{"mx.notgoogle.com"}, "default", 10, 100},
		{[]string{"google.com.example"}, "default", 10, 100},
		{[]string{"mx.school.example", "backup.google.com"}, "default", 10, 100},
		{nil, "default", 10, 100},
	} {
		l := table.Site(c.hosts)
		if l.Rule != c.rule || l.Connections != c.connections || l.Messages != c.messages {
			t.Errorf("%v: %+v, want rule %s with %d connections, %d messages", c.hosts, l, c.rule, c.connections, c.messages)
		}
		if l.Mixed || l.Recipients > 100 || l.Rate <= 0 {
			t.Errorf("%v: %+v is not fit for a provider", c.hosts, l)
		}
	}
}

func TestFixedRoutesAreDrivenAsTheOperatorSays(t *testing.T) {
	table := Default()
	if l := table.Fixed(50); l.Connections != 50 || !l.Mixed || l.Rate != 0 || l.Rule != "route" {
		t.Errorf("50 connections: %+v", l)
	}
	if l := table.Fixed(0); l.Connections != 20 {
		t.Errorf("default: %+v", l)
	}
}

func TestLimitsAreNeverBelowOne(t *testing.T) {
	l := New([]Rule{{Name: "none", Suffixes: []string{"x"}}}, Limits{}, Limits{}).Site([]string{"mx.x"})
	if l.Connections != 1 || l.Messages != 1 || l.Recipients != 1 || l.Rule != "none" {
		t.Errorf("%+v", l)
	}
}
