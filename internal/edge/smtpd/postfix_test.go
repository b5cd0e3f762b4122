package smtpd

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/budkavle/budkavle/internal/model"
)

// A Postfix that gives all its mail to us, over TLS with our certificate checked, by AUTH: as Debian configures it, but
// for the folder, loopback and no DNS.
const (
	mainCf = `compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = intranet.skolan.example
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
disable_dns_lookups = yes
smtp_dns_support_level = disabled
smtp_host_lookup = native
relayhost = [127.0.0.1]:%[2]s
smtp_tls_wrappermode = %[3]s
smtp_tls_security_level = secure
smtp_tls_secure_cert_match = mx.example
smtp_tls_CAfile = %[4]s
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = texthash:%[1]s/etc/passwords
smtp_sasl_security_options = noanonymous
smtp_sasl_tls_security_options = noanonymous
smtp_sasl_mechanism_filter = %[5]s
maillog_file = %[1]s/log
maillog_file_prefixes = %[1]s
`
	masterCf = `%s inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`
)

// startPostfix runs a Postfix that relays to a port of the school, and returns its own port.
func (s *school) startPostfix(port, wrapper, mechanism string) string {
	t := s.t
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("Postfix starts as root only")
	}
	if _, err := exec.LookPath("postfix"); err != nil {
		t.Fatal("postfix is not installed; install it with: make deps")
	}
	dir, err := os.MkdirTemp("", "postfix") // not t.TempDir: its daemons must reach it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, sub := range []string{"etc", "queue", "data"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	own(t, dir, "data")
	addr := freeAddr(t)
	write(t, dir+"/etc/ca.pem", read(t, s.ca))
	write(t, dir+"/etc/main.cf", fmt.Sprintf(mainCf, dir, port, wrapper, dir+"/etc/ca.pem", mechanism))
	write(t, dir+"/etc/master.cf", fmt.Sprintf(masterCf, addr))
	write(t, dir+"/etc/passwords", fmt.Sprintf("[127.0.0.1]:%s %s:%s\n", port, s.user, s.password))
	s.run("postfix", "-c", dir+"/etc", "start")
	t.Cleanup(func() {
		_ = exec.Command("postfix", "-c", dir+"/etc", "stop").Run() // waits for its master to end
		if t.Failed() {
			t.Logf("Postfix's log:\n%s", read(t, dir+"/log"))
		}
	})
	_, own, _ := net.SplitHostPort(addr)
	return own
}

// own gives a folder within dir to the user postfix, and lets others into dir.
func own(t *testing.T, dir, sub string) {
	t.Helper()
	u, err := user.Lookup("postfix")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(filepath.Join(dir, sub), uid, gid); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// What a system hands to Postfix, with what it wants to be told of it, arrives here, by the best mechanism that Postfix
// knows and by the plainest.
func TestPostfix(t *testing.T) {
	t.Parallel()
	script, err := filepath.Abs("testdata/send.py")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ wrapper, mechanism string }{{"no", "scram-sha-256"}, {"yes", "plain"}} {
		t.Run(tt.mechanism, func(t *testing.T) {
			s := newSchool(t)
			port := map[string]string{"no": s.port, "yes": s.portTLS}[tt.wrapper]
			relay := s.startPostfix(port, tt.wrapper, tt.mechanism)
			s.run("python3", script, "127.0.0.1", relay, "none", "", "", "", "asa@skolan.example", "bo@example.org,cecilia@example.org", s.file,
				"RET=HDRS ENVID=skola+2B7", "NOTIFY=DELAY,FAILURE ORCPT=rfc822;b+2Bo@example.org")
			m := s.wantLetter("ESMTPSA")
			r, err := s.store.Recipients(t.Context(), m.ID, 0, 10)
			if err != nil || len(r) != 2 || r[0].Notify != model.NotifyDelay|model.NotifyFailure || r[0].ORcpt != "rfc822;b+2Bo@example.org" {
				t.Errorf("recipients %+v, %v", r, err)
			}
			if m.Meta.EnvelopeID != "skola+7" || m.Meta.Return != model.ReturnHeaders {
				t.Errorf("message %+v", m)
			}
		})
	}
}
