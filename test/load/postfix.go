package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/budkavle/budkavle/test/rig"
)

const mainCf = `compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = bench.example
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
relayhost = [127.0.0.1]:%[2]s
disable_dns_lookups = yes
smtp_dns_support_level = disabled
smtp_host_lookup = native
default_destination_concurrency_limit = 50
initial_destination_concurrency = 50
smtpd_milters = unix:%[1]s/sock/dkim
milter_default_action = tempfail
maillog_file = %[1]s/log
maillog_file_prefixes = %[1]s
`

const masterCf = `%s inet n - n - - smtpd
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

const opendkimConf = `Domain bench.example
KeyFile %[1]s/dkim/key.pem
Selector s1
Mode s
Canonicalization relaxed/relaxed
SignatureAlgorithm rsa-sha256
Socket local:%[1]s/sock/dkim
UMask 0000
Syslog no
InternalHosts 127.0.0.0/8
ExternalIgnoreList 127.0.0.0/8
RequireSafeKeys no
OversignHeaders From
`

// startPostfix runs Debian's Postfix with OpenDKIM by Unix socket, both with their stock settings but for
// loopback, the next hop without DNS, and destination concurrency 50.
func startPostfix(work, sinkAddr string, _ plan) (*contender, error) {
	for _, tool := range []string{"postfix", "opendkim", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, fmt.Errorf("%s: %w", tool, errMissing)
		}
	}
	dir, err := os.MkdirTemp(work, "postfix")
	if err != nil {
		return nil, err
	}
	addr, err := rig.FreeAddr()
	if err != nil {
		return nil, err
	}
	if err := writePostfix(dir, addr, sinkAddr[strings.LastIndexByte(sinkAddr, ':')+1:]); err != nil {
		return nil, err
	}
	dkim := exec.Command("opendkim", "-f", "-x", dir+"/dkim/opendkim.conf", "-u", "opendkim")
	dkim.Stderr = os.Stderr
	if err := dkim.Start(); err != nil {
		return nil, err
	}
	config := dir + "/etc"
	stop := func() {
		_ = exec.Command("postfix", "-c", config, "stop").Run() // waits for the master to end
		rig.StopProcess(dkim)
	}
	if out, err := exec.Command("postfix", "-c", config, "start").CombinedOutput(); err != nil {
		stop()
		return nil, fmt.Errorf("postfix start: %w: %s", err, out)
	}
	if err := rig.AwaitPort(addr); err != nil {
		stop()
		return nil, err
	}
	master, err := readPid(dir + "/queue/pid/master.pid")
	if err != nil {
		stop()
		return nil, err
	}
	return &contender{addr: addr, roots: []int{master, dkim.Process.Pid}, stop: stop}, nil
}

func writePostfix(dir, addr, sinkPort string) error {
	for _, sub := range []string{"etc", "queue", "data", "dkim", "sock"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	files := map[string]string{
		"etc/main.cf":        fmt.Sprintf(mainCf, dir, sinkPort),
		"etc/master.cf":      fmt.Sprintf(masterCf, addr),
		"dkim/opendkim.conf": fmt.Sprintf(opendkimConf, dir),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	if out, err := exec.Command("openssl", "genrsa", "-out", dir+"/dkim/key.pem", "2048").CombinedOutput(); err != nil {
		return fmt.Errorf("openssl: %w: %s", err, out)
	}
	for path, owner := range map[string]string{"data": "postfix", "dkim": "opendkim", "dkim/key.pem": "opendkim", "sock": "opendkim"} {
		u, err := user.Lookup(owner)
		if err != nil {
			return err
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if err := os.Chown(filepath.Join(dir, path), uid, gid); err != nil {
			return err
		}
	}
	return nil
}

func readPid(path string) (int, error) {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		data, err := os.ReadFile(path)
		if err == nil {
			return strconv.Atoi(strings.TrimSpace(string(data)))
		}
		if time.Now().After(end) {
			return 0, err
		}
	}
}
