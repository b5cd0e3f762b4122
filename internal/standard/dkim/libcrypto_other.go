//go:build !linux

package dkim

import "errors"

func loadLibcrypto() (Engine, error) {
	return nil, notLoaded(errors.New("it is tried on Linux only"))
}
