package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "budkavle.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadPutsFileOverDefaultsAndEnvironmentOverFile(t *testing.T) {
	path := write(t, `
[node]
hostname = "mx1.example.org"
[submission]
trusted_networks = ["127.0.0.1/32=school"]
[delivery]
retry_first = "30s"
[[delivery.route]]
match = "*"
host = "127.0.0.1"
port = 2526
`)
	c, err := Load(path, false, []string{
		"BUDKAVLE_NODE_HOSTNAME=mx2.example.org", "BUDKAVLE_DNS_SERVERS=127.0.0.1:5353, [::1]:53",
		"BUDKAVLE_SUBMISSION_REQUIRE_TLS=false", "BUDKAVLE_DELIVERY_PORT=2526", "BUDKAVLE_RETENTION_BODIES=48h", "HOME=/root",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Node.Hostname = "mx2.example.org"
	want.Submission.TrustedNetworks = []string{"127.0.0.1/32=school"}
	want.Submission.RequireTLS = false
	want.DNS.Servers = []string{"127.0.0.1:5353", "[::1]:53"}
	want.Delivery.RetryFirst = 30 * time.Second
	want.Delivery.Port = 2526
	want.Delivery.Routes = []Route{{Match: "*", Host: "127.0.0.1", Port: 2526}}
	want.Retention.Bodies = 48 * time.Hour
	if d := cmp.Diff(want, c); d != "" {
		t.Error(d)
	}
}

func TestLoadNamesWhatIsWrongAndWhere(t *testing.T) {
	tests := []struct{ name, text, env, want string }{
		{"unknown key", "[node]\nhostname = \"a.example\"\nhostnam = \"b\"\n", "", `line 3: unknown key "node.hostnam"`},
		{"unknown section", "[node]\n\n[nodes]\nx = 1\n", "", `line 3: unknown key "nodes"`},
		{"unknown key of a route", "[[delivery.route]]\nmatch = \"*\"\nhots = \"x\"\n", "", `line 3: unknown key "delivery.route.hots"`},
		{"syntax", "[node]\nhostname = \n", "", "line 2:"},
		{"wrong type", "[delivery]\nport = \"x\"\n", "", "line 2"},
		{"store", "[store]\nurl = \"mysql://u:hemligt@h/d\"\n", "", "store.url: wants sqlite:PATH or postgres://"},
		{"listen", "[mx]\nlisten = [\"25\"]\n", "", `mx.listen: "25" is not ADDRESS:PORT`},
		{"half a certificate", "[submission]\ntls_cert = \"x\"\n", "", "set both or neither"},
		{"trusted", "[submission]\ntrusted_networks = [\"127.0.0.1\"]\n", "", "such as 127.0.0.1/32=school"},
		{"clear password", "[[delivery.route]]\nmatch=\"*\"\nhost=\"smtp.example.org\"\nusername=\"u\"\n", "", "in the clear"},
		{"route tls", "[[delivery.route]]\nmatch=\"*\"\nhost=\"127.0.0.1\"\ntls=\"yes\"\n", "", `tls "yes" is not none`},
		{"authority port", "[dns]\nauthority_port = 0\n", "", "dns.authority_port: 0 is not a port"},
		{"retention", "[retention]\nbodies = \"100h\"\nevents = \"1h\"\n", "", "at least as long"},
		{"blocklist", "[reputation]\nblocklists = [\"zen.spamhaus.org\", \"hemligt\"]\n", "", "reputation.blocklists 2: the zone is no domain name"},
		{"blocklist key", "[reputation]\ndomain_blocklists = [\"dbl.dq.spamhaus.net=hemligt.x\"]\n", "", "reputation.domain_blocklists 1: the key of dbl.dq.spamhaus.net is not one label"},
		{"key zone", "[domains]\nkey_zone = \"example\"\n", "", `domains.key_zone: "example" is not a domain name`},
		{"complaint mailbox", "[feedback]\ncomplaint_mailboxes = [\"Unsubscribe\"]\n", "", `"Unsubscribe" is not a name before the @ of its own`},
		{"digest hour", "[feedback]\ndigest_hour = 24\n", "", "feedback.digest_hour: 24 is not between 0 and 23"},
		{"time zone", "[feedback]\ntime_zone = \"Sverige\"\n", "", "feedback.time_zone: \"Sverige\" is not a time zone"},
		{"closing dot", "[domains]\nspf_include = \"spf.example.org.\"\n", "", "without a closing dot"},
		{"return label", "[domains]\nreturn_label = \"a.b\"\n", "", "is not one label"},
		{"report address", "[domains]\nreport_address = \"dmarc\"\n", "", "is not a mail address"},
		{"notice", "[senders]\nnotice_days = -1\n", "", "senders.notice_days: -1 is not between 0 and 365"},
		{"contact", "[senders]\ncontact = \"us\"\n", "", `senders.contact: "us" is not a mail address`},
		{"writer", "[senders]\nfrom_domain = \"us@example.org\"\n", "", `senders.from_domain: "us@example.org" is not a domain name`},
		{"rotation", "[domains]\nrotate_after = \"24h\"\n", "", "less than twice delivery.expire"},
		{"recheck", "[domains]\nrecheck = \"1s\"\n", "", "recheck of at least 1m"},
		{"unknown variable", "", "BUDKAVLE_NODE_HOST=x", "BUDKAVLE_NODE_HOST fits no configuration key"},
		{"variable type", "", "BUDKAVLE_DELIVERY_PORT=x", `"x" is not a whole number`},
		{"variable duration", "", "BUDKAVLE_RETENTION_BODIES=7", "not a duration"},
		{"variable bool", "", "BUDKAVLE_SUBMISSION_REQUIRE_TLS=ja", "not true or false"},
		{"variable of a table", "", "BUDKAVLE_DELIVERY_ROUTE=x", "in the file only"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(write(t, tt.text), false, []string{tt.env})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v\nwant one with %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "hemligt") {
				t.Error("the error holds a secret")
			}
		})
	}
}

func TestAbsentFileIsAnErrorUnlessOptional(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.toml")
	if _, err := Load(path, false, nil); err == nil || !strings.Contains(err.Error(), "budkavle init") {
		t.Errorf("error %v, want one that says what to do", err)
	}
	c, err := Load(path, true, nil)
	if err != nil || cmp.Diff(Default(), c) != "" {
		t.Errorf("optional and absent: %v", err)
	}
}

func TestSampleHoldsEveryKeyAtItsDefault(t *testing.T) {
	want := Default()
	c, err := Load(write(t, Sample(want.Node.Hostname, want.Node.DataDir)), false, nil)
	if err != nil {
		t.Fatal(err)
	}
	// Empty lists in the file are absent lists in the defaults.
	if d := cmp.Diff(want, c, cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
	for _, key := range keysOf(reflect.TypeFor[Config](), "") {
		if !strings.Contains(sample, key+" = ") {
			t.Errorf("the sample does not tell of %s", key)
		}
	}
	if got := Sample("mx1.example.org", "/var/lib/budkavle"); !strings.Contains(got, `"bounce.mx1.example.org"`) || !strings.Contains(got, `"sqlite:/var/lib/budkavle/budkavle.db"`) {
		t.Errorf("the sample was not filled in:\n%s", got)
	}
}

func TestLocation(t *testing.T) {
	if l := (&Feedback{TimeZone: "Europe/Stockholm"}).Location(); l.String() != "Europe/Stockholm" {
		t.Errorf("it is %s", l)
	}
	if l := (&Feedback{}).Location(); l != time.Local {
		t.Errorf("of the machine it is %s", l)
	}
}

func TestParseBlocklist(t *testing.T) {
	for entry, want := range map[string][2]string{
		"zen.spamhaus.org": {"zen.spamhaus.org", ""}, " zen.dq.spamhaus.net. = k3y ": {"zen.dq.spamhaus.net", "k3y"},
		"zen": {}, "": {}, "zen.example=": {}, "a b.example": {}, "=key": {}, "a..example": {}, "zen.example=a=b": {}, strings.Repeat("a", 64) + ".example": {},
	} {
		zone, key, err := ParseBlocklist(entry)
		if zone != want[0] || key != want[1] || (err == nil) == (zone == "") {
			t.Errorf("%q: %q %q %v, want %q", entry, zone, key, err, want)
		}
	}
}

// keysOf lists the names of all values.
func keysOf(t reflect.Type, name string) []string {
	if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return []string{name}
	}
	var keys []string
	for i := range t.NumField() {
		keys = append(keys, keysOf(t.Field(i).Type, t.Field(i).Tag.Get("toml"))...)
	}
	return keys
}
