// Package config reads the node's configuration: one TOML file, then the environment.
//
// Defaults stand in one literal (Default). A key the program does not know is an error that names its
// line; a value that cannot be used is an error that names the key, what it holds and what it may hold.
// Any value of a section may also come from the environment as BUDKAVLE_SECTION_KEY, which wins over the
// file; lists are separated by commas. Load returns a finished snapshot: nothing in it changes later.
// The package opens nothing but the file, and never prints a value that is a secret.
package config

import "time"

// Config is the whole configuration. The tags are the names in the file.
type Config struct {
	Node       Node       `toml:"node"`
	Store      Store      `toml:"store"`
	Submission Submission `toml:"submission"`
	MX         MX         `toml:"mx"`
	HTTP       HTTP       `toml:"http"`
	DNS        DNS        `toml:"dns"`
	Delivery   Delivery   `toml:"delivery"`
	Domains    Domains    `toml:"domains"`
	Senders    Senders    `toml:"senders"`
	Reputation Reputation `toml:"reputation"`
	Limits     Limits     `toml:"limits"`
	Bounce     Bounce     `toml:"bounce"`
	Shaping    Shaping    `toml:"shaping"`
	Feedback   Feedback   `toml:"feedback"`
	Retention  Retention  `toml:"retention"`
	Validation Validation `toml:"validate"`
	Log        Log        `toml:"log"`
}

// Node says who this node is.
type Node struct {
	Hostname string `toml:"hostname"` // HELO and Received
	DataDir  string `toml:"data_dir"`
	KeyFile  string `toml:"key_file"` // empty: data_dir/secret.key; shared by all nodes of one store
	Number   int    `toml:"number"`   // 0 to 1023, distinct between nodes of one store
}

// Store says where everything is kept.
type Store struct {
	URL string `toml:"url"` // sqlite:path or postgres://user@host/db
}

// Submission is the SMTP listener for systems that send.
type Submission struct {
	Listen          []string `toml:"listen"`
	ListenTLS       []string `toml:"listen_tls"`
	TLSCert         string   `toml:"tls_cert"`
	TLSKey          string   `toml:"tls_key"`
	RequireTLS      bool     `toml:"require_tls"`
	TrustedNetworks []string `toml:"trusted_networks"` // "CIDR=account"
	MaxSize         int64    `toml:"max_size"`         // octets of one message
	MaxConnections  int      `toml:"max_connections"`
	MaxPerAddress   int      `toml:"max_connections_per_address"`
	MinFree         int64    `toml:"min_free"`   // octets free under data_dir below which nothing is taken
	MaxMemory       int64    `toml:"max_memory"` // octets of messages on their way in, all together
}

// MX is the SMTP listener for bounces and inbound mail.
type MX struct {
	Listen         []string `toml:"listen"`
	MaxSize        int64    `toml:"max_size"`
	MaxConnections int      `toml:"max_connections"`
	MaxPerAddress  int      `toml:"max_connections_per_address"`
}

// HTTP is the listener of API and web.
type HTTP struct {
	Listen  string `toml:"listen"`
	BaseURL string `toml:"base_url"` // as recipients reach it
}

// DNS names the resolvers.
type DNS struct {
	Servers       []string `toml:"servers"`        // empty: the system's
	AuthorityPort int      `toml:"authority_port"` // of authoritative servers, which checks ask past every cache
}

// Delivery is the way out.
type Delivery struct {
	Port            int      `toml:"port"` // of receiving servers
	BounceDomain    string   `toml:"bounce_domain"`
	SourceAddresses []string `toml:"source_addresses"` // empty: the system chooses
	// PrivateAddresses takes mail also to MX hosts at loopback, private and link-local addresses. A port other than 25
	// implies it: no server of the world listens there.
	PrivateAddresses bool          `toml:"private_addresses"`
	MaxSessions      int           `toml:"max_sessions"` // SMTP sessions out at the same time
	RetryFirst       time.Duration `toml:"retry_first"`  // delay before the second attempt; doubles, with jitter
	RetryMax         time.Duration `toml:"retry_max"`    // longest delay between attempts
	Expire           time.Duration `toml:"expire"`       // transactional mail is given up after
	ExpireBulk       time.Duration `toml:"expire_bulk"`  // bulk mail is given up after
	DelayNotice      time.Duration `toml:"delay_notice"` // the sender is told of a delay after; 0: never
	Routes           []Route       `toml:"route"`
}

// Route is a fixed next hop instead of MX; the first match wins.
type Route struct {
	Match       string `toml:"match"`   // recipient domain, "*.suffix" or "*"
	Account     string `toml:"account"` // empty: every account
	Host        string `toml:"host"`
	Port        int    `toml:"port"`
	TLS         string `toml:"tls"` // none, opportunistic, required, implicit
	Username    string `toml:"username"`
	Password    string `toml:"password"`
	Connections int    `toml:"connections"` // at the same time; 0: the default of the site
}

// Domains says what sender domains publish, and how they are watched.
type Domains struct {
	SPFInclude    string        `toml:"spf_include"`    // the name that lists our addresses for include:; empty: they are listed themselves
	KeyZone       string        `toml:"key_zone"`       // the zone that customers' CNAME records lead to; empty: keys as TXT only
	ReturnLabel   string        `toml:"return_label"`   // of a customer's bounce domain; empty: none is asked for
	ReportAddress string        `toml:"report_address"` // DMARC reports; empty: dmarc@ the bounce domain
	RotateAfter   time.Duration `toml:"rotate_after"`   // age at which keys are changed; 0: on command only
	Recheck       time.Duration `toml:"recheck"`        // between checks of a live domain
	Claim         time.Duration `toml:"claim"`          // a domain that was never proved is another's for the asking after
	DMARCDays     int           `toml:"dmarc_days"`     // days of passing mail before the next stage of DMARC is proposed
}

// Senders says what is told of the addresses that mail is sent from.
type Senders struct {
	Public     bool   `toml:"public"`      // the list is shown at /senders
	Contact    string `toml:"contact"`     // mail address for questions about it; empty: none
	NoticeDays int    `toml:"notice_days"` // that those who asked have before an address comes into full use, or goes
	FromDomain string `toml:"from_domain"` // sender domain of the operator's own that writes to them; empty: no letters
}

// Limits are those of accounts that have none of their own: messages, each recipient counted. 0: no limit.
type Limits struct {
	HalfHour     int64  `toml:"half_hour"` // in any 30 minutes; one more locks the account
	Day          int64  `toml:"day"`       // of UTC
	Month        int64  `toml:"month"`     // of UTC
	BulkHalfHour int64  `toml:"bulk_half_hour"`
	BulkDay      int64  `toml:"bulk_day"`
	BulkMonth    int64  `toml:"bulk_month"`
	Tell         string `toml:"tell"` // mail address told of locks; empty: the contacts of operators' accounts
}

// Bounce says how failures are understood.
type Bounce struct {
	Rules string `toml:"rules"` // file of rules asked before the embedded ones; empty: none
}

// Shaping says how hard receiving servers are driven.
type Shaping struct {
	Rules string `toml:"rules"` // file of rules asked before the embedded ones; empty: none
}

// Retention says how long what is kept.
type Retention struct {
	Bodies  time.Duration `toml:"bodies"` // after the last outcome
	Events  time.Duration `toml:"events"`
	Reports time.Duration `toml:"reports"` // of receivers about domains
}

// Validation is of addresses before mail is sent to them.
type Validation struct {
	Disposable string `toml:"disposable"` // file of domains of throw-away mailboxes, one a line; empty: the best known ones
}

// Log says what is logged where to: standard error.
type Log struct {
	Level  string `toml:"level"`  // debug, info, warn, error
	Format string `toml:"format"` // text, json
}

const day = 24 * time.Hour

// Default is the configuration of a node that was told nothing.
func Default() Config {
	return Config{
		Node:  Node{Hostname: "localhost.localdomain", DataDir: "data"},
		Store: Store{URL: "sqlite:data/budkavle.db"},
		Submission: Submission{
			Listen: []string{"127.0.0.1:2587"}, RequireTLS: true, MaxSize: 35 << 20,
			MaxConnections: 1000, MaxPerAddress: 100, MinFree: 256 << 20, MaxMemory: 512 << 20,
		},
		MX:   MX{Listen: []string{"127.0.0.1:2525"}, MaxSize: 35 << 20, MaxConnections: 500, MaxPerAddress: 50},
		HTTP: HTTP{Listen: "127.0.0.1:8080", BaseURL: "http://127.0.0.1:8080"},
		DNS:  DNS{AuthorityPort: 53},
		Delivery: Delivery{
			Port: 25, BounceDomain: "bounce.localhost.localdomain", MaxSessions: 500,
			RetryFirst: time.Minute, RetryMax: 4 * time.Hour,
			Expire: 5 * day, ExpireBulk: day, DelayNotice: 4 * time.Hour,
		},
		Reputation: defaultReputation(),
		Domains:    Domains{ReturnLabel: "bounce", RotateAfter: 180 * day, Recheck: 6 * time.Hour, Claim: 14 * day, DMARCDays: 14},
		Limits:     Limits{HalfHour: 500},
		Senders:    Senders{Public: true, NoticeDays: 14},
		Feedback:   defaultFeedback(),
		Retention:  Retention{Bodies: 7 * day, Events: 90 * day, Reports: 400 * day},
		Log:        Log{Level: "info", Format: "text"},
	}
}
