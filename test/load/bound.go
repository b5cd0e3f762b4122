package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/budkavle/budkavle/internal/standard/dkim"
	"github.com/budkavle/budkavle/test/rig"
)

// bound is what no mail server here could do better, whatever it was made of.
type bound struct {
	engine string
	sign   float64 // µs of processor an RSA-2048 signature
	direct float64 // messages a second straight from smtp-source into smtp-sink
	tools  float64 // µs of processor a message in the two of them
}

// rate is messages a second of a server whose only work is one signature each.
func (b bound) rate(cores int) float64 { return float64(cores) * 1e6 / (b.sign + b.tools) }

func measureBound(ctx context.Context, p plan) (bound, error) {
	var b bound
	engine, why := dkim.LoadEngine()
	if why != nil {
		fmt.Println(why)
	}
	b.engine = engine.Name()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return b, err
	}
	signer, err := engine.RSA(key)
	if err != nil {
		return b, err
	}
	const signatures = 2000
	digest := sha256.Sum256(nil)
	before := processorTime()
	for range signatures {
		if _, err := signer.Sign(nil, digest[:], crypto.SHA256); err != nil {
			return b, err
		}
	}
	b.sign = float64((processorTime() - before).Microseconds()) / signatures

	k, err := rig.StartSink()
	if err != nil {
		return b, err
	}
	defer k.Stop()
	begin, cpu := time.Now(), rig.CPUTime([]int{k.Pid()})
	spent, err := source(ctx, k.Addr, scenario{size: 4096, reuse: true}, p.connections, p.messages)
	if err == nil {
		err = k.Await(ctx, int64(p.messages))
	}
	spent += rig.CPUTime([]int{k.Pid()}) - cpu
	b.direct = float64(p.messages) / time.Since(begin).Seconds()
	b.tools = float64(spent.Microseconds()) / float64(p.messages)
	return b, err
}

// processorTime is what this process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // fails only for a wrong argument
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// busyTime is what all processes of the machine have used: user, nice, system, irq and softirq of proc_stat(5).
func busyTime() (time.Duration, error) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(data), "\n")
	fields := strings.Fields(line)
	if len(fields) < 8 {
		return 0, fmt.Errorf("/proc/stat begins with %q", line)
	}
	var sum int64
	for _, i := range []int{1, 2, 3, 6, 7} {
		v, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/stat: %w", err)
		}
		sum += v
	}
	return time.Duration(sum) * time.Second / rig.Ticks, nil
}
