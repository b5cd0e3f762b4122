//go:build !linux

package dkim

import "errors"

func loadLibcrypto(string) (Engine, error) { return nil, errors.New("it is tried on Linux only") }
