package sessiontest

import (
	"errors"
	"slices"
)

var errTest = errors.New("test")

// fault is one way in which a transport can be broken.
type fault struct {
	rule, name string
	build      func(b *broken)
	also       []string // rules that it breaks inevitably as well
}

// faults has one for each rule, at least.
var faults = slices.Concat(connectFaults, closeFaults, linkFaults)
