// Package expose gives the other packages of this module what package session does
// not export, in the manner of the standard library's log/internal.
package expose

import "github.com/holdfast-go/holdfast/session/internal/machine"

// Machine translates a session.Config, of which it fills in the defaults, for the
// core. Package session sets it when it is initialized. Of any other type it panics.
var Machine func(config any) *machine.Config
